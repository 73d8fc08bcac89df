import { CloudAlert, Info } from "lucide-react";
import type { InstitutionHealth } from "../bank";
import type { Texts } from "../text/en";
import { useText } from "../text/language";

/** A moment as users say it: the time alone if it is of today. */
function moment(at: Date, now: number, t: Texts, language: string): string {
  const time = { hour: "numeric", minute: "2-digit" } as const;
  if (at.toDateString() === new Date(now).toDateString()) return t.outage.today(at.toLocaleString(language, time));
  return t.outage.earlier(at.toLocaleString(language, { weekday: "long", day: "numeric", month: "long", ...time }));
}

/** What is wrong with a bank; an empty text for a message that this app does not know. */
export function outageText(health: InstitutionHealth, bank: string, now: number, t: Texts, language: string): string {
  return t.outage.messages[health.message_key]?.(bank, moment(health.since.toDate(), now, t, language)) ?? "";
}

/** What is wrong with a bank. Loaded only once a bank has a problem. */
export default function OutageNote(props: { health: InstitutionHealth; bank: string; now: number }) {
  const { health, bank, now } = props;
  const { t, language } = useText();
  const text = outageText(health, bank, now, t, language);
  if (!text) return null;
  const recovers = health.state === "recovering";
  return (
    <div className={`note ${recovers ? "info" : "warn"} notice`} data-testid="outage" role="status">
      {recovers ? <Info aria-hidden /> : <CloudAlert aria-hidden />}
      <p>{text}</p>
    </div>
  );
}
