/** A connection's status and sync progress in words for the user. */
import type { BankConnection, Purpose, SyncProgress } from "../bank";
import type { Texts } from "../text/en";
import { isolated } from "../text/isolated";
import { longDay, relative } from "../text/language";

export interface Notice {
  tone: "bad" | "warn" | "info";
  text: string;
  action: string;
  purpose: Purpose;
}

export const nameOf = (connection: BankConnection, t: Texts) => isolated(connection.institution_name ?? t.yourBank);

const REVOKED = "USER_PERMISSION_REVOKED"; // its data is already deleted
const NO_TRANSACTIONS = new Set(["PRODUCTS_NOT_SUPPORTED", "PRODUCT_NOT_ENABLED"]);

const textOfDead = (code: string, t: Texts) =>
  NO_TRANSACTIONS.has(code) ? t.notice.noTransactions : code === REVOKED ? t.notice.revoked : t.notice.error;

/** What the user should do about a connection, if anything. */
export function noticeOf(connection: BankConnection, t: Texts, language: string): Notice | null {
  const { connection_id, status, action, consent_expiration_time } = connection;
  const bank = nameOf(connection, t);
  if (status === "error" || action === "relink") {
    const text = textOfDead(connection.error_code ?? "", t)(bank);
    return { tone: "bad", text, action: t.notice.relink, purpose: { kind: "connect" } };
  }
  const repair: Purpose = { kind: "repair", connection_id };
  const accounts: Purpose = { kind: "accounts", connection_id };
  if (status === "bad" && action === "select_accounts") {
    return { tone: "bad", text: t.notice.noAccounts(bank), action: t.notice.accounts, purpose: accounts };
  }
  if (status === "bad") return { tone: "bad", text: t.notice.bad(bank), action: t.notice.repair, purpose: repair };
  if (status === "pending_expiration") {
    const day = consent_expiration_time ? longDay(consent_expiration_time.toDate(), language) : null;
    return { tone: "warn", text: t.notice.expiring(bank, day), action: t.notice.renew, purpose: repair };
  }
  if (status === "pending_disconnect") {
    return { tone: "warn", text: t.notice.disconnecting(bank), action: t.notice.renew, purpose: repair };
  }
  if (action === "select_accounts") {
    return { tone: "info", text: t.notice.newAccounts(bank), action: t.notice.accounts, purpose: accounts };
  }
  if (action === "reconnect") {
    // The connection works, but the user has not consented to everything it needs.
    const consent: Purpose = { kind: "consent", connection_id };
    return { tone: "warn", text: t.notice.consent(bank), action: t.notice.agree, purpose: consent };
  }
  return null;
}

export interface SyncLine {
  text: string;
  tone: "busy" | "calm" | "warn";
  /** For the progress bar; null if the progress is unknown. */
  percent: number | null;
  busy: boolean;
}

/** The sync status of a connection, in one line. */
export function syncLineOf(
  connection: BankConnection,
  progress: SyncProgress | undefined,
  now: number,
  t: Texts,
  language: string,
): SyncLine {
  const updated = connection.last_sync
    ? t.sync.updated(relative(connection.last_sync.toDate(), now, language))
    : t.sync.never;
  const calm: SyncLine = { text: updated, tone: "calm", percent: null, busy: false };
  if (!progress) return calm;
  const bank = nameOf(connection, t);
  const busy = (text: string): SyncLine => ({ text, tone: "busy", percent: progress.percent, busy: true });
  const late: SyncLine = { ...calm, text: t.sync.late(bank), tone: "warn" };
  switch (progress.status) {
    case "failed":
      if (connection.status === "bad" || connection.status === "error") return calm; // the notice explains the error
      if (!progress.error?.retryable) return { ...calm, text: t.sync.failed, tone: "warn" };
      return { ...calm, text: retryText(bank, progress.next_retry_at?.toDate(), now, t, language), tone: "warn" };
    case "in_progress":
      return busy(t.sync[progress.stage]);
    case "pending":
      if (progress.stage === "waiting_for_bank" && connection.history_late) return late;
      return busy(t.sync[progress.stage === "waiting_for_bank" ? "waiting_for_bank" : "queued"]);
    case "completed":
      if (progress.history_complete) return calm;
      return connection.history_late ? late : { ...busy(t.sync.history), percent: null };
  }
}

/** When the next attempt is; a time in less than a minute would read "just now". */
const retryText = (bank: string, at: Date | undefined, now: number, t: Texts, language: string) =>
  at && at.getTime() - now >= 60_000 ? t.sync.retryAt(bank, relative(at, now, language)) : t.sync.retrySoon(bank);

/** Whether any connection is still in its first sync. */
export const isArriving = (all: SyncProgress[]) => all.some((one) => !one.history_complete && one.status !== "failed");
