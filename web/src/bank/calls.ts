/** Typed calls of the backend's functions. Input types are generated from the models; errors are BankErrors. */
import { connectFunctionsEmulator, type Functions, getFunctions, httpsCallable } from "firebase/functions";
import { toBankError } from "./errors";
import { bank, checkSession } from "./session";
import type {
  Account,
  Action,
  BalancesSource,
  CreateLinkTokenInput,
  ExchangePublicTokenInput,
  ItemStatus,
  ReconnectConnectionInput,
  RefreshBalancesInput,
  RemoveConnectionInput,
  SyncConnectionInput,
} from "./types.generated";

export interface LinkToken {
  link_token: string;
  expiration: string;
  mode: "connect" | "update";
  hosted_link_url?: string;
}
export interface Connected {
  connection_id: string;
  institution_id: string | null;
  institution_name: string | null;
  status: ItemStatus;
  account_ids: string[];
}
/** Balances as the call answers them; the documents in `bank_accounts` change, too. `as_of` is ISO 8601. */
export interface CurrentBalances {
  accounts: (Omit<Account, "updated_at" | "balances_at"> & { updated_at: string; balances_at: string | null })[];
  source: BalancesSource;
  as_of: string | null;
}

let functions: Functions | null = null;

function reach(): Functions {
  if (functions) return functions;
  const { app, config } = bank();
  functions = getFunctions(app, config.region);
  if (config.emulators) connectFunctionsEmulator(functions, config.emulators.host, config.emulators.functions);
  return functions;
}

function call<Input, Answer>(name: string, timeout = 60_000) {
  const once = async (input: Input): Promise<Answer> => {
    try {
      return (await httpsCallable<Input, Answer>(reach(), name, { timeout })(input)).data;
    } catch (error) {
      throw toBankError(error);
    }
  };
  return async (input: Input): Promise<Answer> => {
    try {
      return await once(input);
    } catch (error) {
      // The ID token was rejected but the session is still valid: retry once with a new token.
      if (!toBankError(error).wantsNewToken || !(await checkSession())) throw error;
      return once(input);
    }
  };
}

export const createLinkToken = call<CreateLinkTokenInput, LinkToken>("create_link_token");
export const exchangePublicToken = call<ExchangePublicTokenInput, Connected>("exchange_public_token", 130_000);
export const syncConnection = call<SyncConnectionInput, { sync_progress: Record<string, unknown> }>("sync_connection");
export const reconnectConnection = call<ReconnectConnectionInput, { status: ItemStatus; action?: Action | null }>(
  "reconnect_connection",
);
export const refreshBalances = call<RefreshBalancesInput, CurrentBalances>("refresh_balances", 70_000);
export const removeConnection = call<RemoveConnectionInput, Record<string, never>>("remove_connection");
export const deleteBankData = call<Record<string, never>, Record<string, never>>("delete_bank_data", 130_000);
