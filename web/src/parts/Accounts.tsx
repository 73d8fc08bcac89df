import type { Account } from "../bank";
import { balanceOf, isOwed, money, negated } from "../bank";
import { useText } from "../text/language";

/** One account in a list: what is owed is written as a negative balance. */
export function AccountRow({ account, full = false }: { account: Account; full?: boolean }) {
  const { t, language } = useText();
  const { balances } = account;
  const current = balanceOf(account);
  const shown = current === null ? "–" : money(isOwed(account) ? negated(current) : current, balances, language);
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
