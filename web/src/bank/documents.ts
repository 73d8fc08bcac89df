/** The paths and types of the Firestore documents. */
import {
  type CollectionReference,
  collection,
  collectionGroup,
  type DocumentReference,
  doc,
  limit,
  orderBy,
  type Query,
  query,
  where,
} from "firebase/firestore";
import { db } from "./firestore";
import type {
  Account,
  BalanceMonth,
  BankConnection,
  Holding,
  InstitutionInfo,
  InvestmentTransaction,
  Liability,
  ProductProgress,
  RecurringStream,
  Notification as StoredNotification,
  Transaction as StoredTransaction,
  SyncProgress,
} from "./types.generated";

/** A user's notes on a transaction; the security rules limit their size. */
export interface Notes {
  note?: string;
  category?: string;
  tags?: string[];
  hidden?: boolean;
}
export type Transaction = StoredTransaction & { user?: Notes };

export type Notification = StoredNotification & { notification_id: string };

const typed = <T>(path: string) => collection(db(), path) as CollectionReference<T>;
const group = <T>(name: string) => collectionGroup(db(), name) as Query<T>;
const owned = (uid: string) => where("app_user_id", "==", uid);

// Every query filters by owner: the security rules require it, and it saves one rule a document read.
export const connectionsOf = (uid: string) => query(typed<BankConnection>("bank_connections"), owned(uid));
export const progressOf = (uid: string) => query(typed<SyncProgress>("bank_sync_progress"), owned(uid));
export const accountsOf = (uid: string) => query(group<Account>("bank_accounts"), owned(uid));
export const productsOf = (uid: string) => query(group<ProductProgress>("bank_products"), owned(uid));
/**
 * The largest limit that the security rules allow for a list of transactions or of product rows; they refuse queries
 * without a limit.
 */
export const LONGEST_LIST = 500;
const rowsOf = <T>(name: string, uid: string) => query(group<T>(name), owned(uid), limit(LONGEST_LIST));
/** The newest months first, back to the given one, `YYYY-MM`. */
export const balanceMonthsOf = (uid: string, from: string) =>
  query(rowsOf<BalanceMonth>("bank_balances", uid), where("month", ">=", from), orderBy("month", "desc"));
export const recurringOf = (uid: string) => rowsOf<RecurringStream>("bank_recurring", uid);
export const liabilitiesOf = (uid: string) => rowsOf<Liability>("bank_liabilities", uid);
export const holdingsOf = (uid: string) => rowsOf<Holding>("bank_holdings", uid);
export const investmentTransactionsOf = (uid: string, most: number) =>
  query(group<InvestmentTransaction>("bank_investment_transactions"), owned(uid), orderBy("date", "desc"), limit(most));
export const stream = ({ connection_id, stream_id }: RecurringStream) =>
  doc(db(), `bank_connections/${connection_id}/bank_recurring/${stream_id}`) as DocumentReference<RecurringStream>;
export const allTransactions = () => group<Transaction>("bank_transactions");
export const notificationsOf = (uid: string, most: number) =>
  query(
    typed<StoredNotification>(`users/${uid}/bank_notifications`).withConverter<Notification, StoredNotification>({
      fromFirestore: (snapshot) => ({ ...(snapshot.data() as StoredNotification), notification_id: snapshot.id }),
      toFirestore: (one: object) => one as StoredNotification,
    }),
    orderBy("created_at", "desc"),
    limit(most),
  );
export const institution = (id: string) => doc(typed<InstitutionInfo>("bank_institutions"), id);
export const transaction = (connection: string, id: string) =>
  doc(db(), `bank_connections/${connection}/bank_transactions/${id}`) as DocumentReference<Transaction>;
export const notification = (uid: string, id: string) => doc(db(), `users/${uid}/bank_notifications/${id}`);
export const profile = (uid: string) => doc(db(), `users/${uid}`);
