/** Numbers and plural forms for the text files, as the language and region in use write them. */
export let number = new Intl.NumberFormat("en");
let rules = new Intl.PluralRules("en");

/** Sets the language tag, before the texts are shown. */
export function countIn(language: string): void {
  number = new Intl.NumberFormat(language);
  rules = new Intl.PluralRules(language);
}

/** The form of a text for a count: English, for example, has another one for 0 than French. */
export const plural = (count: number, one: string, other: string): string =>
  rules.select(count) === "one" ? one : other;

/** A count and what it counts. */
export const many = (count: number, one: string, other: string): string =>
  `${number.format(count)} ${plural(count, one, other)}`;
