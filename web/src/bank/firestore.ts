/** Firestore, and a count of the documents read from it. */
import {
  connectFirestoreEmulator,
  type DocumentReference,
  type DocumentSnapshot,
  type Firestore,
  getDocFromServer,
  getDocsFromServer,
  initializeFirestore,
  memoryLocalCache,
  onSnapshot,
  type Query,
  type QuerySnapshot,
  type SnapshotMetadata,
} from "firebase/firestore";
import { expectAnswer } from "./reach";
import { bank } from "./session";

let database: Firestore | null = null;

/** The database. It has no persistent cache: on a shared computer, bank data would outlive the user's session. */
export function db(): Firestore {
  if (database) return database;
  const { app, config } = bank();
  database = initializeFirestore(app, { localCache: memoryLocalCache(), ignoreUndefinedProperties: true });
  if (config.emulators) connectFirestoreEmulator(database, config.emulators.host, config.emulators.firestore);
  return database;
}

/** Documents read, by purpose, as Firestore bills them: each document of a result or a change, at least one a query. */
export const reads: Record<string, number> = {};

function count(label: string, snapshot: QuerySnapshot, fresh: boolean): void {
  if (snapshot.metadata.fromCache) return;
  const read = snapshot
    .docChanges()
    .filter(({ type, doc }) => type !== "removed" && !doc.metadata.hasPendingWrites).length;
  reads[label] = (reads[label] ?? 0) + (fresh ? Math.max(read, 1) : read);
}

/**
 * Listens to a query, and returns the function that stops listening. Results from the cache and from the server are
 * reported separately, even if they are equal: without a network, an empty result is valid only once the server has
 * confirmed it.
 * @param late called while the server does not answer; the listener stays active
 */
export function listen<T>(
  label: string,
  query: Query<T>,
  next: (snapshot: QuerySnapshot<T>) => void,
  failed: (error: unknown) => void,
  late: () => void,
): () => void {
  let fresh = true;
  let fromCache: boolean | undefined;
  const answer = expectAnswer(late);
  const stop = onSnapshot(
    query,
    { includeMetadataChanges: true },
    (snapshot) => {
      if (snapshot.metadata.fromCache) answer.wait();
      else answer.answered();
      if (snapshot.docChanges().length === 0 && snapshot.metadata.fromCache === fromCache) return;
      fromCache = snapshot.metadata.fromCache;
      count(label, snapshot as QuerySnapshot, fresh);
      fresh &&= snapshot.metadata.fromCache;
      next(snapshot);
    },
    (error) => {
      answer.answered();
      failed(error);
    },
  );
  return () => {
    answer.answered();
    stop();
  };
}

/**
 * Listens to one document, as `listen` does to a query, and reports a list of one or none. The security rules allow
 * some documents to be read by name only, never by a query.
 */
export function listenToOne<T>(
  label: string,
  document: DocumentReference<T>,
  next: (found: { docs: { data(): T }[]; metadata: SnapshotMetadata; size: number }) => void,
  failed: (error: unknown) => void,
  late: () => void,
): () => void {
  const answer = expectAnswer(late);
  const stop = onSnapshot(
    document,
    { includeMetadataChanges: true },
    (snapshot) => {
      const { metadata } = snapshot;
      if (metadata.fromCache) answer.wait();
      else {
        answer.answered();
        reads[label] = (reads[label] ?? 0) + 1;
      }
      const docs = snapshot.exists() ? [snapshot] : [];
      next({ docs, metadata, size: docs.length });
    },
    (error) => {
      answer.answered();
      failed(error);
    },
  );
  return () => {
    answer.answered();
    stop();
  };
}

/** Reads once, from the server only: while offline, an empty cache would return an empty result. */
export async function ask<T>(label: string, query: Query<T>): Promise<QuerySnapshot<T>> {
  const snapshot = await getDocsFromServer(query);
  count(label, snapshot as QuerySnapshot, true);
  return snapshot;
}

/** Reads one document once, from the server only. */
export async function askFor<T>(label: string, document: DocumentReference<T>): Promise<DocumentSnapshot<T>> {
  const snapshot = await getDocFromServer(document);
  reads[label] = (reads[label] ?? 0) + 1;
  return snapshot;
}
