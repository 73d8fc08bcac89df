/** What all accounts add up to, in each currency. */
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

/** The currency of the most accounts first. */
export function balancesOf(accounts: Account[]): Balance[] {
  const known = accounts.filter((one) => one.balances?.current != null);
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
        sum(group.filter((one) => OWED.has(one.type) === owed).map((one) => one.balances.current ?? "0"));
      const [assets, debts] = [amounts(false), amounts(true)];
      return [{ currency, of: first.balances, assets, debts, net: sum([assets, negated(debts)]), size: group.length }];
    })
    .sort((a, b) => b.size - a.size);
}
