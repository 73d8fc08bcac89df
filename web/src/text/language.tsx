/** The language of the page, and its date formats. */
import { createContext, type ReactNode, useContext, useMemo, useState } from "react";
import type { Texts } from "./en";
import { countIn } from "./numbers";
import { remember, remembered } from "./remembered";

export const LANGUAGES = { en: "English", es: "Español", fr: "Français", de: "Deutsch" } as const;
export type Language = keyof typeof LANGUAGES;

// Each language is a file of its own, so that a browser loads one of them only.
const files: Record<Language, () => Promise<{ default: Texts }>> = {
  en: () => import("./en"),
  es: () => import("./es"),
  fr: () => import("./fr"),
  de: () => import("./de"),
};
const languageOf = (tag: string) => tag.split("-")[0]?.toLowerCase();
const isLanguage = (text: string | null | undefined): text is Language => !!text && Object.hasOwn(files, text);

/** The language the user chose, else the browser's, else English. */
export function preferredLanguage(): Language {
  const chosen = remembered("language");
  if (isLanguage(chosen)) return chosen;
  return navigator.languages.map(languageOf).find(isLanguage) ?? "en";
}

/** The language with the region that the browser has for it, such as "de-AT"; without one if it has none. */
export const tagOf = (language: Language): string =>
  navigator.languages.find((one) => one.includes("-") && languageOf(one) === language) ?? language;

export async function loadTexts(language: Language): Promise<Texts> {
  const texts = (await files[language]()).default;
  countIn(tagOf(language));
  document.documentElement.lang = tagOf(language);
  return texts;
}

interface Spoken {
  /** The language of the texts. */
  spoken: Language;
  /** Its tag with the region, as `navigator.language` has it: dates, numbers and amounts are written by it. */
  language: string;
  t: Texts;
  speak(language: Language): Promise<void>;
}
const Context = createContext<Spoken | null>(null);

export function LanguageProvider(props: { language: Language; texts: Texts; children: ReactNode }) {
  const [now, setNow] = useState({ spoken: props.language, t: props.texts });
  const value = useMemo(
    () => ({
      ...now,
      language: tagOf(now.spoken),
      speak: async (spoken: Language) => {
        const t = await loadTexts(spoken);
        remember("language", spoken);
        setNow({ spoken, t });
      },
    }),
    [now],
  );
  return <Context value={value}>{props.children}</Context>;
}

export function useText(): Spoken {
  const found = useContext(Context);
  if (!found) throw new Error("no LanguageProvider");
  return found;
}

/** Parses `YYYY-MM-DD` as a calendar day, independent of the time zone. */
export function dayOf(day: string): Date {
  const [year = 1970, month = 1, date = 1] = day.split("-").map(Number);
  return new Date(year, month - 1, date);
}

/** A date with a month's name. French writes the first of a month as an ordinal, which Intl does not. */
export function dateText(day: Date, language: string, options: Intl.DateTimeFormatOptions): string {
  const text = day.toLocaleString(language, options);
  return languageOf(language) === "fr" ? text.replace(/(?<=^|\s)1(?=\s\p{L})/u, "1er") : text;
}

export const longDay = (day: Date, language: string) =>
  dateText(day, language, { day: "numeric", month: "long", year: "numeric" });

/** Without the year if it is the current one. */
export const shortDay = (day: string, language: string) =>
  dateText(dayOf(day), language, {
    day: "numeric",
    month: "short",
    year: dayOf(day).getFullYear() === new Date().getFullYear() ? undefined : "numeric",
  });

export const monthName = (month: string, language: string, style: "short" | "long" = "long") =>
  dayOf(`${month}-01`).toLocaleDateString(language, { month: style, year: style === "long" ? "numeric" : undefined });

const JUST_NOW: Record<Language, string> = {
  en: "just now",
  es: "ahora mismo",
  fr: "à l’instant",
  de: "gerade eben",
};
const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
];

/** "5 minutes ago", "in 2 hours", or the date if it is more than six days away. */
export function relative(time: Date, now: number, language: string): string {
  const distance = time.getTime() - now;
  if (Math.abs(distance) > 6 * 86_400_000) return longDay(time, language);
  const format = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  for (const [unit, size] of STEPS) {
    if (Math.abs(distance) >= size) return format.format(Math.round(distance / size), unit);
  }
  const spoken = languageOf(language);
  return isLanguage(spoken) ? JUST_NOW[spoken] : format.format(0, "minute");
}
