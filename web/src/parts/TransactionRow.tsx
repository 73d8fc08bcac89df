import { categoryOf, money, type Notes, negated, type Transaction } from "../bank";
import { isolated } from "../text/isolated";
import { useText } from "../text/language";
import { initialOf } from "./basics";
import { hueOf } from "./colours";

export const titleOf = (one: Transaction) => one.merchant_name ?? one.name;

export function useCategoryName() {
  const { t } = useText();
  return (category: string | null) => (category ? (t.category[category] ?? category) : t.transactions.noCategory);
}

/** Everything that the user has written on a transaction, in one line. */
export function useNotesLine() {
  const { t } = useText();
  const nameOf = useCategoryName();
  return ({ note, category, tags = [], hidden }: Notes) =>
    [
      note && isolated(note),
      category && isolated(nameOf(category)),
      ...tags.map((tag) => isolated(`#${tag}`)),
      hidden && t.transactions.hidden,
    ]
      .filter(Boolean)
      .join(" · ");
}

export function Amount({ of }: { of: Transaction }) {
  const { language } = useText();
  const incoming = of.amount_value < 0;
  // At Plaid, outgoing amounts are positive.
  const text = money(negated(of.amount), of, language);
  return <span className={`amount ${incoming ? "incoming" : ""}`}>{incoming ? `+${text}` : text}</span>;
}

export function TransactionRow({ one, account, onOpen }: { one: Transaction; account: string; onOpen(): void }) {
  const { t } = useText();
  const nameOf = useCategoryName();
  const category = categoryOf(one);
  const title = titleOf(one);
  return (
    <button type="button" className={`row ${one.pending ? "pending" : ""}`} onClick={onOpen} data-testid="transaction">
      <span className="dot" style={{ "--hue": hueOf(category) } as React.CSSProperties} aria-hidden>
        {initialOf(title)}
      </span>
      <span className="row-text">
        <span className="row-title" dir="auto">
          {title}
        </span>
        <small className="soft">
          {isolated(nameOf(category))}
          {account && ` · ${isolated(account)}`}
          {one.user?.note && ` · ${isolated(one.user.note)}`}
        </small>
      </span>
      <span className="row-end">
        <Amount of={one} />
        {one.pending && <span className="tag">{t.transactions.pending}</span>}
        {one.user?.hidden && <span className="tag">{t.transactions.hidden}</span>}
      </span>
    </button>
  );
}
