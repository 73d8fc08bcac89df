import { useState } from "react";
import { Link } from "wouter";
import { type BankError, connectAnyway, type Decision, type Purpose, useConnections } from "../bank";
import { isolated } from "../text/isolated";
import { useText } from "../text/language";
import { Button } from "./basics";
import Confirm from "./Confirm";
import Dialog from "./Dialog";
import { askAboutDuplicate } from "./duplicate";
import { nameOf } from "./situation";
import { say } from "./toasts";
import { useLinkFlow } from "./useLinkFlow";

/** Asks about accounts that are already connected: log in to the connection again, add accounts, replace it, or both. */
export default function Duplicate({ error }: { error: BankError }) {
  const { t, spoken } = useText();
  const link = useLinkFlow();
  const { rows } = useConnections();
  const [replacing, setReplacing] = useState(false);
  const { connection_id = "", accounts = [] } = error.details;
  const known = rows.find((one) => one.connection_id === connection_id);
  const bank = known ? nameOf(known, t) : t.yourBank;
  const words = t.duplicate;
  const close = () => askAboutDuplicate(null);
  const update = (kind: "repair" | "accounts") => {
    close();
    void link.open({ kind, connection_id });
  };
  const connect = (decision: Decision) => {
    close();
    const onAgain = () => say(decision.replaces ? words.againToReplace : words.again);
    const purpose: Purpose = { kind: "connect", ...decision };
    void link.run(purpose, (asked) => connectAnyway(error, decision, { language: spoken, onAgain, ...asked }));
  };
  if (replacing) {
    return (
      <Confirm
        title={words.replaceTitle(bank)}
        body={words.replaceBody}
        confirm={words.replace}
        busy={false}
        onConfirm={() => connect({ replaces: connection_id })}
        onClose={() => setReplacing(false)}
      />
    );
  }
  return (
    <Dialog title={words.title(bank)} onClose={close}>
      <p>{words.body(accounts.length)}</p>
      {accounts.length > 0 && (
        <ul className="duplicates">
          {accounts.map(({ account_id, name, mask }) => (
            <li key={account_id}>
              <span>{isolated(name)}</span>
              {mask && <span className="soft whole">••{mask}</span>}
            </li>
          ))}
        </ul>
      )}
      <p className="soft">
        {words.hint}{" "}
        <Link href={`/connections/${connection_id}`} onClick={close}>
          {words.show}
        </Link>
      </p>
      <footer>
        <Button disabled={link.taken} onClick={() => connect({ allow_duplicate: true })}>
          {words.anyway}
        </Button>
        <Button disabled={link.taken} onClick={() => setReplacing(true)}>
          {words.replace}
        </Button>
        <Button disabled={link.taken} onClick={() => update("accounts")}>
          {words.add}
        </Button>
        <Button look="main" disabled={link.taken} onClick={() => update("repair")}>
          {t.notice.repair}
        </Button>
      </footer>
    </Dialog>
  );
}
