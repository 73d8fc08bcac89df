/** Amounts: exact decimal strings, as the bank sent them; only their display is rounded. */
interface Currencies {
  iso_currency_code: string | null;
  unofficial_currency_code: string | null;
}

const formats = new Map<string, Intl.NumberFormat>();

/** A cached formatter; without `digits`, Intl rounds to the currency's own number of decimals. */
function format(language: string, currency: string | null, digits?: number): Intl.NumberFormat {
  const key = `${language}/${currency}/${digits}`;
  let found = formats.get(key);
  if (!found) {
    found = new Intl.NumberFormat(language, {
      ...(currency ? { style: "currency", currency } : {}),
      ...(digits === undefined ? {} : { minimumFractionDigits: Math.min(digits, 2), maximumFractionDigits: digits }),
      signDisplay: "negative", // a rounded "-$0.00" would look like a debt
    });
    formats.set(key, found);
  }
  return found;
}

export const currencyOf = (of: Currencies): string => of.iso_currency_code ?? of.unofficial_currency_code ?? "";

const ISO = new Set(Intl.supportedValuesOf("currency"));

/** The currency of documents that have one field for it, official or not. */
export const inCurrency = (code: string | null): Currencies =>
  code && ISO.has(code)
    ? { iso_currency_code: code, unofficial_currency_code: null }
    : { iso_currency_code: null, unofficial_currency_code: code };

const officialCurrency = (of: Currencies) =>
  of.iso_currency_code && /^[A-Z]{3}$/.test(of.iso_currency_code) ? of.iso_currency_code : null;

/** Prices in pence: a hundredth of a pound, which is no currency of its own and must not look like pounds. */
const PENCE = new Set(["GBX", "GBp"]);

/**
 * An amount for display: an ISO currency is rounded to its own decimals (two for USD, none for JPY). Other currencies,
 * such as cryptocurrencies, have no such rule and keep every digit, as do pence ("125,450.5p").
 */
export function money(amount: string, of: Currencies, language: string): string {
  // Intl formats a decimal string exactly, without converting it to a double.
  const exact = amount as Intl.StringNumericLiteral;
  const official = officialCurrency(of);
  if (official) return format(language, official).format(exact);
  const digits = amount.split(".")[1]?.replace(/0+$/, "").length ?? 0;
  const code = currencyOf(of);
  if (PENCE.has(code)) return `${format(language, null, Math.min(digits, 20)).format(exact)}p`;
  return `${format(language, null, Math.min(Math.max(digits, 2), 20)).format(exact)} ${code}`.trim();
}

/** An amount without decimals, for the scale of a chart; a currency without an ISO code keeps its digits. */
export function wholeMoney(amount: string, of: Currencies, language: string): string {
  const official = officialCurrency(of);
  return official
    ? format(language, official, 0).format(amount as Intl.StringNumericLiteral)
    : money(amount, of, language);
}

/** A quantity with all its digits. */
export const quantity = (amount: string, language: string): string =>
  new Intl.NumberFormat(language, { maximumFractionDigits: 20 }).format(amount as Intl.StringNumericLiteral);

/** A share from 0 to 1 as a whole percentage: "37%" in English, "37 %" in Spanish. */
export const percent = (share: number, language: string) => share.toLocaleString(language, { style: "percent" });

/** A share of which small ones matter: one decimal below 1%, and "<0.1%" rather than "0%". */
export function smallPercent(share: number, language: string): string {
  const style = { style: "percent", maximumFractionDigits: share < 0.01 ? 1 : 0 } as const;
  const isTiny = share > 0 && share < 0.001;
  return `${isTiny ? "<" : ""}${(isTiny ? 0.001 : share).toLocaleString(language, style)}`;
}

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
