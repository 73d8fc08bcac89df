/** Amounts: decimal strings, exact as the bank sent them, in the currency that it named. */
interface Currencies {
  iso_currency_code: string | null;
  unofficial_currency_code: string | null;
}

const formats = new Map<string, Intl.NumberFormat>();

function format(language: string, currency: string | null, digits: number): Intl.NumberFormat {
  const key = `${language}/${currency}/${digits}`;
  let found = formats.get(key);
  if (!found) {
    const usual = currency ? { style: "currency" as const, currency } : { minimumFractionDigits: 2 };
    const least = new Intl.NumberFormat(language, usual).resolvedOptions().minimumFractionDigits ?? 0;
    found = new Intl.NumberFormat(language, { ...usual, maximumFractionDigits: Math.max(least, digits) });
    formats.set(key, found);
  }
  return found;
}

export const currencyOf = (of: Currencies): string => of.iso_currency_code ?? of.unofficial_currency_code ?? "";

/** An amount as text. No digit of what the bank sent is lost, and a currency has its usual number of decimals. */
export function money(amount: string | number, of: Currencies, language: string): string {
  const digits = typeof amount === "string" ? (amount.split(".")[1]?.replace(/0+$/, "").length ?? 0) : 0;
  const official = of.iso_currency_code && /^[A-Z]{3}$/.test(of.iso_currency_code) ? of.iso_currency_code : null;
  // A decimal string is formatted as such, not by way of a double.
  const text = format(language, official, Math.min(digits, 20)).format(amount as Intl.StringNumericLiteral);
  return official ? text : `${text} ${currencyOf(of)}`.trim();
}

/** A sum, in a currency's usual decimals, where it has some: what banks send beyond those is for the single amounts. */
export const roundMoney = (amount: string, of: Currencies, language: string) =>
  money(of.iso_currency_code ? Number(amount) : amount, of, language);

/** What came in is a negative amount at Plaid; people write it the other way round. */
export const negated = (amount: string): string =>
  amount.startsWith("-") ? amount.slice(1) : /^0*\.?0*$/.test(amount) ? amount : `-${amount}`;

/**
 * The size of an amount as people write it, with a decimal comma or point; undefined if it is none.
 * One separator before exactly three digits groups thousands, as does the first of two kinds.
 */
export function sizeIn(text: string): number | undefined {
  const bare = text.trim().replace(/^[-+−]?\s*\p{Sc}?\s*|\s*\p{Sc}$/gu, "");
  if (!/^\d[\d.,]*$/.test(bare)) return undefined;
  const grouped = /^[1-9]\d{0,2}(?:([.,])\d{3})(?:\1\d{3})*(?:(?!\1)[.,]\d+)?$/.exec(bare);
  const size = Number((grouped ? bare.replaceAll(grouped[1] ?? "", "") : bare).replace(",", "."));
  return Number.isNaN(size) ? undefined : size;
}
