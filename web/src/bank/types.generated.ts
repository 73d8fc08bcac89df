// Written by `make types` from shared/domain and functions; `make check` fails when it is stale.
import type { Timestamp } from "firebase/firestore";

/** One item of one user. */
export interface BankConnection {
  connection_id: string;
  app_user_id: string;
  institution_id: string | null;
  institution_name: string | null;
  item_id: string;
  region: Region;
  status: ItemStatus;
  error_type: string | null;
  error_code: string | null;
  action: Action | null;
  last_sync: Timestamp | null;
  account_ids: string[];
  institution: Branding | null;
  consent_expiration_time: Timestamp | null;
  update_type: string | null;
  auth_method: string | null;
  products: string[];
  last_successful_update: Timestamp | null;
  history_late?: boolean;
  replaces?: string | null;
  history_moved?: MovedHistory | null;
  created_at: Timestamp;
  updated_at: Timestamp;
}

export type Region = "us" | "eu";

export type ItemStatus = "good" | "bad" | "error" | "pending_expiration" | "pending_disconnect";

export type Action = "reconnect" | "relink" | "select_accounts";

/** The bank's logo, website and color, which apps show with a connection. */
export interface Branding {
  logo: string | null;
  url: string | null;
  primary_color: string | null;
}

/** What the last replaced connection left to this one: notes on their new transactions, and notes in the archive. */
export interface MovedHistory {
  moved: number;
  archived: number;
  at: Timestamp;
}

/** One account. `persistent_account_id` stays the same when the bank is linked again; only a few banks have it. */
export interface Account {
  account_id: string;
  name: string;
  official_name: string | null;
  mask: string | null;
  type: string;
  subtype: string | null;
  balances: Balances;
  persistent_account_id: string | null;
  duplicate_of: DuplicateOf | null;
  connection_id: string;
  app_user_id: string;
  updated_at: Timestamp;
  balances_at?: Timestamp;
  balances_source?: BalancesSource;
}

/** Balances as decimal strings, exactly as the bank sent them; None if the bank sent none. */
export interface Balances {
  current: string | null;
  available: string | null;
  limit: string | null;
  iso_currency_code: string | null;
  unofficial_currency_code: string | null;
}

/** The account that counts instead of a duplicate: the same account in another connection of the user. */
export interface DuplicateOf {
  connection_id: string;
  account_id: string;
}

export type BalancesSource = "live" | "cached";

/** One transaction. A plain dictionary with a type, because one run may process tens of thousands of them. */
export interface Transaction {
  transaction_id: string;
  account_id: string;
  date: string;
  authorized_date: string | null;
  datetime: Timestamp | null;
  authorized_datetime: Timestamp | null;
  amount: string;
  amount_value: number;
  iso_currency_code: string | null;
  unofficial_currency_code: string | null;
  name: string;
  merchant_name: string | null;
  merchant_entity_id: string | null;
  pending: boolean;
  pending_transaction_id: string | null;
  payment_channel: string | null;
  category: Category | null;
  category_icon_url: string | null;
  counterparties: Record<string, unknown>[];
  location: Record<string, unknown> | null;
  logo_url: string | null;
  website: string | null;
  check_number: string | null;
  original_description: string | null;
  transaction_code: string | null;
  account_owner: string | null;
  connection_id: string;
  app_user_id: string;
}

/** Plaid's personal finance category (https://plaid.com/docs/api/products/transactions/). */
export interface Category {
  primary: string;
  detailed: string;
  confidence_level: string | null;
  version: string | null;
}

/** A transaction of a replaced connection whose note has no transaction in the new one. */
export interface ArchivedTransaction {
  transaction_id: string;
  account_id: string;
  date: string;
  authorized_date: string | null;
  datetime: Timestamp | null;
  authorized_datetime: Timestamp | null;
  amount: string;
  amount_value: number;
  iso_currency_code: string | null;
  unofficial_currency_code: string | null;
  name: string;
  merchant_name: string | null;
  merchant_entity_id: string | null;
  pending: boolean;
  pending_transaction_id: string | null;
  payment_channel: string | null;
  category: Category | null;
  category_icon_url: string | null;
  counterparties: Record<string, unknown>[];
  location: Record<string, unknown> | null;
  logo_url: string | null;
  website: string | null;
  check_number: string | null;
  original_description: string | null;
  transaction_code: string | null;
  account_owner: string | null;
  user: Record<string, unknown>;
  archived_at: Timestamp;
  from_connection_id: string;
  moved_to: string | null;
  connection_id: string;
  app_user_id: string;
}

/** What clients see of a sync of transactions (contract: `bank_sync_progress/{connection_id}`). */
export interface SyncProgress {
  connection_id: string;
  app_user_id: string;
  kind: string;
  status: SyncStatus;
  stage: Stage;
  attempt: number;
  started_at: Timestamp | null;
  updated_at: Timestamp;
  completed_at: Timestamp | null;
  next_retry_at: Timestamp | null;
  error: ErrorSummary | null;
  added: number;
  modified: number;
  removed: number;
  pages: number;
  percent: number | null;
  history_complete: boolean;
  refreshed_at: Timestamp | null;
}

export type SyncStatus = "pending" | "in_progress" | "completed" | "failed";

export type Stage = "queued" | "starting" | "fetching" | "writing" | "retrying" | "waiting_for_bank" | "done" | "failed";

/** Why a sync failed, in a form that is safe to show. */
export interface ErrorSummary {
  type: string;
  code: string;
  message: string;
  retryable: boolean;
  action: Action | null;
  request_id: string | null;
}

/** The cached data of an institution, shared by all users. */
export interface InstitutionInfo {
  institution_id: string;
  name: string;
  url: string | null;
  logo: string | null;
  primary_color: string | null;
  country_codes: string[];
  products: string[];
  oauth: boolean;
  fetched_at: Timestamp;
}

/** The health of a bank. Without a document, nothing is known to be wrong. */
export interface InstitutionHealth {
  institution_id: string;
  state: HealthState;
  kind: OutageKind | null;
  since: Timestamp;
  message_key: HealthMessage;
  share_failing: number;
  updated_at: Timestamp;
}

export type HealthState = "healthy" | "suspected" | "degraded" | "down" | "recovering";

export type OutageKind = "login" | "data" | "both";

export type HealthMessage = "bank_ok" | "bank_late" | "bank_login_down" | "bank_data_down" | "bank_down" | "bank_recovering";

/** A document under the user. `notification_id` is derived from the event, so writing one twice is idempotent. */
export interface Notification {
  kind: NotificationKind;
  connection_id: string;
  title: string;
  body: string;
  created_at: Timestamp;
  read_at?: Timestamp | null;
  outage_id?: string | null;
}

export type NotificationKind = "needs_repair" | "needs_relink" | "repaired" | "renewed" | "expiring" | "disconnecting" | "new_accounts" | "revoked" | "account_revoked" | "first_sync_done" | "history_late" | "link_again" | "history_moved" | "note_kept" | "bank_down" | "bank_back";

/** The balances of one account in one month (`YYYY-MM`), by day of the month (`01` to `31`). */
export interface BalanceMonth {
  account_id: string;
  month: string;
  currency: string | null;
  days: Record<string, DayBalances>;
  derived?: Record<string, boolean>;
  connection_id: string;
  app_user_id: string;
}

/** The balances of one day as decimal strings, exactly as the bank sent them; None if the bank sent none. */
export interface DayBalances {
  current: string | null;
  available: string | null;
  limit: string | null;
}

/** What clients see of a product (contract: `bank_connections/{id}/bank_products/{kind}`). */
export interface ProductProgress {
  kind: ProductKind;
  connection_id: string;
  app_user_id: string;
  status: ProductStatus;
  as_of: Timestamp | null;
  changed_at: Timestamp | null;
  counts: Record<string, number>;
  error: ErrorSummary | null;
  next_retry_at: Timestamp | null;
}

export type ProductKind = "recurring" | "liabilities" | "holdings" | "investment_transactions";

export type ProductStatus = "ready" | "syncing" | "failed" | "no_accounts" | "unsupported" | "needs_consent" | "not_enabled" | "off";

/** A stream. Fields: https://plaid.com/docs/api/products/transactions/#transactionsrecurringget */
export interface RecurringStream {
  stream_id: string;
  account_id: string;
  direction: "in" | "out";
  description: string;
  merchant_name: string | null;
  category: Category | null;
  frequency: string;
  status: string;
  is_active: boolean;
  first_date: string;
  last_date: string;
  predicted_next_date: string | null;
  average_amount: string | null;
  last_amount: string | null;
  currency: string | null;
  transaction_ids: string[];
  source: "plaid" | "own";
  connection_id: string;
  app_user_id: string;
  amount_before?: string;
  amount_changed_at?: Timestamp;
  moved_at?: Timestamp;
  user?: StreamNotes;
}

/** What a user may write on a recurring stream. */
export interface StreamNotes {
  muted?: boolean;
  name?: string;
  category?: string;
}

/** One liability. Fields: https://plaid.com/docs/api/products/liabilities/#liabilitiesget */
export interface Liability {
  account_id: string;
  kind: "credit" | "student" | "mortgage";
  next_payment_due_date: string | null;
  minimum_payment_amount: string | null;
  last_statement_balance: string | null;
  last_statement_issue_date: string | null;
  last_payment_amount: string | null;
  last_payment_date: string | null;
  is_overdue: boolean | null;
  past_due_amount: string | null;
  aprs: Apr[];
  interest_rate: string | null;
  interest_rate_type: string | null;
  origination_date: string | null;
  origination_principal: string | null;
  maturity_date: string | null;
  expected_payoff_date: string | null;
  loan_name: string | null;
  loan_type: string | null;
  loan_status: string | null;
  repayment_plan: string | null;
  currency: string | null;
  connection_id: string;
  app_user_id: string;
  updated_at: Timestamp;
}

/** An annual percentage rate of a card, and the balance that it applies to. */
export interface Apr {
  type: string;
  percentage: string;
  balance_subject_to_apr: string | null;
  interest_charge_amount: string | null;
}

/** A position. Fields: https://plaid.com/docs/api/products/investments/#investmentsholdingsget */
export interface Holding {
  account_id: string;
  quantity: string;
  institution_price: string | null;
  institution_price_as_of: string | null;
  institution_value: string | null;
  cost_basis: string | null;
  currency: string | null;
  is_cash: boolean;
  security: Security;
  connection_id: string;
  app_user_id: string;
}

/** What is shown of a security. Fields: https://plaid.com/docs/api/products/investments/ */
export interface Security {
  security_id: string | null;
  ticker: string | null;
  name: string | null;
  type: string;
  close_price: string | null;
  close_price_as_of: string | null;
  isin: string | null;
}

/** One transaction. Amounts are decimal strings as sent; `amount` is positive when cash is debited. */
export interface InvestmentTransaction {
  investment_transaction_id: string;
  account_id: string;
  date: string;
  name: string;
  type: string;
  subtype: string | null;
  quantity: string | null;
  units: string | null;
  price: string | null;
  fees: string | null;
  amount: string;
  currency: string | null;
  security: Security | null;
  connection_id: string;
  app_user_id: string;
}

/** All fields are optional. Without `connection_id`, Link starts for a new bank, with the user's own settings. */
export interface CreateLinkTokenInput {
  connection_id?: string | null;
  account_selection?: boolean;
  redirect_uri?: string | null;
  android_package_name?: string | null;
  language?: string | null;
  country_codes?: string[] | null;
  products?: string[] | null;
}

/** One item, or up to ten of them in `items`. */
export interface ExchangePublicTokenInput {
  public_token?: string | null;
  link_token?: string | null;
  institution?: LinkInstitution | null;
  accounts?: LinkAccount[] | null;
  allow_duplicate?: boolean;
  replaces?: string | null;
  items?: Item[] | null;
}

/** The institution from Link's onSuccess. It is only a hint, so malformed values are ignored. */
export interface LinkInstitution {
  institution_id?: string | null;
  name?: string | null;
}

/** An account from Link's onSuccess. It is only a hint, so malformed values are ignored. */
export interface LinkAccount {
  id?: string | null;
  name?: string | null;
  mask?: string | null;
  type?: string | null;
  subtype?: string | null;
}

/** The result of one successful Link session. */
export interface Item {
  public_token: string;
  link_token?: string | null;
  institution?: LinkInstitution | null;
  accounts?: LinkAccount[] | null;
  allow_duplicate?: boolean;
  replaces?: string | null;
}

/** The connection to sync. */
export interface SyncConnectionInput {
  connection_id: string;
}

/** The connection that the user repaired. */
export interface ReconnectConnectionInput {
  connection_id: string;
}

/** The connection whose balances the user wants to see. */
export interface RefreshBalancesInput {
  connection_id: string;
}

/** The connection to remove. */
export interface RemoveConnectionInput {
  connection_id: string;
}
