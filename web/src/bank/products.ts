/** Hooks with the live rows of products: balances over time, bills, debts, positions and investment transactions. */
import type { Query } from "firebase/firestore";
import { useMemo } from "react";
import * as documents from "./documents";
import { countedOnly } from "./duplicates";
import { useAccounts, usePresent, useUid } from "./hooks";
import { type Live, useLive } from "./live";
import type {
  BalanceMonth,
  Holding,
  InvestmentTransaction,
  Liability,
  ProductProgress,
  RecurringStream,
} from "./types.generated";

/**
 * What can be listened to for one user; the rows of removed connections are hidden.
 * @param most the limit of the query
 * @returns `full` if there may be more rows than that
 */
function useOwned<T extends { connection_id: string }>(
  label: string,
  key: string,
  target: () => Query<T>,
  most = documents.LONGEST_LIST,
): Live<T> & { full: boolean } {
  const live = useLive(label, key, target);
  const present = usePresent();
  return useMemo(() => {
    const rows = present ? live.rows.filter((one) => present.has(one.connection_id)) : live.rows;
    return { ...live, rows, full: live.rows.length === most };
  }, [live, present, most]);
}

/** Without the rows of duplicate accounts, which are also listed under the counted account. */
function useCounted<T extends { connection_id: string; account_id: string }>(
  label: string,
  key: string,
  target: () => Query<T>,
  most?: number,
): Live<T> & { full: boolean } {
  const live = useOwned(label, key, target, most);
  const accounts = useAccounts();
  return useMemo(() => {
    // Until the accounts are known, so are not the duplicates.
    if (live.state === "ready" && accounts.state !== "ready") {
      return { rows: [], state: accounts.state, error: accounts.error, full: false };
    }
    return { ...live, rows: countedOnly(live.rows, accounts.rows) };
  }, [live, accounts]);
}

/** The state of each product of each connection. Without products there are none. */
export function useProducts(): Live<ProductProgress> {
  const uid = useUid();
  return useOwned("products", uid, () => documents.productsOf(uid));
}

/** Whether a connection has a product: it is turned on, and an account fits. */
export const hasProduct = ({ status }: ProductProgress): boolean => status !== "off" && status !== "no_accounts";

/**
 * The balances of all accounts by day, duplicate accounts included: see `netWorthOf`.
 * @param from the first month, `YYYY-MM`
 * @returns `full` if earlier months may be missing, because the list has its greatest length
 */
export function useBalanceMonths(from: string): Live<BalanceMonth> & { full: boolean } {
  const uid = useUid();
  return useOwned("balances", `${uid}/${from}`, () => documents.balanceMonthsOf(uid, from));
}

/** Bills, subscriptions and regular income. */
export function useRecurring(): Live<RecurringStream> & { full: boolean } {
  const uid = useUid();
  return useCounted("recurring", uid, () => documents.recurringOf(uid));
}

/** Cards, student loans and mortgages. */
export function useLiabilities(): Live<Liability> & { full: boolean } {
  const uid = useUid();
  return useCounted("liabilities", uid, () => documents.liabilitiesOf(uid));
}

/** Positions. */
export function useHoldings(): Live<Holding> & { full: boolean } {
  const uid = useUid();
  return useCounted("holdings", uid, () => documents.holdingsOf(uid));
}

/**
 * The newest investment transactions, newest first.
 * @param wanted how many to read, at most 500
 * @returns `full` if there may be older ones
 */
export function useInvestmentTransactions(wanted = 50): Live<InvestmentTransaction> & { full: boolean } {
  const uid = useUid();
  const most = Math.min(wanted, documents.LONGEST_LIST);
  const target = () => documents.investmentTransactionsOf(uid, most);
  return useCounted("investment_transactions", `${uid}/${most}`, target, most);
}
