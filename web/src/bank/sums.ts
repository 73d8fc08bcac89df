/** Exact sums of decimal strings. */
function parts(amount: string): [bigint, number] {
  const [whole = "0", decimals = ""] = amount.split(".");
  return [BigInt(whole + decimals), decimals.length];
}

export function sum(amounts: string[]): string {
  let total = 0n;
  let places = 0;
  for (const [value, decimals] of amounts.map(parts)) {
    if (decimals > places) total *= 10n ** BigInt(decimals - places);
    places = Math.max(places, decimals);
    total += value * 10n ** BigInt(places - decimals);
  }
  if (places === 0) return String(total);
  const digits = String(total < 0n ? -total : total).padStart(places + 1, "0");
  return `${total < 0n ? "-" : ""}${digits.slice(0, -places)}.${digits.slice(-places)}`;
}
