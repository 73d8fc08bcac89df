/** Live Firestore data that several components share: one listener for each query. */
import type { DocumentReference, Query } from "firebase/firestore";
import { useCallback, useSyncExternalStore } from "react";
import { type BankError, toBankError } from "./errors";
import { listen, listenToOne } from "./firestore";
import { unreachable } from "./reach";

export interface Live<T> {
  rows: T[];
  state: "loading" | "ready" | "failed";
  error: BankError | null;
}

const LINGER = 10_000; // a listener that is needed again within this time costs no new reads
const EMPTY: Live<never> = { rows: [], state: "loading", error: null };

/** What can be listened to: a query or one document. */
type Target<T> = Query<T> | DocumentReference<T>;

class Source<T> {
  value: Live<T> = EMPTY;
  private watchers = new Set<() => void>();
  private stop: (() => void) | null = null;
  private lingering: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private label: string,
    private target: () => Target<T>,
  ) {}

  subscribe = (watcher: () => void): (() => void) => {
    clearTimeout(this.lingering);
    this.watchers.add(watcher);
    this.stop ??= this.listen(this.target());
    return () => {
      this.watchers.delete(watcher);
      if (this.watchers.size === 0) this.lingering = setTimeout(this.end, LINGER);
    };
  };

  private listen(target: Target<T>): () => void {
    if (target.type !== "document") return listen(this.label, target, this.next, this.failed, this.late);
    return listenToOne(this.label, target, this.next, this.failed, this.late);
  }

  private next = (snapshot: { docs: { data(): T }[]; metadata: { fromCache: boolean }; size: number }) => {
    // An empty cache is no result: the server has not answered yet.
    if (snapshot.metadata.fromCache && snapshot.size === 0 && this.value.state !== "ready") return;
    this.tell({ rows: snapshot.docs.map((one) => one.data()), state: "ready", error: null });
  };

  private failed = (error: unknown) => {
    this.stop = null;
    this.tell({ ...this.value, state: "failed", error: toBankError(error) });
  };

  private late = () => {
    if (this.value.state !== "loading") return; // keep the data that has been loaded
    const error = unreachable();
    if (error) this.tell({ ...this.value, state: "failed", error });
  };

  private end = () => {
    this.stop?.();
    this.stop = null;
    this.value = EMPTY;
  };

  private tell(value: Live<T>) {
    this.value = value;
    for (const watcher of this.watchers) watcher();
  }
}

const sources = new Map<string, Source<unknown>>();

const NOTHING_ASKED = { value: EMPTY, subscribe: () => () => undefined };

function sourceOf<T>(label: string, key: string, target: (key: string) => Target<T>): Source<T> {
  const known = sources.get(`${label}/${key}`) as Source<T> | undefined;
  if (known) return known;
  const source = new Source(label, () => target(key));
  sources.set(`${label}/${key}`, source as Source<unknown>);
  return source;
}

/**
 * The live result of a query, or one document as a list of one or none.
 * @param key identifies the query: components with the same key share one result. With null, no query runs.
 */
export function useLive<T>(label: string, key: string | null, target: (key: string) => Target<T>): Live<T> {
  const found = key === null ? NOTHING_ASKED : sourceOf(label, key, target);
  return useSyncExternalStore(
    found.subscribe,
    useCallback(() => found.value, [found]),
  );
}
