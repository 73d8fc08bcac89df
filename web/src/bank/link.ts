/** Link: Plaid's script, or the simulator's, as a promise. https://plaid.com/docs/link/web/ */
import { createLinkToken, exchangePublicToken, reconnectConnection } from "./calls";
import { BankError, toBankError } from "./errors";
import { bank } from "./session";
import type { ItemStatus, LinkAccount, LinkInstitution } from "./types.generated";

interface Success {
  public_token: string;
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
    onSuccess(publicToken: string, metadata: Omit<Success, "public_token">): void;
    onExit(error: LinkError | null, metadata: { request_id?: string }): void;
  }): Handler;
}
declare global {
  interface Window {
    Plaid?: Plaid;
  }
}

/** What Link is opened for: a new bank, or a connection that is there. */
export type Purpose = { kind: "connect" } | { kind: "repair" | "accounts"; connection_id: string };
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
        end(() => resolve({ public_token, institution: institution ?? null, accounts: accounts ?? [] })),
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

async function settle(purpose: Purpose, success: Success | null): Promise<Outcome> {
  if (!success) return null;
  if (purpose.kind === "connect") return exchangePublicToken(success);
  const { connection_id } = purpose;
  return { connection_id, ...(await reconnectConnection({ connection_id })) };
}

/**
 * The whole way through Link: a token, the bank's login, and the call that makes use of it.
 * @returns the connection, or null if the user left.
 * @throws BankError
 */
export async function goThroughLink(purpose: Purpose, language?: string): Promise<Outcome> {
  try {
    const [{ link_token }] = await Promise.all([
      createLinkToken({
        ...(purpose.kind === "connect" ? {} : { connection_id: purpose.connection_id }),
        ...(purpose.kind === "accounts" ? { account_selection: true } : {}),
        ...(bank().config.oauth_redirect ? { redirect_uri: `${location.origin}/link-return` } : {}),
        ...(language ? { language } : {}),
      }),
      plaid(),
    ]);
    // A bank with OAuth may take the browser away; the way back begins a new page.
    sessionStorage.setItem(KEPT, JSON.stringify({ link_token, purpose }));
    const success = await show(link_token);
    sessionStorage.removeItem(KEPT);
    return await settle(purpose, success);
  } catch (error) {
    throw toBankError(error);
  }
}

/** Goes on where a bank with OAuth has sent the browser back to. */
export async function resumeLink(): Promise<{ purpose: Purpose; outcome: Outcome } | null> {
  const kept = sessionStorage.getItem(KEPT);
  if (!kept) return null;
  sessionStorage.removeItem(KEPT);
  const { link_token, purpose } = JSON.parse(kept) as { link_token: string; purpose: Purpose };
  try {
    return { purpose, outcome: await settle(purpose, await show(link_token, location.href)) };
  } catch (error) {
    throw toBankError(error);
  }
}
