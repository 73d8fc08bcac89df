import { type FormEvent, useId, useState } from "react";
import { nameOfStream, type RecurringStream, type StreamNotes, useOnline, writeStreamNotes } from "../bank";
import { Button, Field } from "../parts/basics";
import { CategoryField, storedCategory } from "../parts/CategoryField";
import Dialog from "../parts/Dialog";
import { useCategoryName } from "../parts/TransactionRow";
import { say } from "../parts/toasts";
import { useAction } from "../parts/useAction";
import { useBackCloses } from "../parts/useBackCloses";
import { isolated } from "../text/isolated";
import { useText } from "../text/language";

/** The user's notes on a bill: a name, a category, and whether it is muted. */
export default function EditBill({ one, onClose }: { one: RecurringStream; onClose(): void }) {
  const { t } = useText();
  const online = useOnline();
  const nameOf = useCategoryName();
  const { busy, run } = useAction();
  const close = useBackCloses(onClose);
  const hint = useId();
  const [opened] = useState(() => ({
    name: one.user?.name ?? "",
    category: one.user?.category ? nameOf(one.user.category) : "",
    muted: one.user?.muted ?? false,
  }));
  const [name, setName] = useState(opened.name);
  const [category, setCategory] = useState(opened.category);
  const [muted, setMuted] = useState(opened.muted);

  const save = (event: FormEvent) => {
    event.preventDefault();
    // Store only changed fields: another device may have written newer values of the others.
    const notes: StreamNotes = {
      ...(name !== opened.name && { name: name.trim() }),
      ...(category !== opened.category && { category: storedCategory(category, t) }),
      ...(muted !== opened.muted && { muted }),
    };
    void run(async () => {
      await writeStreamNotes(one, notes);
      say(t.saved);
      close();
    });
  };
  return (
    <Dialog title={isolated(nameOfStream(one))} onClose={close}>
      <form onSubmit={save}>
        <Field label={t.bills.name}>
          {(id) => (
            <input
              id={id}
              maxLength={100}
              value={name}
              dir="auto"
              placeholder={one.merchant_name ?? one.description}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <CategoryField value={category} onChange={setCategory} />
        <div className="field">
          <label className="check">
            <input
              type="checkbox"
              checked={muted}
              aria-describedby={hint}
              onChange={(event) => setMuted(event.target.checked)}
            />
            {t.bills.mute}
          </label>
          <small id={hint} className="soft">
            {t.bills.muteHint}
          </small>
        </div>
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
