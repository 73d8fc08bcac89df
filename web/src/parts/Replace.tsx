import { useState } from "react";
import { type BankConnection, useAccounts } from "../bank";
import { dateText, useText } from "../text/language";
import { Button } from "./basics";
import Dialog from "./Dialog";
import { nameOf } from "./situation";

const TIME = { dateStyle: "medium", timeStyle: "short" } as const;

/** Asks which of several dead connections a new one replaces. */
export default function Replace(props: { dead: BankConnection[]; onAnswer(connectionId: string | null): void }) {
  const { dead, onAnswer } = props;
  const { t, language } = useText();
  const { rows } = useAccounts();
  const [chosen, setChosen] = useState(dead[0]?.connection_id ?? null);
  const words = t.replace;
  const bank = dead[0] ? nameOf(dead[0], t) : t.yourBank;
  return (
    <Dialog title={words.title(bank)} onClose={() => onAnswer(null)}>
      <fieldset className="choices">
        <legend>{words.body}</legend>
        {dead.map((one) => (
          <label key={one.connection_id} className="check">
            <input
              type="radio"
              name="replaces"
              checked={chosen === one.connection_id}
              onChange={() => setChosen(one.connection_id)}
            />
            <span>
              {words.since(dateText(one.created_at.toDate(), language, TIME))}
              <small className="soft">
                {rows
                  .filter(({ connection_id }) => connection_id === one.connection_id)
                  .map(({ name, mask }) => (mask ? `${name} ••${mask}` : name))
                  .join(", ")}
              </small>
            </span>
          </label>
        ))}
      </fieldset>
      <footer>
        <Button onClick={() => onAnswer(null)}>{words.none}</Button>
        <Button look="main" onClick={() => onAnswer(chosen)}>
          {words.replace}
        </Button>
      </footer>
    </Dialog>
  );
}
