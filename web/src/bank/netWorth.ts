/** Net worth by day, from the recorded balances. A day on which any account's balance is unknown has no total. */
import { balanceIn, isOwed } from "./balances";
import { daysAfter } from "./days";
import { isCounted } from "./duplicates";
import { negated } from "./money";
import { difference, sum } from "./sums";
import type { Account, BalanceMonth } from "./types.generated";

export interface NetWorthDay {
  day: string;
  /** Null if the balance of an account is unknown: a gap, not 0. */
  net: string | null;
  /** Whether any balance was computed from transactions, not recorded. */
  derived: boolean;
}
export interface NetWorth {
  currency: string;
  /** Every day from the first that is known to the last, in order. */
  days: NetWorthDay[];
  /** Accounts whose balances begin later, and the day from which they count. */
  joined: { account_id: string; day: string }[];
  /** Accounts without a balance on the last day, and the last day on which it is known. */
  behind: { account_id: string; day: string }[];
}
interface Entry {
  amount: string;
  derived: boolean;
  /** Of several entries for one day, the lowest counts: the bank's before computed ones, the account's before a copy's. */
  rank: number;
}
type History = Map<string, Entry>;

/**
 * The signed balances of each counted account by day, for each currency. The days of a duplicate account belong to the
 * counted account: they never count twice, but fill days that only the copy has.
 */
function historiesOf(months: BalanceMonth[], accounts: Account[]): Map<string, Map<string, History>> {
  const known = new Map(accounts.map((one) => [one.account_id, one]));
  const found = new Map<string, Map<string, History>>();
  for (const { account_id, month, currency, days, derived } of months) {
    const account = known.get(account_id);
    const counted = known.get(account?.duplicate_of?.account_id ?? account_id);
    if (!account || !counted || !isCounted(counted)) continue;
    const ofCurrency = found.get(currency ?? "") ?? new Map<string, History>();
    found.set(currency ?? "", ofCurrency);
    const history = ofCurrency.get(counted.account_id) ?? (new Map() as History);
    ofCurrency.set(counted.account_id, history);
    for (const [date, balances] of Object.entries(days)) {
      const amount = balanceIn(balances, account);
      if (amount === null) continue;
      const isDerived = derived?.[date] ?? false;
      const rank = (isDerived ? 2 : 0) + (account === counted ? 0 : 1);
      const day = `${month}-${date}`;
      if (rank >= (history.get(day)?.rank ?? Number.POSITIVE_INFINITY)) continue;
      history.set(day, { amount: isOwed(account) ? negated(amount) : amount, derived: isDerived, rank });
    }
  }
  return found;
}

const earliest = (days: Iterable<string>) => [...days].sort().at(0) ?? "";
const latest = (days: Iterable<string>) => [...days].sort().at(-1) ?? "";

function dayOf(day: string, histories: History[]): NetWorthDay {
  const entries = histories.map((one) => one.get(day));
  const known = entries.filter((one) => one !== undefined);
  const isWhole = known.length === entries.length && known.length > 0;
  return {
    day,
    net: isWhole ? sum(known.map((one) => one.amount)) : null,
    derived: isWhole && known.some((one) => one.derived),
  };
}

/**
 * The net worth of each day, by currency, the currency of most accounts first.
 *
 * An account counts from the first day on which its balance is known: earlier totals are those of the other accounts,
 * and `joined` says so.
 * @param since the first day to return
 * @param today left out while a balance is missing, because it may still be recorded
 */
export function netWorthOf(months: BalanceMonth[], accounts: Account[], since: string, today: string): NetWorth[] {
  return [...historiesOf(months, accounts)]
    .map(([currency, histories]) => ({ size: histories.size, of: ofCurrency(currency, histories, since, today) }))
    .filter((one) => one.of.days.length > 0)
    .sort((a, b) => b.size - a.size)
    .map((one) => one.of);
}

function ofCurrency(currency: string, histories: Map<string, History>, since: string, today: string): NetWorth {
  const spans = [...histories]
    .filter(([, history]) => history.size > 0)
    .map(([account_id, history]) => ({
      account_id,
      history,
      first: earliest(history.keys()),
      last: latest(history.keys()),
    }));
  const start = latest([since, earliest(spans.map((one) => one.first))]);
  const end = latest(spans.map((one) => one.last));
  const days: NetWorthDay[] = [];
  for (let day = start; day <= end; day = daysAfter(day, 1)) {
    const begun = spans.filter((one) => one.first <= day).map((one) => one.history);
    days.push(dayOf(day, begun));
  }
  if (days.at(-1)?.day === today && days.at(-1)?.net === null) days.pop();
  const last = days.at(-1)?.day ?? "";
  return {
    currency,
    days,
    joined: spans.filter((one) => one.first > start).map((one) => ({ account_id: one.account_id, day: one.first })),
    behind: spans.filter((one) => one.last < last).map((one) => ({ account_id: one.account_id, day: one.last })),
  };
}

/** The last known day, and the change since the first one that has the same accounts; null if there is none. */
export function changeOf({ days, joined }: NetWorth): { last: NetWorthDay; since?: NetWorthDay; by?: string } | null {
  const same = latest(joined.map((one) => one.day));
  const known = days.filter((one) => one.net !== null);
  const last = known.at(-1);
  const since = known.find((one) => one.day >= same);
  if (!last) return null;
  if (!since || since.day >= last.day) return { last };
  return { last, since, by: difference(last.net ?? "0", since.net ?? "0") };
}

export interface Span {
  from: string;
  to: string;
  net: string | null;
  derived: boolean;
}

/** Consecutive days with the same total and source as one span, newest first: the chart as a table. */
export function spansOf(days: NetWorthDay[]): Span[] {
  const spans: Span[] = [];
  for (const { day, net, derived } of days) {
    const last = spans.at(-1);
    if (last && last.net === net && last.derived === derived) last.to = day;
    else spans.push({ from: day, to: day, net, derived });
  }
  return spans.reverse();
}
