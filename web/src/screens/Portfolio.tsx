import { ChartCandlestick } from "lucide-react";
import { useMemo, useState } from "react";
import {
  type Holding,
  inCurrency,
  money,
  oldPriceOf,
  type Portfolio as Portfolios,
  type Position,
  percent,
  portfoliosOf,
  quantity,
  smallPercent,
  todayHere,
  useAccounts,
  useHoldings,
} from "../bank";
import { CurrencyField } from "../parts/CurrencyField";
import { Insight } from "../parts/Insight";
import { LoadFailed } from "../parts/LoadFailed";
import { Trades, useTrades } from "../parts/Trades";
import { isolated } from "../text/isolated";
import { shortDay, useText } from "../text/language";

function useGain() {
  const { t, language } = useText();
  return (gain: string, share: number | null, currency: string | null) => {
    const sign = gain.startsWith("-") ? "" : "+";
    const text = `${sign}${money(gain, inCurrency(currency), language)}`;
    return t.portfolio.gain(text, share === null ? "" : `${sign}${percent(share, language)}`);
  };
}

const toneOf = (gain: string) => (gain.startsWith("-") ? "bad-ink" : "good-ink");

const titleOf = ({ security: { ticker, name } }: Holding, unnamed: string) => isolated(name ?? ticker ?? unnamed);

function Row({ one, account }: { one: Position; account: string | undefined }) {
  const { t, language } = useText();
  const words = t.portfolio;
  const gainText = useGain();
  const { holding, weight, gain } = one;
  const { security, institution_value: value, institution_price: price, currency } = holding;
  const amount = (text: string) => money(text, inCurrency(currency), language);
  const held = price
    ? words.times(quantity(holding.quantity, language), amount(price))
    : quantity(holding.quantity, language);
  const title = holding.is_cash ? words.cash : titleOf(holding, words.unnamed);
  // Some banks send the ticker as the name.
  const ticker = !holding.is_cash && security.ticker !== title ? security.ticker : null;
  const priced = oldPriceOf(holding, todayHere());
  const old = priced && words.pricedOn(shortDay(priced, language));
  const facts = holding.is_cash ? [account] : [held, account, old];
  return (
    <li className="account" data-testid="position">
      <span className="account-name">
        {title} {ticker && <span className="tag">{ticker}</span>}
        <small className="soft line">{facts.filter(Boolean).join(" · ")}</small>
        {weight !== null && (
          <span className="weight" aria-hidden>
            <span style={{ width: `${weight * 100}%` }} />
          </span>
        )}
      </span>
      <span className="amount">
        {value === null ? words.noValue : amount(value)}
        {weight !== null && <small className="soft">{words.weight(smallPercent(weight, language))}</small>}
        {gain !== null && <small className={toneOf(gain)}>{gainText(gain, one.gainShare, currency)}</small>}
        {gain === null && !holding.is_cash && value !== null && <small className="soft">{words.noCost}</small>}
      </span>
    </li>
  );
}

function Positions({ of }: { of: Portfolios }) {
  const { t, language } = useText();
  const words = t.portfolio;
  const gainText = useGain();
  const names = new Map(useAccounts().rows.map((one) => [one.account_id, isolated(one.name)]));
  const hasOneAccount = new Set(of.positions.map((one) => one.holding.account_id)).size === 1;
  return (
    <>
      <dl className="figures">
        <div>
          <dt>{words.value}</dt>
          <dd>{money(of.total, inCurrency(of.currency), language)}</dd>
        </div>
        {of.gain !== null && (
          <div>
            <dt>{words.gainOf(of.withCost, of.securities)}</dt>
            <dd className={toneOf(of.gain)}>{gainText(of.gain, of.gainShare, of.currency)}</dd>
          </div>
        )}
      </dl>
      {of.withoutValue > 0 && <p className="note info">{words.unpriced(of.withoutValue)}</p>}
      <section className="card" aria-label={words.positions}>
        <h2 className="card-title">{words.positions}</h2>
        <ul className="accounts">
          {of.positions.map((one, i) => (
            <Row
              key={`${one.holding.account_id}.${one.holding.security.security_id ?? i}`}
              one={one}
              account={hasOneAccount ? undefined : names.get(one.holding.account_id)}
            />
          ))}
        </ul>
      </section>
    </>
  );
}

/** Positions with their weights and gains, and the latest investment transactions. */
export default function Portfolio() {
  const { t } = useText();
  const words = t.portfolio;
  const holdings = useHoldings();
  const trades = useTrades();
  const [wanted, setWanted] = useState("");
  const portfolios = useMemo(() => portfoliosOf(holdings.rows), [holdings.rows]);
  const shown = portfolios.find((one) => one.currency === wanted) ?? portfolios[0];
  const empty = { icon: <ChartCandlestick aria-hidden />, title: words.emptyTitle, body: words.emptyBody };
  return (
    <Insight
      title={words.title}
      lead={words.lead}
      kinds={["holdings", "investment_transactions"]}
      needs={trades.rows.length > 0 ? [holdings] : [holdings, trades]}
      empty={shown || trades.rows.length > 0 ? null : empty}
    >
      {portfolios.length > 1 && (
        <div className="choices">
          <CurrencyField
            of={portfolios.map((one) => one.currency)}
            value={shown?.currency ?? ""}
            onChange={setWanted}
          />
        </div>
      )}
      {holdings.full && <p className="note info">{t.products.first(holdings.rows.length)}</p>}
      {shown && <Positions of={shown} />}
      {trades.state === "failed" && <LoadFailed error={trades.error} />}
      <Trades of={trades} />
    </Insight>
  );
}
