/** The language of the page, and its date formats. */
import { createContext, type ReactNode, useContext, useMemo, useState } from "react";
import type { Texts } from "./en";
import { remember, remembered } from "./remembered";

export const LANGUAGES = { en: "English", es: "Español" } as const;
export type Language = keyof typeof LANGUAGES;

const files: Record<Language, () => Promise<{ default: Texts }>> = {
  en: () => import("./en"),
  es: () => import("./es"),
};
const isLanguage = (text: string | null | undefined): text is Language => !!text && text in files;

/** The language the user chose, else the browser's, else English. */
export function preferredLanguage(): Language {
  const chosen = remembered("language");
  if (isLanguage(chosen)) return chosen;
  return navigator.languages.map((one) => one.slice(0, 2)).find(isLanguage) ?? "en";
}

export async function loadTexts(language: Language): Promise<Texts> {
  const texts = (await files[language]()).default;
  document.documentElement.lang = language;
  return texts;
}

interface Spoken {
  language: Language;
  t: Texts;
  speak(language: Language): Promise<void>;
}
const Context = createContext<Spoken | null>(null);

export function LanguageProvider(props: { language: Language; texts: Texts; children: ReactNode }) {
  const [spoken, setSpoken] = useState({ language: props.language, t: props.texts });
  const value = useMemo(
    () => ({
      ...spoken,
      speak: async (language: Language) => {
        const t = await loadTexts(language);
        remember("language", language);
        setSpoken({ language, t });
      },
    }),
    [spoken],
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

export const longDay = (day: Date, language: string) =>
  day.toLocaleDateString(language, { day: "numeric", month: "long", year: "numeric" });

/** Without the year if it is the current one. */
export const shortDay = (day: string, language: string) =>
  dayOf(day).toLocaleDateString(language, {
    day: "numeric",
    month: "short",
    year: dayOf(day).getFullYear() === new Date().getFullYear() ? undefined : "numeric",
  });

export const monthName = (month: string, language: string, style: "short" | "long" = "long") =>
  dayOf(`${month}-01`).toLocaleDateString(language, { month: style, year: style === "long" ? "numeric" : undefined });

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
  return format
    .format(0, "minute")
    .replace(/^this minute$/, "just now")
    .replace(/^este minuto$/, "ahora mismo");
}
