/** The user's notes on a transaction. */
import { deleteField, updateDoc } from "firebase/firestore";
import { type Notes, type Transaction, transaction } from "./documents";
import { BankError, toBankError } from "./errors";

/**
 * Stores the given notes, and leaves other notes unchanged: another device may have written them. Empty notes are
 * deleted.
 * @throws BankError
 */
export async function writeNotes(of: Transaction, notes: Notes): Promise<void> {
  const changes = Object.entries(notes).map(([name, value]) => {
    const isEmpty = Array.isArray(value) ? value.length === 0 : !value;
    return [`user.${name}`, isEmpty ? deleteField() : value];
  });
  if (changes.length === 0) return;
  try {
    await updateDoc(transaction(of.connection_id, of.transaction_id), Object.fromEntries(changes));
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    // The rules refuse a write to a deleted document, which has no owner: a sync has replaced the transaction.
    const gone = code === "permission-denied" || code === "not-found";
    throw toBankError(gone ? new BankError("changed", message ?? "") : error);
  }
}
