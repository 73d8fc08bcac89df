/** Where the documents are, and what is in them. */
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
  BankConnection,
  InstitutionInfo,
  Notification as StoredNotification,
  Transaction as StoredTransaction,
  SyncProgress,
} from "./types.generated";

/** What users write on a transaction; the rules bound it. */
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

// A filter by owner in every query: the rules ask for it, and without it one rule would read a document more.
export const connectionsOf = (uid: string) => query(typed<BankConnection>("bank_connections"), owned(uid));
export const progressOf = (uid: string) => query(typed<SyncProgress>("bank_sync_progress"), owned(uid));
export const accountsOf = (uid: string) => query(group<Account>("bank_accounts"), owned(uid));
/** The longest list of transactions that the rules allow; without a limit they refuse any. */
export const LONGEST_LIST = 500;
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
