/** A bank that was connected already: what its user decides about it is asked in one dialog, whoever opened Link. */
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

/** Does what may end as a duplicate; then the user is asked what to do. */
export async function askingAboutDuplicates(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (caught) {
    const error = toBankError(caught);
    if (error.code !== "duplicate_connection" || !error.details.connection_id) throw error;
    askAboutDuplicate(error);
  }
}
