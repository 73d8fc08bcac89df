/** Duplicate accounts: of an account in several connections, the backend marks every copy but one. */
import type { Account } from "./types.generated";

/** Whether an account counts in sums. Documents of earlier releases have no mark, and count. */
export const isCounted = (account: Pick<Account, "duplicate_of">): boolean => !account.duplicate_of;

/** The rows that count in sums. Those of a duplicate account are also listed under the counted account. */
export function countedOnly<T extends { account_id: string }>(rows: T[], accounts: Account[]): T[] {
  const left = new Set(accounts.filter((one) => !isCounted(one)).map((one) => one.account_id));
  return left.size === 0 ? rows : rows.filter((one) => !left.has(one.account_id));
}
