/** A bank that is already connected: one dialog asks the user what to do, wherever Link was opened. */
import { useSyncExternalStore } from "react";
import { type BankError, toBankError } from "../bank";

let found: BankError | null = null;
const watchers = new Set<() => void>();

/** Opens the dialog about a refused duplicate; closes it with null. */
export function askAboutDuplicate(error: BankError | null): void {
  found = error;
  for (const watcher of watchers) watcher();
}

export function useDuplicate(): BankError | null {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => found,
  );
}

/** Runs work that may end with a duplicate, and asks the user about it. */
export async function askingAboutDuplicates(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (caught) {
    const error = toBankError(caught);
    if (error.code !== "duplicate_connection" || !error.details.connection_id) throw error;
    askAboutDuplicate(error);
  }
}
