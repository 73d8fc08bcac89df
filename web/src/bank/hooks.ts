/** Hooks with live data for the screens. */
import { serverTimestamp, setDoc, updateDoc } from "firebase/firestore";
import { createContext, useContext, useMemo } from "react";
import * as documents from "./documents";
import { askFor } from "./firestore";
import { type Live, useLive } from "./live";
import type { Account, BankConnection, InstitutionInfo, SyncProgress } from "./types.generated";

const Uid = createContext<string | null>(null);
/** Provides the id of the user whose documents the components below show. */
export const UserProvider = Uid.Provider;

export function useUid(): string {
  const uid = useContext(Uid);
  if (uid === null) throw new Error("no user is signed in");
  return uid;
}

/** The user's connections, oldest first. */
export function useConnections(): Live<BankConnection> {
  const uid = useUid();
  const live = useLive("connections", uid, () => documents.connectionsOf(uid));
  return useMemo(
    () => ({ ...live, rows: live.rows.toSorted((a, b) => a.created_at.toMillis() - b.created_at.toMillis()) }),
    [live],
  );
}

/** The ids of the existing connections; null while unknown. Rows of others are being deleted. */
export function usePresent(): ReadonlySet<string> | null {
  const { rows, state } = useConnections();
  const ids = rows.map((one) => one.connection_id).join(" ");
  return useMemo(() => (state === "ready" ? new Set(ids.split(" ")) : null), [ids, state]);
}

/** The sync progress of every connection. */
export function useAllProgress(): Live<SyncProgress> {
  const uid = useUid();
  return useLive("progress", uid, () => documents.progressOf(uid));
}

/** The sync progress of one connection; undefined while unknown, or after the connection was removed. */
export function useSyncProgress(connectionId: string): SyncProgress | undefined {
  return useAllProgress().rows.find((one) => one.connection_id === connectionId);
}

const TYPES = ["depository", "credit", "investment", "loan"];
const rank = ({ type }: Account) => (TYPES.indexOf(type) + TYPES.length + 1) % (TYPES.length + 1);
const byType = (a: Account, b: Account) => rank(a) - rank(b) || a.name.localeCompare(b.name);

/** The accounts of all existing connections: cash first, loans and other types last. */
export function useAccounts(): Live<Account> {
  const uid = useUid();
  const live = useLive("accounts", uid, () => documents.accountsOf(uid));
  const present = usePresent();
  return useMemo(() => {
    const rows = present ? live.rows.filter((one) => present.has(one.connection_id)) : live.rows;
    return { ...live, rows: rows.toSorted(byType) };
  }, [live, present]);
}

/** The shared document of an institution, for a connection whose own document lacks these fields. */
export function useInstitution(institutionId: string | null): InstitutionInfo | undefined {
  const live = useLive("institutions", institutionId, documents.institution);
  return live.rows[0];
}

const NEWEST = 30;

/** The user's newest notifications, and how many of them are unread. */
export function useNotifications(): Live<documents.Notification> & { unread: number } {
  const uid = useUid();
  const live = useLive("notifications", uid, () => documents.notificationsOf(uid, NEWEST));
  return { ...live, unread: live.rows.filter((one) => !one.read_at).length };
}

export const markRead = (uid: string, notificationId: string) =>
  updateDoc(documents.notification(uid, notificationId), { read_at: serverTimestamp() });

/** Stores the language of the backend's notifications and of Link, as a tag such as "fr-CA". */
export const setLanguage = (uid: string, language: string) =>
  setDoc(documents.profile(uid), { language }, { merge: true });

/** Stores the language of a user who has never chosen one, unless the user's document already has it. */
export async function offerLanguage(uid: string, language: string): Promise<void> {
  const found = await askFor("profile", documents.profile(uid));
  if (!found.get("language")) await setLanguage(uid, language);
}
