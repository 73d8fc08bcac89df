import type { Account } from "../bank";
import { balanceOf, isCounted, isOwed, money, negated, useConnections } from "../bank";
import { isolated } from "../text/isolated";
import { useText } from "../text/language";
import { nameOf } from "./situation";

/** The other connection under which a duplicate account is counted. */
function Duplicate({ of }: { of: NonNullable<Account["duplicate_of"]> }) {
  const { t } = useText();
  const other = useConnections().rows.find((one) => one.connection_id === of.connection_id);
  return <small className="soft duplicate">{t.overview.duplicate(other ? nameOf(other, t) : t.yourBank)}</small>;
}

/** One account in a list; a debt is shown as a negative balance. */
export function AccountRow({ account, full = false }: { account: Account; full?: boolean }) {
  const { t, language } = useText();
  const { balances } = account;
  const current = balanceOf(account);
  const shown = current === null ? "–" : money(isOwed(account) ? negated(current) : current, balances, language);
  // The limit of a current account in Europe is its overdraft.
  const limitName = account.type === "depository" ? t.connection.overdraft : t.connection.limit;
  const more = [
    full && balances.available !== null && balances.available !== current
      ? `${money(balances.available, balances, language)} ${t.connection.available}`
      : null,
    full && balances.limit !== null ? `${money(balances.limit, balances, language)} ${limitName}` : null,
  ].filter((one) => one !== null);
  return (
    <li className="account">
      <span className="account-name">
        {isolated(account.name)}
        <small className="soft">
          {account.mask && <span className="whole">•• {account.mask}</span>}{" "}
          {full && isolated(account.official_name ?? "")}
        </small>
        {account.duplicate_of && <Duplicate of={account.duplicate_of} />}
      </span>
      <span className={isCounted(account) ? "amount" : "amount soft"}>
        {shown}
        {more.map((one) => (
          <small key={one} className="soft">
            {one}
          </small>
        ))}
      </span>
    </li>
  );
}
