/** Duplicate accounts: of an account in several connections, the backend marks every copy but one. */
import type { Transaction } from "./documents";
import type { Account } from "./types.generated";

/** Whether an account counts in sums. Documents of earlier releases have no mark, and count. */
export const isCounted = (account: Pick<Account, "duplicate_of">): boolean => !account.duplicate_of;

/** The transactions that count in sums. Those of a duplicate account are also listed under the counted account. */
export function countedOnly(transactions: Transaction[], accounts: Account[]): Transaction[] {
  const left = new Set(accounts.filter((one) => !isCounted(one)).map((one) => one.account_id));
  return left.size === 0 ? transactions : transactions.filter((one) => !left.has(one.account_id));
}
