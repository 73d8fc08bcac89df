/** Whether Firestore answers: an address that is blocked, a firewall or an outage is no error to its SDK, only silence. */
import { useSyncExternalStore } from "react";
import { BankError, toBankError } from "./errors";

/** Milliseconds that a listener waits for the server before its user is told; the SDK itself waits ten seconds. */
export const PATIENCE = 12_000;
const KNOWN = 1_000; // where others wait in vain already

const late = new Set<symbol>();
const watchers = new Set<() => void>();

function mark(listener: symbol, isLate: boolean): void {
  const before = late.size > 0;
  if (isLate) late.add(listener);
  else late.delete(listener);
  if (before !== late.size > 0) for (const watcher of watchers) watcher();
}

/**
 * Watches over one listener.
 * @param tooLate called after PATIENCE without an answer of the server, and again after each PATIENCE more
 * @returns `wait`: what is shown comes from the cache; `answered`: the server has answered, or nobody listens any more
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

/** The error of data that did not come in time; null while the browser is offline, which is said elsewhere. */
export const unreachable = (): BankError | null =>
  navigator.onLine ? toBankError(new BankError("unreachable", "Firestore does not answer")) : null;

function subscribe(watcher: () => void) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** Whether every listener has its answer, or still has time to get it. */
export const useReachable = () => useSyncExternalStore(subscribe, () => late.size === 0);
