/** Whether Firestore answers. Its SDK reports no error for a firewall, a content blocker or an outage: it waits. */
import { useSyncExternalStore } from "react";
import { BankError, toBankError } from "./errors";

/** Milliseconds that a listener waits for the server before the app says so; the SDK itself waits ten seconds. */
export const PATIENCE = 12_000;
const KNOWN = 1_000; // the wait while another listener is already late

const late = new Set<symbol>();
const watchers = new Set<() => void>();

function mark(listener: symbol, isLate: boolean): void {
  const before = late.size > 0;
  if (isLate) late.add(listener);
  else late.delete(listener);
  if (before !== late.size > 0) for (const watcher of watchers) watcher();
}

/**
 * Watches one listener.
 * @param tooLate called after each PATIENCE without an answer from the server
 * @returns `wait` to call when a result comes from the cache; `answered`, when the server answers or the listener stops
 */
export function expectAnswer(tooLate: () => void): { wait(): void; answered(): void } {
  const me = Symbol();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tell = () => {
    timer = setTimeout(tell, PATIENCE);
    mark(me, true);
    tooLate();
  };
  const wait = () => {
    timer ??= setTimeout(tell, late.size > 0 ? KNOWN : PATIENCE);
  };
  const answered = () => {
    clearTimeout(timer);
    timer = undefined;
    mark(me, false);
  };
  wait();
  return { wait, answered };
}

/** The error for data that did not arrive in time; null while offline, for which the app has a message of its own. */
export const unreachable = (): BankError | null =>
  navigator.onLine ? toBankError(new BankError("unreachable", "Firestore does not answer")) : null;

function subscribe(watcher: () => void) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** Whether no listener is late. */
export const useReachable = () => useSyncExternalStore(subscribe, () => late.size === 0);
