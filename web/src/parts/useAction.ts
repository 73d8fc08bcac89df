import { useState } from "react";
import { useLocation } from "wouter";
import { type BankError, toBankError } from "../bank";
import { isSignedIn, sendVerification } from "../bank/session";
import type { Texts } from "../text/en";
import { useText } from "../text/language";
import { say } from "./toasts";

const A_MINUTE = 60;

/** An error message for users: Plaid's `display_message` if there is one, else the app's own text. */
export function words(error: BankError, t: Texts): string {
  const { details, code, wayOn, retryAfterSeconds } = error;
  if (details.display_message) return details.display_message;
  const fallback = wayOn === "sign_in" ? "session" : wayOn === "retry" ? "store_unavailable" : "unknown";
  const text = t.errors[code] ?? t.errors[fallback] ?? "";
  const seconds = retryAfterSeconds ?? (wayOn === "wait" ? A_MINUTE : undefined);
  return seconds ? `${text} ${t.retryIn(seconds)}` : text;
}

/** Runs a button's work: the button is busy meanwhile, and a failure is shown with what the user can do about it. */
export function useAction() {
  const { t } = useText();
  const [, go] = useLocation();
  const [busy, setBusy] = useState(false);
  function actionFor({ wayOn, details: { connection_id } }: BankError) {
    if (wayOn === "show_connection" && connection_id) {
      return { label: t.showConnection, run: () => go(`/connections/${connection_id}`) };
    }
    if (wayOn === "support") return { label: t.settings.report, run: () => go("/settings?report") };
    if (wayOn === "verify_email") return { label: t.verification.send, run: () => void verify() };
    return undefined;
  }
  async function verify() {
    try {
      say(t.verification.sent(await sendVerification()));
    } catch {
      say(t.verification.notSent, { tone: "bad" });
    }
  }
  async function run(work: () => Promise<void>): Promise<BankError | null> {
    if (busy) return null;
    setBusy(true);
    try {
      await work();
      return null;
    } catch (caught) {
      const error = toBankError(caught);
      if (error.wayOn === "sign_in" && !isSignedIn()) return error; // the sign-in page says so
      const action = actionFor(error);
      say(words(error, t), { tone: "bad", ...(action ? { action } : {}) });
      return error;
    } finally {
      setBusy(false);
    }
  }
  return { busy, run };
}
