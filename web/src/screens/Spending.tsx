import { ChartPie } from "lucide-react";
import { lazy, Suspense, useCallback, useEffect, useMemo, useState } from "react";
import {
  addUp,
  type BankError,
  countedOnly,
  currenciesIn,
  currencyOf,
  type Loaded,
  lastMonths,
  loadSince,
  money,
  percent,
  shareOf,
  toBankError,
  useAccounts,
  useAllProgress,
  useConnections,
  useLastChange,
  usePresent,
  useUid,
  wholeMoney,
} from "../bank";
import { Empty, Field, Skeleton } from "../parts/basics";
import { CurrencyField } from "../parts/CurrencyField";
import { ringColours } from "../parts/colours";
import { LoadFailed } from "../parts/LoadFailed";
import { useCategoryName } from "../parts/TransactionRow";
import { useTitle } from "../parts/useTitle";
import { isolated } from "../text/isolated";
import { dayOf, longDay, monthName, useText } from "../text/language";
import { ConnectButton } from "./Overview";

const MonthBars = lazy(() => import("./Charts").then((charts) => ({ default: charts.MonthBars })));
const CategoryRing = lazy(() => import("./Charts").then((charts) => ({ default: charts.CategoryRing })));
const SPANS = [3, 6, 12];
const NO_CURRENCY = { iso_currency_code: null, unofficial_currency_code: null };

/** The transactions since a day. Reloaded when a sync has changed transactions, but not when a connection is removed or
 * another copy of an account is counted. */
function useSince(from: string) {
  const uid = useUid();
  const change = useLastChange();
  const waiting = useAllProgress(); // nothing is read until the progress is known
  const present = usePresent();
  const accounts = useAccounts();
  const [loaded, setLoaded] = useState<(Loaded & { from: string }) | null>(null);
  const [error, setError] = useState<BankError | null>(null);
  const load = useCallback(() => {
    let current = true;
    loadSince(uid, from).then(
      (found) => {
        if (!current) return;
        setLoaded({ ...found, from });
        setError(null);
      },
      (failed) => current && setError(toBankError(failed)),
    );
    return () => {
      current = false;
    };
  }, [uid, from]);
  useEffect(() => (change === null ? undefined : load()), [change, load]);
  useEffect(() => {
    if (!error) return;
    addEventListener("online", load);
    return () => removeEventListener("online", load);
  }, [error, load]);
  const kept = useMemo(
    () =>
      loaded && {
        ...loaded,
        transactions: countedOnly(
          loaded.transactions.filter((one) => !present || present.has(one.connection_id)),
          accounts.rows,
        ),
      },
    [loaded, present, accounts.rows],
  );
  const problem = error ?? (change === null ? waiting.error : null);
  if (accounts.state === "loading") return { loaded: null, error: problem }; // the counted accounts are not known yet
  return { loaded: kept?.from === from ? kept : null, error: problem };
}

/** Spending by month and by category. */
export default function Spending() {
  const { t, language } = useText();
  const words = t.spending;
  const [span, setSpan] = useState(6);
  const months = useMemo(() => lastMonths(span), [span]);
  const { loaded, error } = useSince(`${months[0]}-01`);
  const [wanted, setWanted] = useState<string>();
  const [only, setOnly] = useState("");
  const nameOf = useCategoryName();
  const connections = useConnections();
  useTitle(words.title);

  const currencies = useMemo(() => currenciesIn(loaded?.transactions ?? []), [loaded]);
  const currency = wanted && currencies.includes(wanted) ? wanted : (currencies[0] ?? "");
  const chosen = months.includes(only) ? only : undefined;
  const spending = useMemo(
    () => addUp(loaded?.transactions ?? [], currency, months, chosen),
    [loaded, currency, months, chosen],
  );
  const of = loaded?.transactions.find((one) => currencyOf(one) === currency) ?? NO_CURRENCY;
  const shown = (amount: number) => money(String(amount), of, language);
  const whole = (amount: number) => wholeMoney(String(amount), of, language);
  const shareText = (share: number | null) => (share === null ? "" : percent(share, language));
  const colours = ringColours(spending.categories.filter((one) => one.total > 0).map((one) => one.category));
  const shortMonth = (month: string) => monthName(month, language, "short");
  const title = (
    <header className="page-head">
      <div>
        <h1>{words.title}</h1>
        <p className="soft">{words.lead}</p>
      </div>
    </header>
  );
  const choices = (
    <div className="choices">
      <Field label={words.months}>
        {(id) => (
          <select id={id} value={span} onChange={(event) => setSpan(Number(event.target.value))}>
            {SPANS.map((count) => (
              <option key={count} value={count}>
                {words.lastMonths(count)}
              </option>
            ))}
          </select>
        )}
      </Field>
      <CurrencyField of={currencies} value={currency} onChange={setWanted} />
    </div>
  );
  if (error) {
    return (
      <>
        {title}
        {choices}
        <LoadFailed error={error} />
      </>
    );
  }
  if (!loaded) {
    return (
      <>
        {title}
        {choices}
        <Skeleton lines={2} height={300} />
      </>
    );
  }
  if (loaded.transactions.length === 0) {
    return (
      <>
        {title}
        {choices}
        <Empty icon={<ChartPie aria-hidden />} title={words.emptyTitle}>
          <p>{words.emptyBody}</p>
          {connections.state === "ready" && connections.rows.length === 0 && <ConnectButton />}
        </Empty>
      </>
    );
  }
  return (
    <>
      {title}
      {choices}
      {loaded.cutAt && (
        <p className="note info">{words.cut(loaded.transactions.length, longDay(dayOf(loaded.cutAt), language))}</p>
      )}
      <section className="card pad">
        <h2 className="card-title">{words.byMonth}</h2>
        <div className="chart" data-testid="month-chart">
          <Suspense>
            <MonthBars
              spending={spending}
              format={shown}
              scale={whole}
              month={shortMonth}
              label={words.monthChart(monthName(months[0] ?? "", language), monthName(months.at(-1) ?? "", language))}
              chosen={chosen}
              onChoose={(month) => setOnly(month === chosen ? "" : month)}
            />
          </Suspense>
        </div>
        <details>
          <summary>{words.table}</summary>
          <table>
            <thead>
              <tr>
                <th scope="col">{words.month}</th>
                <th scope="col">{words.amount}</th>
              </tr>
            </thead>
            <tbody>
              {spending.months.map((one) => (
                <tr key={one.month}>
                  <td>{monthName(one.month, language)}</td>
                  <td>{shown(one.total)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      </section>
      <section className="card pad">
        <div className="card-line">
          <h2 className="card-title">{words.byCategory}</h2>
          <select aria-label={words.month} value={chosen ?? ""} onChange={(event) => setOnly(event.target.value)}>
            <option value="">{words.allMonths}</option>
            {months.toReversed().map((month) => (
              <option key={month} value={month}>
                {monthName(month, language)}
              </option>
            ))}
          </select>
        </div>
        <div className="by-category">
          <div className="chart ring" aria-hidden data-testid="category-chart">
            <Suspense>
              <CategoryRing spending={spending} colours={colours} format={shown} name={nameOf} />
            </Suspense>
            <p className="ring-total">
              <small className="soft">{words.total}</small>
              <strong>{whole(spending.total)}</strong>
            </p>
          </div>
          <table>
            <thead className="sr">
              <tr>
                <th scope="col">{t.transactions.category}</th>
                <th scope="col">{words.share}</th>
                <th scope="col">{words.amount}</th>
              </tr>
            </thead>
            <tbody>
              {spending.categories.map((one) => (
                <tr key={one.category}>
                  <td>
                    <span className="swatch" style={{ background: colours.get(one.category) ?? "var(--edge)" }} />
                    {isolated(nameOf(one.category || null))}
                  </td>
                  <td className="soft">{shareText(shareOf(one.total, spending))}</td>
                  <td>{shown(one.total)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </section>
    </>
  );
}
