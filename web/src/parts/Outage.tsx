import { CloudAlert, Info } from "lucide-react";
import { type BankConnection, type InstitutionHealth, useBankHealth } from "../bank";
import type { Texts } from "../text/en";
import { useText } from "../text/language";
import { useNow } from "./basics";
import { nameOf } from "./situation";

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

/** What is wrong with the bank of a connection, if anything: nothing that the user could fix. */
export function Outage({ connection }: { connection: BankConnection }) {
  const { t, language } = useText();
  const now = useNow();
  const health = useBankHealth(connection.status === "error" ? null : connection.institution_id, now);
  const text = health ? outageText(health, nameOf(connection, t), now, t, language) : "";
  if (!health || !text) return null;
  const recovers = health.state === "recovering";
  return (
    <div className={`note ${recovers ? "info" : "warn"} notice`} data-testid="outage" role="status">
      {recovers ? <Info aria-hidden /> : <CloudAlert aria-hidden />}
      <p>{text}</p>
    </div>
  );
}
