/** A new link could replace several dead connections: one dialog asks which, wherever Link was opened. */
import { useSyncExternalStore } from "react";
import type { BankConnection } from "../bank";

interface Question {
  dead: BankConnection[];
  answer(connectionId: string | null): void;
}

let question: Question | null = null;
const watchers = new Set<() => void>();

function becomes(now: Question | null): void {
  question = now;
  for (const watcher of watchers) watcher();
}

/** Asks which connection the new one replaces; the answer is null if the user wants to replace none. */
export function askWhichToReplace(dead: BankConnection[]): Promise<string | null> {
  return new Promise((resolve) => {
    becomes({
      dead,
      answer: (connectionId) => {
        becomes(null);
        resolve(connectionId);
      },
    });
  });
}

export function useReplaceQuestion(): Question | null {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => question,
  );
}
