/** The user's notes on documents: the fields of their map `user`. */
import { type DocumentReference, deleteField, updateDoc } from "firebase/firestore";
import { type Notes, stream, type Transaction, transaction } from "./documents";
import { BankError, toBankError } from "./errors";
import type { RecurringStream, StreamNotes } from "./types.generated";

/**
 * Stores the given notes, and leaves other notes unchanged: another device may have written them. Empty notes are
 * deleted.
 * @param gone the code of the error if the document no longer exists
 */
async function write(document: DocumentReference, notes: object, gone: string): Promise<void> {
  const changes = Object.entries(notes).map(([name, value]) => {
    const isEmpty = Array.isArray(value) ? value.length === 0 : !value;
    return [`user.${name}`, isEmpty ? deleteField() : value];
  });
  if (changes.length === 0) return;
  try {
    await updateDoc(document, Object.fromEntries(changes));
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    // The rules refuse a write to a deleted document, which has no owner: a sync has replaced it.
    const isGone = code === "permission-denied" || code === "not-found";
    throw toBankError(isGone ? new BankError(gone, message ?? "") : error);
  }
}

/**
 * Stores notes on a transaction.
 * @throws BankError `changed` if the transaction no longer exists, most likely because it was posted
 */
export const writeNotes = (of: Transaction, notes: Notes): Promise<void> =>
  write(transaction(of.connection_id, of.transaction_id), notes, "changed");

/**
 * Stores notes on a recurring stream.
 * @throws BankError `bill_changed` if the stream no longer exists
 */
export const writeStreamNotes = (of: RecurringStream, notes: StreamNotes): Promise<void> =>
  write(stream(of), notes, "bill_changed");
