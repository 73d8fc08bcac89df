import { Link } from "wouter";
import { type BankError, connectAnyway, useConnections } from "../bank";
import { useText } from "../text/language";
import { Button } from "./basics";
import Dialog from "./Dialog";
import { askAboutDuplicate } from "./duplicate";
import { nameOf } from "./situation";
import { say } from "./toasts";
import { useLinkFlow } from "./useLinkFlow";

/** Asks about accounts that are already connected: keep the connection, add accounts to it, or connect them twice. */
export default function Duplicate({ error }: { error: BankError }) {
  const { t, language } = useText();
  const link = useLinkFlow();
  const { rows } = useConnections();
  const { connection_id = "", accounts = [] } = error.details;
  const known = rows.find((one) => one.connection_id === connection_id);
  const words = t.duplicate;
  const close = () => askAboutDuplicate(null);
  const add = () => {
    close();
    void link.open({ kind: "accounts", connection_id });
  };
  const anyway = () => {
    close();
    const again = () => say(words.again);
    void link.run({ kind: "connect", allow_duplicate: true }, (onShared) =>
      connectAnyway(error, { language, onShared, onAgain: again }),
    );
  };
  return (
    <Dialog title={words.title(known ? nameOf(known, t) : t.yourBank)} onClose={close}>
      <p>{words.body(accounts.length)}</p>
      {accounts.length > 0 && (
        <ul className="duplicates">
          {accounts.map(({ account_id, name, mask }) => (
            <li key={account_id}>
              <span>{name}</span>
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
        <Button disabled={link.taken} onClick={anyway}>
          {words.anyway}
        </Button>
        <Button look="main" disabled={link.taken} onClick={add}>
          {words.add}
        </Button>
      </footer>
    </Dialog>
  );
}
