/** Plaid Link, or the simulator's, as a promise. https://plaid.com/docs/link/web/ */
import { createLinkToken, exchangePublicToken, reconnectConnection } from "./calls";
import { BankError, toBankError } from "./errors";
import { forgetLink, keepLink, keptLink } from "./keptLink";
import { patiently } from "./patience";
import { bank, onUser } from "./session";
import type { Action, ItemStatus, LinkAccount, LinkInstitution } from "./types.generated";

interface Success {
  public_token: string;
  link_token: string;
  institution: LinkInstitution | null;
  accounts: LinkAccount[];
}
interface LinkError {
  error_type: string;
  error_code: string;
  error_message: string;
  display_message: string | null;
}
interface Handler {
  open(): void;
  destroy(): void;
}
interface Plaid {
  create(options: {
    token: string;
    receivedRedirectUri?: string;
    onSuccess(publicToken: string, metadata: Omit<Success, "public_token" | "link_token">): void;
    onExit(error: LinkError | null, metadata: { request_id?: string }): void;
  }): Handler;
}
declare global {
  interface Window {
    Plaid?: Plaid;
  }
}

/** Why Link is opened: to connect a bank, or to update an existing connection. */
export type Purpose =
  | { kind: "connect"; allow_duplicate?: true }
  | { kind: "repair" | "accounts" | "consent"; connection_id: string };
type Shared = (bank: string | null) => void;
/** `action`: what the user still has to do for the connection. */
export type Outcome = {
  connection_id: string;
  status: ItemStatus;
  institution_name?: string | null;
  action?: Action | null;
} | null;

const currentUid = () => bank().auth.currentUser?.uid ?? "";
let script: Promise<Plaid> | null = null;

function plaid(): Promise<Plaid> {
  script ??= new Promise<Plaid>((resolve, reject) => {
    const failed = () => {
      script = null;
      element.remove();
      reject(new BankError(navigator.onLine ? "link_unavailable" : "offline", "Link's script did not load"));
    };
    const element = document.createElement("script");
    element.src = bank().config.link_script;
    element.onerror = failed;
    element.onload = () => (window.Plaid ? resolve(window.Plaid) : failed());
    document.head.append(element);
  });
  return script;
}

/** Shows Link; returns null if the user left it, or signed out in another tab, which closes Link. */
async function show(token: string, receivedRedirectUri?: string): Promise<Success | null> {
  const { create } = await plaid();
  const uid = currentUid();
  return new Promise((resolve, reject) => {
    let handler: Handler | null = null;
    const end = (settle: () => void) => {
      settle();
      stop();
      setTimeout(() => handler?.destroy());
    };
    const stop = onUser((user) => {
      if (user?.uid !== uid) end(() => resolve(null));
    });
    handler = create({
      token,
      ...(receivedRedirectUri ? { receivedRedirectUri } : {}),
      onSuccess: (public_token, { institution, accounts }) =>
        end(() =>
          resolve({ public_token, link_token: token, institution: institution ?? null, accounts: accounts ?? [] }),
        ),
      onExit: (error, metadata) =>
        end(() => (error?.error_code === "INVALID_LINK_TOKEN" ? reject(leftWith(error, metadata)) : resolve(null))),
    });
    handler.open();
  });
}

function leftWith(error: LinkError, metadata: { request_id?: string }): BankError {
  const { error_type, error_code } = error;
  const plaidError = { error_type, error_code, request_id: metadata.request_id ?? "" };
  return new BankError("link_failed", error.error_message, { code: "link_failed", plaid: plaidError });
}

/** Link's result for a refused duplicate. It is not part of the error, because errors are shown and reported. */
const refusedSuccesses = new WeakMap<BankError, Success>();

async function exchanged(success: Success, allowDuplicate = false): Promise<Outcome> {
  try {
    return await patiently(() =>
      exchangePublicToken({ ...success, ...(allowDuplicate ? { allow_duplicate: true } : {}) }),
    );
  } catch (caught) {
    const error = toBankError(caught);
    if (error.code === "duplicate_connection") refusedSuccesses.set(error, success);
    throw error;
  }
}

const USED_UP = ["duplicate_connection", "public_token_invalid", "link_token_not_yours"]; // the last: it has expired

/**
 * Connects a bank although its accounts are already connected.
 *
 * If the backend recognised the duplicate from Link's metadata, the public token is unused and is exchanged now. If it
 * recognised the duplicate after the exchange, the token has been used, and Link opens again.
 * @param duplicate the error `duplicate_connection` of `goThroughLink` or `resumeLink`
 * @param more.onAgain called when the user has to go through Link again
 * @throws BankError
 */
export async function connectAnyway(
  duplicate: BankError,
  { language, onShared, onAgain }: { language?: string; onShared?: Shared; onAgain?: () => void } = {},
): Promise<Outcome> {
  const success = refusedSuccesses.get(duplicate);
  if (success) {
    onShared?.(success.institution?.name ?? null);
    try {
      return await exchanged(success, true);
    } catch (error) {
      if (!USED_UP.includes(toBankError(error).code)) throw error;
    }
  }
  onAgain?.();
  return goThroughLink({ kind: "connect", allow_duplicate: true }, language, onShared);
}

async function settle(purpose: Purpose, success: Success | null, onShared?: Shared): Promise<Outcome> {
  if (!success) return null;
  onShared?.(success.institution?.name ?? null);
  // The user has logged in at the bank: retry, rather than lose that login to a failed call.
  if (purpose.kind === "connect") return exchanged(success, purpose.allow_duplicate);
  const { connection_id } = purpose;
  return { connection_id, ...(await patiently(() => reconnectConnection({ connection_id }))) };
}

/**
 * The whole Link flow: create a link token, show Link, and send its result to the backend.
 * @param onShared called when the user has finished Link, before the backend connects the bank
 * @returns the connection, or null if the user left.
 * @throws BankError
 */
export async function goThroughLink(purpose: Purpose, language?: string, onShared?: Shared): Promise<Outcome> {
  try {
    const uid = currentUid(); // before the call: the link token is this user's
    const [{ link_token, expiration }] = await Promise.all([
      createLinkToken({
        ...(purpose.kind === "connect" ? {} : { connection_id: purpose.connection_id }),
        ...(purpose.kind === "accounts" ? { account_selection: true } : {}),
        ...(bank().config.oauth_redirect ? { redirect_uri: `${location.origin}/link-return` } : {}),
        ...(language ? { language } : {}),
      }),
      plaid(),
    ]);
    // An OAuth bank may redirect the browser; the user returns to a new page, perhaps in another tab.
    keepLink(uid, link_token, purpose, expiration);
    return await finish(purpose, link_token, { onShared });
  } catch (error) {
    throw refusedFor(purpose, toBankError(error));
  }
}

/** Shows Link, sends its result to the backend, and only then deletes the stored session. */
async function finish(
  purpose: Purpose,
  token: string,
  more: { receivedRedirectUri?: string; onShared?: Shared | undefined },
): Promise<Outcome> {
  await plaid(); // if the script fails to load, Link has not started and can be resumed later
  const uid = currentUid();
  try {
    return await settle(purpose, await show(token, more.receivedRedirectUri), more.onShared);
  } finally {
    forgetLink(uid, token);
  }
}

/** Account selection works in some countries only, and only the backend knows which. */
function refusedFor({ kind }: Purpose, error: BankError): BankError {
  if (kind !== "accounts" || error.code !== "invalid_input") return error;
  return new BankError("accounts_fixed", error.message, { ...error.details, code: "accounts_fixed" });
}

/**
 * Resumes the Link session that an OAuth bank has sent the browser back to, in any tab.
 * @throws BankError `nothing_to_resume` if this user has no Link session in this browser
 */
export async function resumeLink(onShared?: Shared): Promise<{ purpose: Purpose; outcome: Outcome }> {
  const found = keptLink(currentUid());
  if (!found) throw new BankError("nothing_to_resume", "this user has no Link session in this browser");
  const { link_token, purpose } = found;
  try {
    return { purpose, outcome: await finish(purpose, link_token, { receivedRedirectUri: location.href, onShared }) };
  } catch (error) {
    throw toBankError(error);
  }
}
