/** The archive of a connection: transactions of the one it replaced whose notes found no transaction. */
import {
  collection,
  type DocumentReference,
  deleteField,
  doc,
  limit,
  orderBy,
  type Query,
  query,
  type Transaction as Run,
  runTransaction,
  where,
} from "firebase/firestore";
import { daysAfter } from "./days";
import { LONGEST_LIST, type Notes, type Transaction, transaction } from "./documents";
import { BankError, toBankError } from "./errors";
import { ask, db } from "./firestore";
import { type Live, useLive } from "./live";
import type { ArchivedTransaction } from "./types.generated";

export type Archived = ArchivedTransaction & { user: Notes };

const DAY = 86_400_000;
const ABOUT = 14; // days around an archived transaction in which its new copy is looked for

const archiveOf = (connectionId: string) =>
  query(
    collection(db(), `bank_connections/${connectionId}/bank_archived_transactions`),
    orderBy("date", "desc"),
    limit(LONGEST_LIST),
  ) as Query<Archived>;
const archived = (one: Archived) =>
  doc(db(), `bank_connections/${one.connection_id}/bank_archived_transactions/${one.transaction_id}`);

/** The archived transactions of a connection, newest first. */
export function useArchive(connectionId: string): Live<Archived> {
  return useLive("archive", connectionId, archiveOf);
}

const distance = (one: Transaction, other: Archived) => Math.abs(Date.parse(one.date) - Date.parse(other.date)) / DAY;
const differs = (one: Transaction, other: Archived) => Math.abs(one.amount_value - other.amount_value);

/** The order in which transactions are likely to be the archived one: equal amounts first, then by amount and day. */
export function likeliest(rows: Transaction[], of: Archived): Transaction[] {
  const sameMoney = rows.filter(
    (one) =>
      one.iso_currency_code === of.iso_currency_code && one.unofficial_currency_code === of.unofficial_currency_code,
  );
  return sameMoney.toSorted((a, b) => differs(a, of) - differs(b, of) || distance(a, of) - distance(b, of));
}

/** The transactions of the same connection of about that day, the likeliest first. */
export async function candidatesFor(of: Archived): Promise<Transaction[]> {
  const rows = query(
    collection(db(), `bank_connections/${of.connection_id}/bank_transactions`),
    where("date", ">=", daysAfter(of.date, -ABOUT)),
    where("date", "<=", daysAfter(of.date, ABOUT)),
    orderBy("date", "desc"),
    limit(LONGEST_LIST),
  ) as Query<Transaction>;
  try {
    return likeliest(
      (await ask("archive", rows)).docs.map((one) => one.data()),
      of,
    );
  } catch (error) {
    throw toBankError(error);
  }
}

/** Whether the user has written anything on a transaction. */
export const hasNotes = (one: { user?: Notes }): boolean => Object.values(one.user ?? {}).some(isWritten);
const isWritten = (value: unknown) => (Array.isArray(value) ? value.length > 0 : !!value);

/** The rules refuse a read of a document that no longer exists, because it has no owner. */
const isGone = (error: unknown) => ["permission-denied", "not-found"].includes((error as { code?: string }).code ?? "");

async function rowIn(run: Run, row: DocumentReference<Transaction>): Promise<Transaction | undefined> {
  try {
    return (await run.get(row)).data();
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

const asText = (notes: Notes | undefined) => JSON.stringify(Object.entries(notes ?? {}).sort());

/**
 * Moves the notes of an archived transaction to a transaction of the same connection; the archive keeps a copy.
 * @throws BankError `changed` if the transaction or its notes are not what the user has seen
 */
export async function moveFromArchive(from: Archived, to: Transaction): Promise<void> {
  const target = transaction(to.connection_id, to.transaction_id);
  await atOnce(async (run) => {
    const now = await rowIn(run, target);
    const kept = (await run.get(archived(from))).data() as Archived | undefined;
    if (!now || !kept || kept.moved_to || asText(now.user) !== asText(to.user)) {
      throw new BankError("changed", "the transaction has changed meanwhile");
    }
    run.update(target, { user: kept.user });
    run.update(archived(from), { moved_to: to.transaction_id });
  });
}

/**
 * Moves the notes back: the archive gets what the user has written since, and the transaction loses its notes. If the
 * bank has removed the transaction, the archive's copy counts again.
 * @throws BankError
 */
export async function moveToArchive(back: Archived): Promise<void> {
  const { connection_id, moved_to } = back;
  if (!moved_to) return;
  const source = transaction(connection_id, moved_to);
  await atOnce(async (run) => {
    const row = await rowIn(run, source);
    run.update(archived(back), { moved_to: null, ...(row && hasNotes(row) ? { user: row.user } : {}) });
    if (row) run.update(source, { user: deleteField() });
  });
}

/** Both documents are written, or neither; they are read again in the same transaction, so no newer note is lost. */
async function atOnce(work: (run: Run) => Promise<void>): Promise<void> {
  try {
    await runTransaction(db(), work);
  } catch (error) {
    throw toBankError(isGone(error) ? new BankError("changed", String(error)) : error);
  }
}
