/** What the user owes: accounts with a debt, and what the bank says about their payments. */
import { balanceOf, isOwed } from "./balances";
import { isCounted } from "./duplicates";
import { signOf } from "./sums";
import type { Account, Liability } from "./types.generated";

export interface Debt {
  account: Account;
  /** Null if the bank shares only the balance. */
  liability: Liability | null;
  /** Null if the bank sent no balance. */
  owed: string | null;
  overdue: boolean;
}

const isOverdue = (one: Liability) => one.is_overdue === true || signOf(one.past_due_amount ?? "0") > 0;

/** Overdue payments first, then payments to come, then days that have passed, then debts without a date. */
function rank({ overdue, liability }: Debt, today: string): number {
  const due = liability?.next_payment_due_date;
  if (overdue) return 0;
  return !due ? 3 : due >= today ? 1 : 2;
}

/** The counted accounts that owe money, the most urgent first. */
export function debtsOf(accounts: Account[], liabilities: Liability[], today: string): Debt[] {
  const known = new Map(liabilities.map((one) => [one.account_id, one]));
  return accounts
    .filter((one) => isCounted(one) && (isOwed(one) || known.has(one.account_id)))
    .map((account) => {
      const liability = known.get(account.account_id) ?? null;
      return { account, liability, owed: balanceOf(account), overdue: liability !== null && isOverdue(liability) };
    })
    .sort((a, b) => {
      const [one, other] = [a, b].map((debt) => debt.liability?.next_payment_due_date ?? "");
      return rank(a, today) - rank(b, today) || (one ?? "").localeCompare(other ?? "");
    });
}

/** The known minimum payments that are still to come or overdue. */
export function minimumPayments(debts: Debt[], today: string): { currency: string | null; amount: string }[] {
  return debts.flatMap(({ liability, overdue }) => {
    if (!liability?.minimum_payment_amount) return [];
    const due = liability.next_payment_due_date;
    return overdue || (due && due >= today)
      ? [{ currency: liability.currency, amount: liability.minimum_payment_amount }]
      : [];
  });
}
