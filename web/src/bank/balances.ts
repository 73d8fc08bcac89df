/** What all accounts add up to, in each currency. */
import { isCounted } from "./duplicates";
import { currencyOf, negated } from "./money";
import { sum } from "./sums";
import type { Account } from "./types.generated";

export interface Balance {
  currency: string;
  of: Account["balances"];
  assets: string;
  debts: string;
  net: string;
}

const OWED = new Set(["credit", "loan"]);

/** Whether an account's balance is what its user owes. */
export const isOwed = ({ type }: Account) => OWED.has(type);

/** What is in an account, or owed on it; what is available on a credit card is neither. */
export const balanceOf = (account: Account): string | null =>
  account.balances.current ?? (isOwed(account) ? null : account.balances.available);

/** The currency of the most accounts first. An account that is connected twice is counted once. */
export function balancesOf(accounts: Account[]): Balance[] {
  const known = accounts.filter((one) => isCounted(one) && balanceOf(one) !== null);
  // Object.groupBy would shut out Safari before 17.4.
  const groups = new Map<string, Account[]>();
  for (const one of known) {
    const currency = currencyOf(one.balances);
    groups.set(currency, [...(groups.get(currency) ?? []), one]);
  }
  return [...groups]
    .flatMap(([currency, group]) => {
      const [first] = group;
      if (!first) return [];
      const amounts = (owed: boolean) =>
        sum(group.filter((one) => isOwed(one) === owed).map((one) => balanceOf(one) ?? "0"));
      const [assets, debts] = [amounts(false), amounts(true)];
      return [{ currency, of: first.balances, assets, debts, net: sum([assets, negated(debts)]), size: group.length }];
    })
    .sort((a, b) => b.size - a.size);
}
