import { categoryOf, money, negated, type Transaction } from "../bank";
import { useText } from "../text/language";

const HUES: Record<string, number> = {
  FOOD_AND_DRINK: 25,
  TRANSPORTATION: 220,
  TRAVEL: 195,
  GENERAL_MERCHANDISE: 290,
  ENTERTAINMENT: 330,
  RENT_AND_UTILITIES: 50,
  MEDICAL: 0,
  PERSONAL_CARE: 310,
  INCOME: 150,
  TRANSFER_IN: 165,
  TRANSFER_OUT: 250,
  LOAN_PAYMENTS: 265,
  BANK_FEES: 10,
  GENERAL_SERVICES: 180,
  HOME_IMPROVEMENT: 80,
  GOVERNMENT_AND_NON_PROFIT: 230,
};

/** A colour of its own for each category; the style sheet makes light and dark of it. */
export function hueOf(category: string | null): number {
  if (!category) return 215;
  return HUES[category] ?? [...category].reduce((hash, letter) => (hash * 31 + letter.charCodeAt(0)) % 360, 7);
}

export const titleOf = (one: Transaction) => one.merchant_name ?? one.name;

export function useCategoryName() {
  const { t } = useText();
  return (category: string | null) => (category ? (t.category[category] ?? category) : t.transactions.noCategory);
}

export function Amount({ of }: { of: Transaction }) {
  const { language } = useText();
  const incoming = of.amount_value < 0;
  // Plaid counts what goes out as positive.
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
        {title.slice(0, 1).toUpperCase()}
      </span>
      <span className="row-text">
        <span className="row-title">{title}</span>
        <small className="soft">
          {nameOf(category)}
          {account && ` · ${account}`}
          {one.user?.note && ` · ${one.user.note}`}
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
