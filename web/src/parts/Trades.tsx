import { useRef, useState } from "react";
import { type InvestmentTransaction, inCurrency, money, negated, quantity, useInvestmentTransactions } from "../bank";
import { isolated } from "../text/isolated";
import { dayOf, longDay, useText } from "../text/language";
import { Button } from "./basics";

const FIRST = 50;
const MOST = 500;

/** The newest investment transactions; the first ones stay while a longer list is loading. */
export function useTrades() {
  const [wanted, setWanted] = useState(FIRST);
  const live = useInvestmentTransactions(wanted);
  const last = useRef(live);
  if (live.state !== "loading") last.current = live;
  return {
    ...last.current,
    wanted,
    isLoading: live.state === "loading",
    loadMore: () => setWanted(MOST),
  };
}

function Trade({ one }: { one: InvestmentTransaction }) {
  const { t, language } = useText();
  const of = inCurrency(one.currency);
  const traded =
    one.units && one.price && /[1-9]/.test(one.units)
      ? t.portfolio.times(quantity(one.units, language), money(one.price, of, language))
      : null;
  const facts = [t.portfolio.types[one.type] ?? one.type, longDay(dayOf(one.date), language), traded];
  const incoming = one.amount.startsWith("-");
  const text = money(negated(one.amount), of, language); // at Plaid, money that leaves is positive
  return (
    <li className="account" data-testid="trade">
      <span className="account-name">
        {isolated(one.security?.name ?? one.name)}
        <small className="soft line">{facts.filter(Boolean).join(" · ")}</small>
      </span>
      <span className={`amount ${incoming ? "incoming" : ""}`}>{incoming ? `+${text}` : text}</span>
    </li>
  );
}

/** The end of the list: the way to older transactions, or why there are none. */
function End({ of }: { of: ReturnType<typeof useTrades> }) {
  const { t } = useText();
  if (of.isLoading) return <p className="soft">{t.loading}</p>;
  if (!of.full) return <p className="soft">{t.transactions.end}</p>;
  if (of.wanted === MOST) return <p className="soft">{t.products.first(of.rows.length)}</p>;
  return <Button onClick={of.loadMore}>{t.portfolio.older}</Button>;
}

/** The latest investment transactions. */
export function Trades({ of }: { of: ReturnType<typeof useTrades> }) {
  const { t } = useText();
  const words = t.portfolio;
  const end = useRef<HTMLDivElement>(null);
  if (of.rows.length === 0) return null;
  // The button disappears while it works: keep the keyboard focus in place.
  const loadMore = () => {
    end.current?.focus({ preventScroll: true });
    of.loadMore();
  };
  return (
    <section className="card" aria-label={words.newest}>
      <h2 className="card-title">{words.newest}</h2>
      <ul className="accounts">
        {of.rows.map((one) => (
          <Trade key={`${one.connection_id}/${one.investment_transaction_id}`} one={one} />
        ))}
      </ul>
      {(of.full || of.wanted > FIRST) && (
        <div ref={end} className="list-end" tabIndex={-1}>
          <End of={{ ...of, loadMore }} />
        </div>
      )}
    </section>
  );
}
