/** Link: Plaid's script, or the simulator's, as a promise. https://plaid.com/docs/link/web/ */
import { createLinkToken, exchangePublicToken, reconnectConnection } from "./calls";
import { BankError, toBankError } from "./errors";
import { patiently } from "./patience";
import { bank } from "./session";
import type { ItemStatus, LinkAccount, LinkInstitution } from "./types.generated";

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

/** What Link is opened for: a new bank, or a connection that is there. */
export type Purpose = { kind: "connect" } | { kind: "repair" | "accounts" | "consent"; connection_id: string };
type Shared = (bank: string | null) => void;
export type Outcome = { connection_id: string; status: ItemStatus; institution_name?: string | null } | null;

const KEPT = "bank.link";
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

/** Shows Link; null if the user left. */
async function show(token: string, receivedRedirectUri?: string): Promise<Success | null> {
  const { create } = await plaid();
  return new Promise((resolve, reject) => {
    let handler: Handler | null = null;
    const end = (settle: () => void) => {
      settle();
      setTimeout(() => handler?.destroy());
    };
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

async function settle(purpose: Purpose, success: Success | null, onShared?: Shared): Promise<Outcome> {
  if (!success) return null;
  onShared?.(success.institution?.name ?? null);
  // The user has logged in at the bank: that is not thrown away because an answer failed to come.
  if (purpose.kind === "connect") return patiently(() => exchangePublicToken(success));
  const { connection_id } = purpose;
  return { connection_id, ...(await patiently(() => reconnectConnection({ connection_id }))) };
}

/**
 * The whole way through Link: a token, the bank's login, and the call that makes use of it.
 * @param onShared told when the user is through with Link, and the backend is asked to connect the bank
 * @returns the connection, or null if the user left.
 * @throws BankError
 */
export async function goThroughLink(purpose: Purpose, language?: string, onShared?: Shared): Promise<Outcome> {
  try {
    const [{ link_token }] = await Promise.all([
      createLinkToken({
        ...(purpose.kind === "connect" ? {} : { connection_id: purpose.connection_id }),
        ...(purpose.kind === "accounts" ? { account_selection: true } : {}),
        ...(purpose.kind === "consent" ? { products: ["transactions"] } : {}),
        ...(bank().config.oauth_redirect ? { redirect_uri: `${location.origin}/link-return` } : {}),
        ...(language ? { language } : {}),
      }),
      plaid(),
    ]);
    // A bank with OAuth may take the browser away; the way back begins a new page.
    sessionStorage.setItem(KEPT, JSON.stringify({ link_token, purpose }));
    return await finish(purpose, link_token, { onShared });
  } catch (error) {
    throw refusedFor(purpose, toBankError(error));
  }
}

function kept(): { link_token: string; purpose: Purpose } | null {
  return JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
}

/** Shows Link, makes use of what comes of it, and only then forgets how to come back to it. */
async function finish(
  purpose: Purpose,
  token: string,
  more: { receivedRedirectUri?: string; onShared?: Shared | undefined },
): Promise<Outcome> {
  await plaid(); // without the script Link has not begun, and can be resumed later
  try {
    return await settle(purpose, await show(token, more.receivedRedirectUri), more.onShared);
  } finally {
    if (kept()?.link_token === token) sessionStorage.removeItem(KEPT); // and not to another
  }
}

/** Accounts can be chosen anew in some countries only, which the backend alone knows. */
function refusedFor({ kind }: Purpose, error: BankError): BankError {
  if (kind !== "accounts" || error.code !== "invalid_input") return error;
  return new BankError("accounts_fixed", error.message, { ...error.details, code: "accounts_fixed" });
}

/**
 * Goes on where a bank with OAuth has sent the browser back to.
 * @throws BankError `nothing_to_resume` if Link was opened elsewhere, or not at all
 */
export async function resumeLink(): Promise<{ purpose: Purpose; outcome: Outcome }> {
  const found = kept();
  if (!found) throw new BankError("nothing_to_resume", "Link was not opened in this tab");
  const { link_token, purpose } = found;
  try {
    return { purpose, outcome: await finish(purpose, link_token, { receivedRedirectUri: location.href }) };
  } catch (error) {
    throw toBankError(error);
  }
}
