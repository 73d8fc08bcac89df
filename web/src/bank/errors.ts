/** Errors, and what a user can do about each. */
import type { FunctionsError } from "firebase/functions";

/** The next steps that a screen can offer after an error. */
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
  /** With `duplicate_connection`: the accounts of the existing connection that the new link also has. */
  accounts?: { account_id: string; name: string; mask: string | null }[];
}

/** An error of the backend or of the network. docs/errors.md lists the codes. */
export class BankError extends Error {
  override name = "BankError";
  constructor(
    /** A stable code, for programs. Codes that docs/errors.md does not list are defined by this library. */
    readonly code: string,
    message: string,
    readonly details: Details = {},
    readonly at = new Date(),
  ) {
    super(message);
  }

  /** Plaid's `request_id` of the failed request, which Plaid's support asks for. */
  get requestId(): string | undefined {
    return this.details.plaid?.request_id;
  }

  get retryAfterSeconds(): number | undefined {
    return this.details.retry_after_seconds;
  }

  /** With `duplicate_connection`: the accounts that are already connected. */
  get accounts(): NonNullable<Details["accounts"]> {
    return this.details.accounts ?? [];
  }

  /** Whether a retry with a new ID token may succeed: it has the user's current state, such as a verified email. */
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
    [
      ...BUSY,
      ...DOWN,
      "public_token_invalid",
      "link_unavailable",
      "link_failed",
      "changed",
      "bill_changed",
      "unreachable",
    ],
    "retry",
  ),
  ...ways([...SIGNED_OUT, "anonymous_not_allowed"], "sign_in"),
  email_not_verified: "verify_email",
  ...ways(["rate_limited", "sync_too_soon"], "wait"),
  ...ways(["relink_required", "connection_unusable", "accounts_fixed", "nothing_to_resume"], "relink"),
  ...ways(["link_token_not_yours", "link_token_required", "public_token_not_yours"], "relink"),
  offline: "online",
  user_action_required: "repair",
  duplicate_connection: "show_connection",
  too_many_connections: "remove",
};

/** Recent errors, newest first, for a report to support. */
export const recentErrors: BankError[] = [];

/** Converts any error to a BankError, and keeps it for a report. */
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
  // A function that no client may call, or a refusal by the security rules: signing in again fixes neither.
  if (code?.endsWith("permission-denied")) return new BankError("refused", message ?? "");
  if (code?.endsWith("unavailable") || code?.endsWith("internal") || code?.endsWith("deadline-exceeded")) {
    return new BankError("store_unavailable", message ?? "");
  }
  return new BankError("unknown", message ?? String(error));
}
