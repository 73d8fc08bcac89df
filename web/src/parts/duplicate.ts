/** Duplicate connections: one dialog asks the user what to do, wherever Link was opened. */
import { useSyncExternalStore } from "react";
import { type BankError, toBankError } from "../bank";

let found: BankError | null = null;
const watchers = new Set<() => void>();

/** Opens the dialog for a refused duplicate; null closes it. */
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

/** Runs work that may fail because of a duplicate, and then asks the user about it. */
export async function askingAboutDuplicates(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (caught) {
    const error = toBankError(caught);
    if (error.code !== "duplicate_connection" || !error.details.connection_id) throw error;
    askAboutDuplicate(error);
  }
}
