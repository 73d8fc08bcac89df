/** What users write on a transaction. */
import { deleteField, updateDoc } from "firebase/firestore";
import { type Notes, type Transaction, transaction } from "./documents";
import { BankError, toBankError } from "./errors";

/**
 * Stores notes; what is empty goes.
 * @throws BankError
 */
export async function writeNotes(of: Transaction, notes: Notes): Promise<void> {
  const kept = {
    "user.note": notes.note?.trim() || deleteField(),
    "user.category": notes.category?.trim() || deleteField(),
    "user.tags": notes.tags?.length ? notes.tags : deleteField(),
    "user.hidden": notes.hidden || deleteField(),
  };
  try {
    await updateDoc(transaction(of.connection_id, of.transaction_id), kept);
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    // A document that is gone has no owner, so the rules refuse it: a sync has put another in its place.
    const gone = code === "permission-denied" || code === "not-found";
    throw toBankError(gone ? new BankError("changed", message ?? "") : error);
  }
}
