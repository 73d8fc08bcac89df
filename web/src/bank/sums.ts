/** Exact sums of decimal strings. */
import { negated } from "./money";

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

/** One amount less another. */
export const difference = (amount: string, less: string): string => sum([amount, negated(less)]);

/** The sign of an amount: -1, 0 or 1. */
export const signOf = (amount: string): number => (/[1-9]/.test(amount) ? (amount.startsWith("-") ? -1 : 1) : 0);

/** Amounts by currency, added up; the currency with most amounts first. */
export function totals(amounts: { currency: string | null; amount: string }[]): { currency: string; amount: string }[] {
  const groups = new Map<string, string[]>();
  for (const { currency, amount } of amounts)
    groups.set(currency ?? "", [...(groups.get(currency ?? "") ?? []), amount]);
  return [...groups]
    .sort((a, b) => b[1].length - a[1].length)
    .map(([currency, group]) => ({ currency, amount: sum(group) }));
}
