/** Spending by month and by category, from the newest transactions. */
import { limit, query, startAfter } from "firebase/firestore";
import { dayAfter } from "./days";
import { LONGEST_LIST, type Transaction } from "./documents";
import { categoryOf, transactionsQuery } from "./feed";
import { ask } from "./firestore";
import { currencyOf } from "./money";
import rules from "./spending.json"; // shared with the demo
import { sum } from "./sums";

export const MOST_READ = 3000; // documents for one view of the charts
const CHUNK = LONGEST_LIST;
/** Money that only moves between accounts: counting it would count purchases twice. */
const NOT_SPENT = new Set(rules.not_spent);
/** Incoming money of these bank categories is never a refund, whatever category the user chose. */
const RECEIVED = new Set(rules.received);

export interface Loaded {
  transactions: Transaction[];
  /** The first complete day; null if the whole requested period is complete. */
  cutAt: string | null;
}
export interface Spending {
  months: { month: string; total: number }[];
  /** The largest first; categories with refunds only come last, with a negative total. */
  categories: { category: string; total: number; count: number }[];
  /** The sum of all categories. */
  total: number;
}

/** Reads the transactions since a day, newest first, at most MOST_READ. */
export async function loadSince(uid: string, from: string): Promise<Loaded> {
  const since = transactionsQuery(uid, { from });
  const transactions: Transaction[] = [];
  let page = await ask("spending", query(since, limit(CHUNK)));
  for (;;) {
    transactions.push(...page.docs.map((one) => one.data()));
    const last = page.docs.at(-1);
    if (page.size < CHUNK || !last) return { transactions, cutAt: null };
    // The rest of the last row's day may be missing.
    if (transactions.length >= MOST_READ) return { transactions, cutAt: dayAfter(last.data().date) };
    page = await ask("spending", query(since, startAfter(last), limit(CHUNK)));
  }
}

/** The currencies of the transactions, the most frequent first. */
export function currenciesIn(transactions: Transaction[]): string[] {
  const counts = new Map<string, number>();
  for (const one of transactions) counts.set(currencyOf(one), (counts.get(currencyOf(one)) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1]).map(([currency]) => currency);
}

const isSpending = (one: Transaction) => {
  if (one.user?.hidden) return false;
  if (one.amount_value < 0 && RECEIVED.has(one.category?.primary ?? "")) return false;
  const category = categoryOf(one);
  return category === null ? one.amount_value > 0 : !NOT_SPENT.has(category);
};

/**
 * Adds up the spending in one currency. A refund lowers the total of its category.
 * @param months the months, `YYYY-MM`, in order
 * @param only the month to add up by category; by default all months
 */
export function addUp(transactions: Transaction[], currency: string, months: string[], only?: string): Spending {
  const byMonth = new Map<string, string[]>(months.map((month) => [month, []]));
  const byCategory = new Map<string, string[]>();
  for (const one of transactions) {
    const month = one.date.slice(0, 7);
    if (!byMonth.has(month) || currencyOf(one) !== currency || !isSpending(one)) continue;
    byMonth.get(month)?.push(one.amount);
    if (only && month !== only) continue;
    const category = categoryOf(one) ?? "";
    const amounts = byCategory.get(category);
    if (amounts) amounts.push(one.amount);
    else byCategory.set(category, [one.amount]);
  }
  // Sums are exact decimals; only their results become doubles, for the charts.
  const added = (amounts: string[]) => Number(sum(amounts));
  return {
    months: months.map((month) => ({ month, total: added(byMonth.get(month) ?? []) })),
    categories: [...byCategory]
      .map(([category, amounts]) => ({ category, total: added(amounts), count: amounts.length }))
      .filter((one) => one.total !== 0)
      .sort((a, b) => b.total - a.total),
    total: added([...byCategory.values()].flat()),
  };
}

/** The share of one category in all spending, from 0 to 1; null for a category with a negative total. */
export function shareOf(total: number, spending: Spending): number | null {
  if (total <= 0) return null;
  return total / spending.categories.reduce((paid, one) => paid + Math.max(one.total, 0), 0);
}

/** The last months, this one included, as `YYYY-MM`, oldest first. */
export function lastMonths(count: number, today = new Date()): string[] {
  return Array.from({ length: count }, (_, i) => {
    const first = new Date(today.getFullYear(), today.getMonth() - (count - 1 - i), 1);
    return `${first.getFullYear()}-${String(first.getMonth() + 1).padStart(2, "0")}`;
  });
}
