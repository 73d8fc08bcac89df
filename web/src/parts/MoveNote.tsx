import { useEffect, useState } from "react";
import {
  type Archived,
  type BankError,
  candidatesFor,
  hasNotes,
  moveFromArchive,
  type Transaction,
  toBankError,
  useAccounts,
} from "../bank";
import { isolated } from "../text/isolated";
import { dayOf, longDay, useText } from "../text/language";
import { Skeleton } from "./basics";
import Confirm from "./Confirm";
import Dialog from "./Dialog";
import { LoadFailed } from "./LoadFailed";
import { Amount, titleOf, useNotesLine } from "./TransactionRow";
import { say } from "./toasts";
import { useAction } from "./useAction";
import { useBackCloses } from "./useBackCloses";

const SHOWN = 20;

/** Lets the user choose the transaction that gets the notes of an archived one. */
export default function MoveNote({ one, onClose }: { one: Archived; onClose(): void }) {
  const { t, language } = useText();
  const line = useNotesLine();
  const accounts = useAccounts().rows;
  const accountOf = (row: Transaction) =>
    isolated(accounts.find((known) => known.account_id === row.account_id)?.name ?? "");
  const close = useBackCloses(onClose);
  const { busy, run } = useAction();
  const [rows, setRows] = useState<Transaction[] | null>(null);
  const [error, setError] = useState<BankError | null>(null);
  const [over, setOver] = useState<Transaction | null>(null);
  const [looked, setLooked] = useState(0);
  const words = t.archive;
  useEffect(() => {
    let open = looked >= 0;
    candidatesFor(one).then(
      (found) => open && setRows(found.slice(0, SHOWN)),
      (caught) => open && setError(toBankError(caught)),
    );
    return () => {
      open = false;
    };
  }, [one, looked]);
  const move = async (to: Transaction) => {
    const refused = await run(async () => {
      await moveFromArchive(one, to);
      say(words.moved);
      close();
    });
    if (!refused) return;
    setOver(null);
    setLooked(looked + 1); // what was shown may be out of date
  };
  if (over) {
    return (
      <Confirm
        title={words.overTitle}
        body={words.overBody(line(over.user ?? {}))}
        confirm={words.over}
        busy={busy}
        onConfirm={() => void move(over)}
        onClose={() => setOver(null)}
      />
    );
  }
  return (
    <Dialog title={words.choose(isolated(titleOf(one)))} onClose={close}>
      <p className="soft">{words.chooseBody(longDay(dayOf(one.date), language))}</p>
      {error && <LoadFailed error={error} />}
      {!rows && !error && <Skeleton lines={3} />}
      {rows?.length === 0 && <p className="note info">{words.none}</p>}
      {rows && rows.length > 0 && (
        <ul className="candidates">
          {rows.map((row) => (
            <li key={row.transaction_id}>
              <button
                type="button"
                className="row"
                aria-disabled={busy || undefined}
                data-testid="candidate"
                onClick={() => (hasNotes(row) ? setOver(row) : void move(row))}
              >
                <span className="row-text">
                  <span className="row-title" dir="auto">
                    {titleOf(row)}
                  </span>
                  <small className="soft">
                    {[longDay(dayOf(row.date), language), accountOf(row), line(row.user ?? {})]
                      .filter(Boolean)
                      .join(" · ")}
                  </small>
                </span>
                <span className="row-end">
                  <Amount of={row} />
                </span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </Dialog>
  );
}
