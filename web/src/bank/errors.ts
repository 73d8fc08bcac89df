/** What went wrong, and what a user can do about it. */
import type { FunctionsError } from "firebase/functions";

/** The ways on that a screen can offer. */
export type WayOn =
  | "retry"
  | "wait"
  | "sign_in"
  | "verify_email"
  | "repair"
  | "relink"
  | "show_connection"
  | "remove"
  | "support"
  | "online";

interface Details {
  code?: string;
  plaid?: { error_type: string; error_code: string; request_id: string };
  display_message?: string;
  retry_after_seconds?: number;
  connection_id?: string;
  /** Of `duplicate_connection`: the accounts of the existing connection that the new link has, too. */
  accounts?: { account_id: string; name: string; mask: string | null }[];
}

/** An error of the backend, or of the way to it. docs/errors.md lists the codes. */
export class BankError extends Error {
  override name = "BankError";
  constructor(
    /** Ours, stable: for programs. Those that docs/errors.md does not know are this library's own. */
    readonly code: string,
    message: string,
    readonly details: Details = {},
    readonly at = new Date(),
  ) {
    super(message);
  }

  /** Plaid's id of the failed request: support asks for it. */
  get requestId(): string | undefined {
    return this.details.plaid?.request_id;
  }

  get retryAfterSeconds(): number | undefined {
    return this.details.retry_after_seconds;
  }

  /** Of `duplicate_connection`: what is connected already. */
  get accounts(): NonNullable<Details["accounts"]> {
    return this.details.accounts ?? [];
  }

  /** Whether a new ID token may pass: it says who the user is by now, and whether their address is verified. */
  get wantsNewToken(): boolean {
    return this.wayOn === "sign_in" || this.wayOn === "verify_email";
  }

  get wayOn(): WayOn {
    return WAYS[this.code] ?? (this.retryAfterSeconds === undefined ? "support" : "retry");
  }
}

const BUSY = ["connection_busy", "exchange_in_progress", "exchange_not_started", "limits_busy", "erasure_busy"];
const DOWN = [
  "store_unavailable",
  "auth_unavailable",
  "app_check_unavailable",
  "queue_unavailable",
  "bank_unavailable",
];
const SIGNED_OUT = ["id_token_missing", "id_token_invalid", "id_token_expired", "id_token_revoked", "user_disabled"];
const ways = (codes: string[], way: WayOn) => Object.fromEntries(codes.map((code) => [code, way]));
const WAYS: Record<string, WayOn> = {
  ...ways(
    [...BUSY, ...DOWN, "public_token_invalid", "link_unavailable", "link_failed", "changed", "unreachable"],
    "retry",
  ),
  ...ways([...SIGNED_OUT, "anonymous_not_allowed"], "sign_in"),
  email_not_verified: "verify_email",
  ...ways(["rate_limited", "sync_too_soon"], "wait"),
  ...ways(["relink_required", "connection_unusable", "accounts_fixed", "nothing_to_resume"], "relink"),
  offline: "online",
  user_action_required: "repair",
  duplicate_connection: "show_connection",
  too_many_connections: "remove",
};

/** Errors of late, newest first: what a report to support is made of. */
export const recentErrors: BankError[] = [];

/** Any error as a BankError; it is remembered for a report. */
export function toBankError(error: unknown): BankError {
  const found = error instanceof BankError ? error : translated(error);
  if (!recentErrors.includes(found)) recentErrors.unshift(found);
  recentErrors.length = Math.min(recentErrors.length, 20);
  return found;
}

function translated(error: unknown): BankError {
  const { code, details, message } = error as Partial<FunctionsError>;
  if (!navigator.onLine) return new BankError("offline", "the browser is offline");
  const given = details as Details | undefined;
  if (given?.code) return new BankError(given.code, message ?? "", given);
  if (code?.endsWith("unauthenticated")) return new BankError("id_token_missing", message ?? "");
  // Of a function: nobody may call it. Of Firestore: its rules say no. Neither is mended by signing in.
  if (code?.endsWith("permission-denied")) return new BankError("refused", message ?? "");
  if (code?.endsWith("unavailable") || code?.endsWith("internal") || code?.endsWith("deadline-exceeded")) {
    return new BankError("store_unavailable", message ?? "");
  }
  return new BankError("unknown", message ?? String(error));
}
