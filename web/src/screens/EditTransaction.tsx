import { type FormEvent, useState } from "react";
import { type Account, type Notes, type Transaction, useOnline, writeNotes } from "../bank";
import { Button, Field } from "../parts/basics";
import { CategoryField, storedCategory } from "../parts/CategoryField";
import Dialog from "../parts/Dialog";
import { Amount, titleOf, useCategoryName } from "../parts/TransactionRow";
import { say } from "../parts/toasts";
import { useAction } from "../parts/useAction";
import { useBackCloses } from "../parts/useBackCloses";
import { isolated } from "../text/isolated";
import { dayOf, longDay, useText } from "../text/language";

/** A transaction's details, and the user's notes on it. */
export default function EditTransaction(props: {
  one: Transaction;
  account: Account | undefined;
  /** Categories that the user has created before. */
  own: string[];
  onSaved(notes: Notes): void;
  onClose(): void;
}) {
  const { one, account } = props;
  const { t, language } = useText();
  const online = useOnline();
  const nameOf = useCategoryName();
  const { busy, run } = useAction();
  const close = useBackCloses(props.onClose);
  const [opened] = useState(() => ({
    note: one.user?.note ?? "",
    category: one.user?.category ? nameOf(one.user.category) : "",
    tags: (one.user?.tags ?? []).join(", "),
    hidden: one.user?.hidden ?? false,
  }));
  const [note, setNote] = useState(opened.note);
  const [category, setCategory] = useState(opened.category);
  const [tags, setTags] = useState(opened.tags);
  const [hidden, setHidden] = useState(opened.hidden);

  const save = (event: FormEvent) => {
    event.preventDefault();
    const list = tags.split(",").map((tag) => tag.trim());
    const kept = [...new Set(list)]
      .filter(Boolean)
      .map((tag) => tag.slice(0, 50))
      .slice(0, 20);
    // Store only changed fields: another device may have written newer values of the others.
    const notes: Notes = {
      ...(note !== opened.note && { note: note.trim() }),
      ...(category !== opened.category && { category: storedCategory(category, t) }),
      ...(tags !== opened.tags && { tags: kept }),
      ...(hidden !== opened.hidden && { hidden }),
    };
    void run(async () => {
      await writeNotes(one, notes);
      props.onSaved(notes);
      say(t.saved);
      close();
    });
  };
  const place = one.location as { city?: string; region?: string } | null;
  const facts: [string, string | null | undefined][] = [
    [t.edit.date, longDay(dayOf(one.date), language)],
    [t.edit.account, account && `${isolated(account.name)}${account.mask ? ` ••\u00a0${account.mask}` : ""}`],
    [t.edit.bankCategory, one.category && nameOf(one.category.primary)],
    [
      t.edit.place,
      [place?.city, place?.region]
        .map((name) => isolated(name ?? ""))
        .filter(Boolean)
        .join(", "),
    ],
    [t.edit.originally, one.name === titleOf(one) ? null : isolated(one.name)],
  ];
  return (
    <Dialog title={isolated(titleOf(one))} onClose={close}>
      <p className="dialog-amount">
        <Amount of={one} />
      </p>
      {one.pending && <p className="note info">{t.edit.pendingNote}</p>}
      <dl className="facts">
        {facts.map(
          ([name, value]) =>
            value && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
      <form onSubmit={save}>
        <Field label={t.edit.note}>
          {(id) => (
            <textarea
              id={id}
              rows={2}
              dir="auto"
              maxLength={2000}
              value={note}
              placeholder={t.edit.notePlaceholder}
              onChange={(event) => setNote(event.target.value)}
            />
          )}
        </Field>
        <CategoryField value={category} own={props.own} onChange={setCategory} />
        <Field label={t.edit.tags}>
          {(id) => <input id={id} maxLength={1000} value={tags} onChange={(event) => setTags(event.target.value)} />}
        </Field>
        <label className="check">
          <input type="checkbox" checked={hidden} onChange={(event) => setHidden(event.target.checked)} />
          {t.edit.hidden}
        </label>
        {!online && <p className="note warn">{t.offlineAction}</p>}
        <footer>
          <Button onClick={close}>{t.cancel}</Button>
          <Button type="submit" look="main" busy={busy} disabled={!online}>
            {t.save}
          </Button>
        </footer>
      </form>
    </Dialog>
  );
}
