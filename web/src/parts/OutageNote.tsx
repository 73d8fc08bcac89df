import { CloudAlert, Info } from "lucide-react";
import type { InstitutionHealth } from "../bank";
import { type Language, useText } from "../text/language";
import { OUTAGE } from "../text/outage";

/** A moment as users say it: the time alone if it is of today. */
function moment(at: Date, now: number, spoken: Language, language: string): string {
  const time = { hour: "numeric", minute: "2-digit" } as const;
  if (at.toDateString() === new Date(now).toDateString())
    return OUTAGE[spoken].today(at.toLocaleString(language, time));
  return OUTAGE[spoken].earlier(
    at.toLocaleString(language, { weekday: "long", day: "numeric", month: "long", ...time }),
  );
}

/** What is wrong with a bank; an empty text for a message that this app does not know. */
export function useOutageText(health: InstitutionHealth, bank: string, now: number): string {
  const { spoken, language } = useText();
  const message = OUTAGE[spoken].messages[health.message_key];
  return message?.(bank, moment(health.since.toDate(), now, spoken, language)) ?? "";
}

/** What is wrong with a bank. Loaded only once a bank has a problem. */
export default function OutageNote(props: { health: InstitutionHealth; bank: string; now: number }) {
  const { health, bank, now } = props;
  const text = useOutageText(health, bank, now);
  if (!text) return null;
  const recovers = health.state === "recovering";
  return (
    <div className={`note ${recovers ? "info" : "warn"} notice`} data-testid="outage" role="status">
      {recovers ? <Info aria-hidden /> : <CloudAlert aria-hidden />}
      <p>{text}</p>
    </div>
  );
}
