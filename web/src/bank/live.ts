/** Live answers of Firestore that several components share: one listener for each query, however many look at it. */
import type { Query } from "firebase/firestore";
import { useCallback, useSyncExternalStore } from "react";
import { type BankError, toBankError } from "./errors";
import { listen } from "./firestore";
import { unreachable } from "./reach";

export interface Live<T> {
  rows: T[];
  state: "loading" | "ready" | "failed";
  error: BankError | null;
}

const LINGER = 10_000; // a listener that is needed again within this time costs no new reads
const EMPTY: Live<never> = { rows: [], state: "loading", error: null };

class Source<T> {
  value: Live<T> = EMPTY;
  private watchers = new Set<() => void>();
  private stop: (() => void) | null = null;
  private lingering: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private label: string,
    private query: () => Query<T>,
  ) {}

  subscribe = (watcher: () => void): (() => void) => {
    clearTimeout(this.lingering);
    this.watchers.add(watcher);
    this.stop ??= listen(this.label, this.query(), this.next, this.failed, this.late);
    return () => {
      this.watchers.delete(watcher);
      if (this.watchers.size === 0) this.lingering = setTimeout(this.end, LINGER);
    };
  };

  private next = (snapshot: { docs: { data(): T }[]; metadata: { fromCache: boolean }; size: number }) => {
    // Nothing in an empty cache says nothing: the server has not answered yet.
    if (snapshot.metadata.fromCache && snapshot.size === 0 && this.value.state !== "ready") return;
    this.tell({ rows: snapshot.docs.map((one) => one.data()), state: "ready", error: null });
  };

  private failed = (error: unknown) => {
    this.stop = null;
    this.tell({ ...this.value, state: "failed", error: toBankError(error) });
  };

  private late = () => {
    if (this.value.state !== "loading") return; // what was loaded stays
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

function sourceOf<T>(label: string, key: string, query: (key: string) => Query<T>): Source<T> {
  const known = sources.get(`${label}/${key}`) as Source<T> | undefined;
  if (known) return known;
  const source = new Source(label, () => query(key));
  sources.set(`${label}/${key}`, source as Source<unknown>);
  return source;
}

/**
 * The live answer to a query.
 * @param key names it: whoever uses the same key gets the same answer. With null nothing is asked.
 */
export function useLive<T>(label: string, key: string | null, query: (key: string) => Query<T>): Live<T> {
  const found = key === null ? NOTHING_ASKED : sourceOf(label, key, query);
  return useSyncExternalStore(
    found.subscribe,
    useCallback(() => found.value, [found]),
  );
}
