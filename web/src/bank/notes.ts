/** What users write on a transaction. */
import { deleteField, updateDoc } from "firebase/firestore";
import { type Notes, type Transaction, transaction } from "./documents";
import { BankError, toBankError } from "./errors";

/**
 * Stores the notes that are given, and leaves the others as they are: another device may have written those meanwhile.
 * What is empty goes.
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
    // A document that is gone has no owner, so the rules refuse it: a sync has put another in its place.
    const gone = code === "permission-denied" || code === "not-found";
    throw toBankError(gone ? new BankError("changed", message ?? "") : error);
  }
}
