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

/** Prices of shares in hundredths of a currency: pence (the exchange writes GBX, others GBp), South African cents, agorot. */
const HUNDREDTHS = new Set(["GBX", "GBp", "ZAC", "ZAc", "ILA"]);

const officialCurrency = ({ iso_currency_code: code }: Currencies) =>
  code && /^[A-Z]{3}$/.test(code) && !HUNDREDTHS.has(code) ? code : null;

/** The unit of an amount without an ISO currency: British readers write pence as "p"; the code is clear to all others. */
const unitOf = (code: string, language: string) =>
  /^GB[Xp]$/.test(code) && language.startsWith("en") ? "p" : code && `\u00a0${code}`;

/**
 * An amount for display: an ISO currency is rounded to its own decimals (two for USD, none for JPY). Other currencies,
 * such as pence or cryptocurrencies, have no such rule and keep every digit.
 */
export function money(amount: string, of: Currencies, language: string): string {
  // Intl formats a decimal string exactly, without converting it to a double.
  const exact = amount as Intl.StringNumericLiteral;
  const official = officialCurrency(of);
  if (official) return format(language, official).format(exact);
  const code = currencyOf(of);
  const digits = amount.split(".")[1]?.replace(/0+$/, "").length ?? 0;
  const shown = HUNDREDTHS.has(code) ? digits : Math.max(digits, 2); // pence are seldom divided
  return `${format(language, null, Math.min(shown, 20)).format(exact)}${unitOf(code, language)}`;
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

/** A share from 0 to 1 as a whole percentage: "37%" in English, "37 %" in the other languages. */
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

// A currency before or after an amount: "€", "CA$", "$US", "CHF", "p".
const SIGN = `(?:[a-z]{0,3}\\p{Sc}[a-z]{0,3}|${[...ISO, ...HUNDREDTHS].join("|")})`;
const AROUND = new RegExp(`^[-+−]?\\s*(?:${SIGN})?\\s*[-+−]?|\\s*(?:${SIGN}|p)$`, "giu");

/**
 * The size of an amount as people write it, with a decimal comma or point; undefined if it is none.
 * Thousands may be grouped by points or commas, or by spaces and apostrophes as in France and Switzerland. One separator
 * before exactly three digits groups thousands, as does the first of two kinds.
 */
export function sizeIn(text: string): number | undefined {
  const bare = text.trim().replace(AROUND, "");
  if (!/^\d[\d.,\s'’]*$/.test(bare)) return undefined;
  const grouped = /^[1-9]\d{0,2}(?:([.,\s'’])\d{3})(?:\1\d{3})*(?:(?!\1)[.,]\d+)?$/.exec(bare);
  const size = Number((grouped ? bare.replaceAll(grouped[1] ?? "", "") : bare).replace(",", "."));
  return Number.isNaN(size) ? undefined : size;
}
