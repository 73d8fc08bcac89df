/** The same account in several connections is counted once: the backend marks every copy but one. */
import type { Transaction } from "./documents";
import type { Account } from "./types.generated";

/** Whether an account is part of sums. Documents of earlier releases have no mark. */
export const isCounted = (account: Pick<Account, "duplicate_of">): boolean => !account.duplicate_of;

/** The transactions that sums are made of: those of duplicates are in the list once more, under the counted account. */
export function countedOnly(transactions: Transaction[], accounts: Account[]): Transaction[] {
  const left = new Set(accounts.filter((one) => !isCounted(one)).map((one) => one.account_id));
  return left.size === 0 ? transactions : transactions.filter((one) => !left.has(one.account_id));
}
