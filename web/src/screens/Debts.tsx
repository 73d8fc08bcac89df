import { HandCoins } from "lucide-react";
import { useMemo } from "react";
import {
  type Debt,
  debtsOf,
  inCurrency,
  type Liability,
  minimumPayments,
  money,
  todayHere,
  totals,
  useAccounts,
  useConnections,
  useLiabilities,
} from "../bank";
import { Insight } from "../parts/Insight";
import { nameOf } from "../parts/situation";
import type { Texts } from "../text/en";
import { isolated } from "../text/isolated";
import { dayOf, longDay, useText } from "../text/language";

type Fact = [name: string, value: string | null];

/** Everything else that the bank says about a debt. */
function factsOf(one: Liability, t: Texts, language: string): Fact[] {
  const words = t.debts;
  const amount = (text: string | null) => text && money(text, inCurrency(one.currency), language);
  const day = (text: string | null) => text && longDay(dayOf(text), language);
  const rates = new Intl.NumberFormat(language, { style: "unit", unit: "percent", maximumFractionDigits: 20 });
  const rate = (text: string) => rates.format(text as Intl.StringNumericLiteral);
  const paid = amount(one.last_payment_amount);
  const paidOn = day(one.last_payment_date);
  // Plaid's own words in the user's language; a word that Plaid has added since is shown as it is.
  const word = (known: Record<string, string>, text: string | null) => text && (known[text] ?? text);
  const kind = word(words.rateTypes, one.interest_rate_type);
  return [
    [words.statement, amount(one.last_statement_balance)],
    [words.statementDay, day(one.last_statement_issue_date)],
    [words.lastPayment, paid && paidOn ? words.on(paid, paidOn) : paid || paidOn],
    ...one.aprs.map((apr): Fact => [words.apr[apr.type] ?? words.otherApr, rate(apr.percentage)]),
    [words.rate, one.interest_rate && [rate(one.interest_rate), kind].filter(Boolean).join(", ")],
    [words.principal, amount(one.origination_principal)],
    [words.origination, day(one.origination_date)],
    [words.payoff, day(one.expected_payoff_date)],
    [words.maturity, day(one.maturity_date)],
    [words.plan, word(words.plans, one.repayment_plan)],
    [words.loanStatus, word(words.loanStatuses, one.loan_status)],
  ];
}

function Details({ of }: { of: Liability }) {
  const { t, language } = useText();
  const facts = factsOf(of, t, language).filter(([, value]) => value);
  if (facts.length === 0) return null;
  return (
    <details>
      <summary>{t.debts.details}</summary>
      <dl className="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

/** When and how much must be paid next. */
function Payment({ of, today }: { of: Debt; today: string }) {
  const { t, language } = useText();
  const words = t.debts;
  const { liability, overdue } = of;
  if (!liability) return <small className="soft line">{words.noDate}</small>;
  const { next_payment_due_date: due, minimum_payment_amount: minimum, past_due_amount: past } = liability;
  const amount = (text: string) => money(text, inCurrency(liability.currency), language);
  const day = due && longDay(dayOf(due), language);
  const parts = [
    day ? (due >= today ? words.due(day) : words.wasDue(day)) : words.noDate,
    minimum && words.minimumDue(amount(minimum)),
    overdue && past && /[1-9]/.test(past) && words.pastDue(amount(past)),
  ];
  return <small className={`line ${overdue ? "bad-ink" : "soft"}`}>{parts.filter(Boolean).join(" · ")}</small>;
}

function Row({ one, today }: { one: Debt; today: string }) {
  const { t, language } = useText();
  const { account, liability, owed } = one;
  const connection = useConnections().rows.find((row) => row.connection_id === account.connection_id);
  return (
    <li className="account debt" data-testid="debt">
      <span className="account-name">
        {isolated(liability?.loan_name ?? account.name)}{" "}
        {one.overdue && <span className="status bad">{t.debts.overdue}</span>}
        <small className="soft line">
          {[account.mask && `••\u00a0${account.mask}`, connection && nameOf(connection, t)].filter(Boolean).join(" · ")}
        </small>
        <Payment of={one} today={today} />
      </span>
      <span className="amount">{owed === null ? "–" : money(owed, account.balances, language)}</span>
      {liability && <Details of={liability} />}
    </li>
  );
}

/** What the user owes: due dates and minimum payments first. */
export default function Debts() {
  const { t, language } = useText();
  const words = t.debts;
  const accounts = useAccounts();
  const liabilities = useLiabilities();
  const today = todayHere();
  const debts = useMemo(
    () => debtsOf(accounts.rows, liabilities.rows, today),
    [accounts.rows, liabilities.rows, today],
  );
  const shown = (sums: ReturnType<typeof totals>) =>
    sums.map((one) => money(one.amount, inCurrency(one.currency), language)).join(" + ");
  const owed = totals(
    debts.flatMap(({ account: { balances }, owed }) =>
      owed === null
        ? []
        : [{ currency: balances.iso_currency_code ?? balances.unofficial_currency_code, amount: owed }],
    ),
  );
  const minimum = totals(minimumPayments(debts, today));
  const empty = { icon: <HandCoins aria-hidden />, title: words.emptyTitle, body: words.emptyBody };
  return (
    <Insight
      title={words.title}
      lead={words.lead}
      kinds={["liabilities"]}
      needs={[accounts, liabilities]}
      empty={debts.length > 0 ? null : empty}
    >
      <dl className="figures">
        {owed.length > 0 && (
          <div>
            <dt>{words.owed}</dt>
            <dd>{shown(owed)}</dd>
          </div>
        )}
        {minimum.length > 0 && (
          <div>
            <dt>{words.minimum}</dt>
            <dd>{shown(minimum)}</dd>
          </div>
        )}
      </dl>
      <section className="card">
        <ul className="accounts">
          {debts.map((one) => (
            <Row key={one.account.account_id} one={one} today={today} />
          ))}
        </ul>
      </section>
    </Insight>
  );
}
