/** The client library, as far as it needs Firestore and Functions. session.ts handles authentication. */
export {
  type Archived,
  candidatesFor,
  hasNotes,
  moveFromArchive,
  moveToArchive,
  useArchive,
} from "./archive";
export { type Balance, balanceOf, balancesOf, isOwed } from "./balances";
export * from "./calls";
export type { Notes, Notification, Transaction } from "./documents";
export { countedOnly, isCounted } from "./duplicates";
export * from "./errors";
export { categoryOf, type Filter, PAGE, UNASKED } from "./feed";
export { reads } from "./firestore";
export * from "./hooks";
export * from "./link";
export { currencyOf, money, negated, percent, sizeIn, wholeMoney } from "./money";
export { writeNotes } from "./notes";
export { useOnline } from "./online";
export { useReachable } from "./reach";
export * from "./spending";
export type {
  Account,
  Action,
  ArchivedTransaction,
  BalanceMonth,
  BalancesSource,
  BankConnection,
  InstitutionInfo,
  ItemStatus,
  NotificationKind,
  SyncProgress,
} from "./types.generated";
export { useLastChange, useTransactions } from "./useTransactions";
