import type { Account } from "../bank";
import { money, negated } from "../bank";
import { useText } from "../text/language";

const OWED = new Set(["credit", "loan"]);

/** One account in a list: what is owed is written as a negative balance. */
export function AccountRow({ account, full = false }: { account: Account; full?: boolean }) {
  const { t, language } = useText();
  const { balances, type } = account;
  const current = balances.current ?? balances.available;
  const shown = current === null ? "–" : money(OWED.has(type) ? negated(current) : current, balances, language);
  const more = [
    full && balances.available !== null && balances.available !== current
      ? `${money(balances.available, balances, language)} ${t.connection.available}`
      : null,
    full && balances.limit !== null ? `${money(balances.limit, balances, language)} ${t.connection.limit}` : null,
  ].filter(Boolean);
  return (
    <li className="account">
      <span className="account-name">
        {account.name}
        <small className="soft">
          {account.mask && `•• ${account.mask}`} {full && account.official_name}
        </small>
      </span>
      <span className="amount">
        {shown}
        {more.length > 0 && <small className="soft">{more.join(" · ")}</small>}
      </span>
    </li>
  );
}
