import { ChartLine } from "lucide-react";
import { lazy, Suspense, useMemo, useState } from "react";
import {
  changeOf,
  daysAfter,
  inCurrency,
  lastMonths,
  money,
  type NetWorth as NetWorthHistory,
  netWorthOf,
  type Span,
  signOf,
  spansOf,
  todayInUtc,
  useAccounts,
  useBalanceMonths,
  wholeMoney,
} from "../bank";
import { Field } from "../parts/basics";
import { CurrencyField } from "../parts/CurrencyField";
import { Insight } from "../parts/Insight";
import { isolated } from "../text/isolated";
import { dayOf, longDay, shortDay, useText } from "../text/language";

const NetWorthLine = lazy(() => import("./Charts").then((charts) => ({ default: charts.NetWorthLine })));
const SPANS: Record<number, number> = { 1: 30, 3: 91, 12: 365 }; // days, by months

/** The recorded balances, and the first day that they are complete from. */
function useHistory() {
  const [first = ""] = lastMonths(13);
  const months = useBalanceMonths(first);
  const oldest = months.rows.at(-1)?.month ?? first;
  // A list of the greatest length may lack a part of its first month.
  const next = `${daysAfter(`${oldest}-01`, 31).slice(0, 7)}-01`;
  return { months, complete: months.full ? next : `${first}-01` };
}

/** Net worth over time. */
export default function NetWorth() {
  const { t } = useText();
  const words = t.netWorth;
  const accounts = useAccounts();
  const { months, complete } = useHistory();
  const [span, setSpan] = useState(3);
  const [wanted, setWanted] = useState("");
  const today = todayInUtc();
  const since = [daysAfter(today, -(SPANS[span] ?? 0)), complete].sort().at(-1) ?? today;
  const found = useMemo(
    () => netWorthOf(months.rows, accounts.rows, since, today),
    [months.rows, accounts.rows, since, today],
  );
  const shown = found.find((one) => one.currency === wanted) ?? found[0];
  const empty = { icon: <ChartLine aria-hidden />, title: words.emptyTitle, body: words.emptyBody };
  return (
    <Insight title={words.title} lead={words.lead} needs={[accounts, months]} empty={shown ? null : empty}>
      <div className="choices">
        <Field label={words.span}>
          {(id) => (
            <select id={id} value={span} onChange={(event) => setSpan(Number(event.target.value))}>
              {Object.keys(SPANS).map((count) => (
                <option key={count} value={count}>
                  {words.spans[Number(count)]}
                </option>
              ))}
            </select>
          )}
        </Field>
        <CurrencyField of={found.map((one) => one.currency)} value={shown?.currency ?? ""} onChange={setWanted} />
      </div>
      {shown && <Shown of={shown} />}
    </Insight>
  );
}

function Shown({ of }: { of: NetWorthHistory }) {
  const { t, language } = useText();
  const words = t.netWorth;
  const names = new Map(useAccounts().rows.map((one) => [one.account_id, isolated(one.name)]));
  const currency = inCurrency(of.currency);
  const long = (day: string) => longDay(dayOf(day), language);
  const listed = (ids: string[]) => ids.map((id) => names.get(id)).join(", ");
  const change = changeOf(of);
  const [first, last] = [of.days[0]?.day ?? "", of.days.at(-1)?.day ?? ""];
  const signed = (amount: string) => `${amount.startsWith("-") ? "" : "+"}${money(amount, currency, language)}`;
  const changed = (by: string, day: string) => (signOf(by) === 0 ? words.noChange(day) : words.change(signed(by), day));
  return (
    <>
      {change?.last.net && (
        <section className="totals" aria-label={words.title}>
          <p className="big">{money(change.last.net, currency, language)}</p>
          <p className="soft">
            <span className="whole">{words.on(long(change.last.day))}</span>
            {change.by && change.since && (
              <>
                {" · "}
                <span className="whole">{changed(change.by, long(change.since.day))}</span>
              </>
            )}
          </p>
        </section>
      )}
      <section className="card pad">
        <h2 className="card-title">{words.byDay}</h2>
        <div className="chart" data-testid="net-worth-chart">
          <Suspense>
            <NetWorthLine
              of={of}
              label={words.chart(long(first), long(last))}
              names={words}
              format={(amount) => money(String(amount), currency, language)}
              scale={(amount) => wholeMoney(String(amount), currency, language)}
              day={(day) => shortDay(day, language)}
            />
          </Suspense>
        </div>
        <Legend of={of} />
        <ul className="soft remarks">
          {of.days.some((one) => one.net === null) && <li>{words.gaps}</li>}
          {byDay(of.joined).map(([day, ids]) => (
            <li key={day}>{words.joined(long(day), listed(ids))}</li>
          ))}
          {byDay(of.behind).map(([day, ids]) => (
            <li key={day}>{words.behind(long(day), listed(ids))}</li>
          ))}
        </ul>
        <details>
          <summary>{t.spending.table}</summary>
          <Table spans={spansOf(of.days)} currency={currency} />
        </details>
      </section>
    </>
  );
}

/** The accounts of each day, in the order of the days. */
function byDay(accounts: NetWorthHistory["joined"]): [string, string[]][] {
  const days = new Map<string, string[]>();
  for (const { account_id, day } of accounts) days.set(day, [...(days.get(day) ?? []), account_id]);
  return [...days].sort(([a], [b]) => a.localeCompare(b));
}

/** What the lines mean, if there is more than one kind of days. */
function Legend({ of }: { of: NetWorthHistory }) {
  const words = useText().t.netWorth;
  const kinds = (["recorded", "derived", "gap"] as const).filter((kind) =>
    of.days.some((one) => sourceOf(one) === kind),
  );
  if (kinds.length < 2) return null;
  return (
    <ul className="legend">
      {kinds.map((kind) => (
        <li key={kind}>
          <span className={`key ${kind}`} aria-hidden /> {words[kind]}
        </li>
      ))}
    </ul>
  );
}

const sourceOf = ({ net, derived }: { net: string | null; derived: boolean }) =>
  net === null ? "gap" : derived ? "derived" : "recorded";

function Table({ spans, currency }: { spans: Span[]; currency: ReturnType<typeof inCurrency> }) {
  const { t, language } = useText();
  const words = t.netWorth;
  const short = (day: string) => shortDay(day, language);
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{words.days}</th>
          <th scope="col">{words.source}</th>
          <th scope="col">{words.title}</th>
        </tr>
      </thead>
      <tbody>
        {spans.map((one) => (
          <tr key={one.from}>
            <td>{one.from === one.to ? short(one.from) : words.range(short(one.from), short(one.to))}</td>
            <td className="soft wrap">{words[sourceOf(one)]}</td>
            <td>{one.net === null ? "–" : money(one.net, currency, language)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
