import { CalendarClock, Pencil } from "lucide-react";
import { type ReactNode, useMemo, useState } from "react";
import {
  amountOfStream,
  categoryOfStream,
  type Expected,
  expectedPayments,
  inCurrency,
  money,
  nameOfStream,
  negated,
  priceChangeOf,
  type RecurringStream,
  todayHere,
  totals,
  useAccounts,
  useRecurring,
} from "../bank";
import { Button } from "../parts/basics";
import { Insight } from "../parts/Insight";
import { useCategoryName } from "../parts/TransactionRow";
import { isolated } from "../text/isolated";
import { dayOf, longDay, shortDay, useText } from "../text/language";
import EditBill from "./EditBill";

const byName = (a: RecurringStream, b: RecurringStream) => nameOfStream(a).localeCompare(nameOfStream(b));

/** An amount without its sign; the section says whether it is paid or received. */
function useAmount() {
  const { t, language } = useText();
  return (one: RecurringStream): string => {
    const amount = amountOfStream(one);
    if (amount === null) return "–";
    const text = money(amount.startsWith("-") ? negated(amount) : amount, inCurrency(one.currency), language);
    return one.last_amount === null ? t.bills.about(text) : text;
  };
}

/** How the price of a stream has changed last. */
function PriceChange({ of }: { of: RecurringStream }) {
  const { t, language } = useText();
  const change = priceChangeOf(of);
  if (!change) return null;
  const before = money(change.before, inCurrency(of.currency), language);
  const day = of.amount_changed_at ? longDay(of.amount_changed_at.toDate(), language) : null;
  const words = change.direction > 0 ? t.bills.rose : t.bills.fell;
  return (
    <small className={`change ${change.direction > 0 && of.direction === "out" ? "warn-ink" : "soft"}`}>
      {words(before, day)}
    </small>
  );
}

function Upcoming({ one }: { one: Expected }) {
  const { t, language } = useText();
  const amount = useAmount();
  return (
    <li className="account" data-testid="expected">
      <span className="account-name">
        {isolated(nameOfStream(one.stream))} {one.late && <span className="tag warn">{t.bills.late}</span>}
        <small className="soft line">{longDay(dayOf(one.day), language)}</small>
        <PriceChange of={one.stream} />
      </span>
      <span className="amount">{amount(one.stream)}</span>
    </li>
  );
}

function Stream({ one, onEdit }: { one: RecurringStream; onEdit(): void }) {
  const { t, language } = useText();
  const amount = useAmount();
  const nameOf = useCategoryName();
  const account = useAccounts().rows.find((row) => row.account_id === one.account_id);
  const name = isolated(nameOfStream(one));
  const next = one.is_active ? one.predicted_next_date : null;
  const facts = [
    t.bills.frequency[one.frequency] ?? t.bills.irregular,
    isolated(nameOf(categoryOfStream(one))),
    account && isolated(account.name),
    next ? t.bills.next(shortDay(next, language)) : t.bills.last(shortDay(one.last_date, language)),
  ];
  return (
    <li className="account with-button" data-testid="stream">
      <span className="account-name">
        {name} {one.user?.muted && <span className="tag">{t.bills.muted}</span>}
        <small className="soft line">{facts.filter(Boolean).join(" · ")}</small>
        <PriceChange of={one} />
      </span>
      <span className="amount">{amount(one)}</span>
      <Button look="quiet" className="icon-only" aria-label={t.bills.edit(name)} onClick={onEdit}>
        <Pencil aria-hidden />
      </Button>
    </li>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="card" aria-label={title}>
      <h2 className="card-title">{title}</h2>
      <ul className="accounts">{children}</ul>
    </section>
  );
}

/** What is expected in the next days, and how much that is. */
function Due({ streams }: { streams: RecurringStream[] }) {
  const { t, language } = useText();
  const due = useMemo(() => expectedPayments(streams, todayHere()), [streams]);
  const sums = totals(
    due.flatMap(({ stream, amount }) => (amount === null ? [] : [{ currency: stream.currency, amount }])),
  );
  return (
    <section className="card" aria-label={t.bills.upcoming} data-testid="upcoming">
      <div className="card-line pad-line">
        <h2 className="card-title">{t.bills.upcoming}</h2>
        {sums.length > 0 && (
          <p className="soft">
            {t.bills.expected(sums.map((one) => money(one.amount, inCurrency(one.currency), language)).join(" + "))}
          </p>
        )}
      </div>
      {due.length === 0 && <p className="soft pad">{t.bills.nothingDue}</p>}
      <ul className="accounts">
        {due.map((one) => (
          <Upcoming key={`${one.stream.connection_id}/${one.stream.stream_id}/${one.day}`} one={one} />
        ))}
      </ul>
    </section>
  );
}

/** Bills, subscriptions and regular income. */
export default function Bills() {
  const { t } = useText();
  const words = t.bills;
  const live = useRecurring();
  const [edited, setEdited] = useState<RecurringStream | null>(null);
  const rows = useMemo(() => live.rows.toSorted(byName), [live.rows]);
  const active = rows.filter((one) => one.is_active);
  const listed = (of: RecurringStream[]) =>
    of.map((one) => <Stream key={`${one.connection_id}/${one.stream_id}`} one={one} onEdit={() => setEdited(one)} />);
  const groups = [
    { title: words.all, of: active.filter((one) => one.direction === "out") },
    { title: words.income, of: active.filter((one) => one.direction === "in") },
    { title: words.ended, of: rows.filter((one) => !one.is_active) },
  ];
  const empty = { icon: <CalendarClock aria-hidden />, title: words.emptyTitle, body: words.emptyBody };
  return (
    <Insight
      title={words.title}
      lead={words.lead}
      kinds={["recurring"]}
      needs={[live]}
      empty={rows.length > 0 ? null : empty}
    >
      {live.full && <p className="note info">{t.products.first(live.rows.length)}</p>}
      <Due streams={rows} />
      {groups.map(
        ({ title, of }) =>
          of.length > 0 && (
            <Section key={title} title={title}>
              {listed(of)}
            </Section>
          ),
      )}
      {edited && <EditBill one={edited} onClose={() => setEdited(null)} />}
    </Insight>
  );
}
