/** Plaid Link, or the simulator's, as a promise. https://plaid.com/docs/link/web/ */
import { createLinkToken, exchangePublicToken, reconnectConnection } from "./calls";
import { BankError, toBankError } from "./errors";
import { bankHealth, loginFails } from "./health";
import { forgetLink, keepLink, keptLink } from "./keptLink";
import { patiently } from "./patience";
import { toChooseFrom } from "./relink";
import { bank, onUser } from "./session";
import type {
  Action,
  BankConnection,
  InstitutionHealth,
  ItemStatus,
  LinkAccount,
  LinkInstitution,
} from "./types.generated";

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

/** What the user has decided about accounts that are connected already: to connect them twice, or to replace them. */
export interface Decision {
  allow_duplicate?: true;
  /** The id of the connection that the new one replaces; null if the user wants to replace none. */
  replaces?: string | null;
}
/**
 * Why Link is opened: to connect a bank, or to update an existing connection. `consent` is for transactions, which the
 * connection needs; `products` is for others, without which it still works.
 */
export type Purpose =
  | ({ kind: "connect" } & Decision)
  | { kind: "repair" | "accounts" | "consent" | "products"; connection_id: string };
/** What a screen does before Link opens, and while Link's result is sent to the backend. */
export interface Asked {
  /** The bank that the user will log in to, if it is known before Link opens. */
  institutionId?: string | null | undefined;
  /** Asks whether Link opens although logins at that bank fail. */
  warn?: ((health: InstitutionHealth) => Promise<boolean>) | undefined;
  /** Called when the user has finished Link, before the backend connects the bank. */
  onShared?: ((bank: string | null) => void) | undefined;
  /** Asks which of several dead connections the new one replaces; null: none. */
  choose?: ((dead: BankConnection[]) => Promise<string | null>) | undefined;
}
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
const refusedSuccesses = new WeakMap<BankError, { success: Success; decision: Decision }>();

async function exchanged(success: Success, given: Decision, asked: Asked): Promise<Outcome> {
  const decision = await decided(success, given, asked);
  const { replaces, allow_duplicate } = decision;
  try {
    return await patiently(() =>
      exchangePublicToken({
        ...success,
        ...(allow_duplicate ? { allow_duplicate } : {}),
        ...(replaces ? { replaces } : {}),
      }),
    );
  } catch (caught) {
    const error = toBankError(caught);
    if (error.code === "duplicate_connection") refusedSuccesses.set(error, { success, decision });
    throw error;
  }
}

/** Asks which connection the new one replaces, if that is the user's to say and not said yet. */
async function decided(success: Success, given: Decision, { choose }: Asked): Promise<Decision> {
  if (given.replaces !== undefined || !choose) return given;
  const uid = currentUid();
  const dead = await patiently(() => toChooseFrom(uid, success));
  return dead.length > 0 ? { ...given, replaces: await choose(dead) } : given;
}

const USED_UP = ["duplicate_connection", "public_token_invalid", "link_token_not_yours"]; // the last: it has expired

/**
 * Connects a bank although its accounts are already connected.
 *
 * If the backend recognised the duplicate from Link's metadata, the public token is unused and is exchanged now. If it
 * recognised the duplicate after the exchange, the token has been used, and Link opens again.
 * @param duplicate the error `duplicate_connection` of `goThroughLink` or `resumeLink`
 * @param decision what the user has decided about the connection that has the accounts
 * @param more.onAgain called when the user has to go through Link again
 * @throws BankError
 */
export async function connectAnyway(
  duplicate: BankError,
  decision: Decision,
  { language, onAgain, ...asked }: { language?: string; onAgain?: () => void } & Asked = {},
): Promise<Outcome> {
  const refused = refusedSuccesses.get(duplicate);
  const whole = { ...refused?.decision, ...decision };
  if (refused) {
    asked.onShared?.(refused.success.institution?.name ?? null);
    try {
      return await exchanged(refused.success, whole, asked);
    } catch (caught) {
      const error = toBankError(caught);
      // Refused again for another connection: the user decides about that one, too.
      const another = refusedSuccesses.has(error) && error.details.connection_id !== duplicate.details.connection_id;
      if (another || !USED_UP.includes(error.code)) throw error;
    }
  }
  onAgain?.();
  return goThroughLink({ kind: "connect", ...whole }, language, asked);
}

async function settle(purpose: Purpose, success: Success | null, asked: Asked): Promise<Outcome> {
  if (!success) return null;
  asked.onShared?.(success.institution?.name ?? null);
  // The user has logged in at the bank: retry, rather than lose that login to a failed call.
  if (purpose.kind === "connect") return exchanged(success, purpose, asked);
  const { connection_id } = purpose;
  return { connection_id, ...(await patiently(() => reconnectConnection({ connection_id }))) };
}

/** Whether Link may open: if logins at the bank fail, the user decides. An unknown health never keeps a user out. */
async function mayOpen({ institutionId, warn }: Asked): Promise<boolean> {
  if (!institutionId || !warn) return true;
  const health = await bankHealth(institutionId).catch(() => null);
  return !health || !loginFails(health) || warn(health);
}

/**
 * The whole Link flow: create a link token, show Link, and send its result to the backend.
 * @returns the connection, or null if the user left.
 * @throws BankError
 */
export async function goThroughLink(purpose: Purpose, language?: string, asked: Asked = {}): Promise<Outcome> {
  try {
    if (!(await mayOpen(asked))) return null;
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
    return await finish(purpose, link_token, asked);
  } catch (error) {
    throw refusedFor(purpose, toBankError(error));
  }
}

/** Shows Link, sends its result to the backend, and only then deletes the stored session. */
async function finish(
  purpose: Purpose,
  token: string,
  { receivedRedirectUri, ...asked }: { receivedRedirectUri?: string } & Asked,
): Promise<Outcome> {
  await plaid(); // if the script fails to load, Link has not started and can be resumed later
  const uid = currentUid();
  try {
    return await settle(purpose, await show(token, receivedRedirectUri), asked);
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
export async function resumeLink(asked: Asked = {}): Promise<{ purpose: Purpose; outcome: Outcome }> {
  const found = keptLink(currentUid());
  if (!found) throw new BankError("nothing_to_resume", "this user has no Link session in this browser");
  const { link_token, purpose } = found;
  try {
    return { purpose, outcome: await finish(purpose, link_token, { receivedRedirectUri: location.href, ...asked }) };
  } catch (error) {
    throw toBankError(error);
  }
}
