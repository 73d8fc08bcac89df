/** The sum of all accounts, for each currency. */
import { isCounted } from "./duplicates";
import { currencyOf, negated } from "./money";
import { sum } from "./sums";
import type { Account, DayBalances } from "./types.generated";

export interface Balance {
  currency: string;
  of: Account["balances"];
  assets: string;
  debts: string;
  net: string;
}

const OWED = new Set(["credit", "loan"]);

/** Whether an account's balance is a debt. */
export const isOwed = ({ type }: Pick<Account, "type">) => OWED.has(type);

/** The balance or debt that an account's balances state. The available credit of a card is neither. */
export const balanceIn = (
  { current, available }: Pick<DayBalances, "current" | "available">,
  account: Pick<Account, "type">,
): string | null => current ?? (isOwed(account) ? null : available);

/** An account's balance or debt. */
export const balanceOf = (account: Account): string | null => balanceIn(account.balances, account);

/** Balances by currency, the one with most accounts first. An account that is connected twice counts once. */
export function balancesOf(accounts: Account[]): Balance[] {
  const known = accounts.filter((one) => isCounted(one) && balanceOf(one) !== null);
  // Object.groupBy needs Safari 17.4.
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
