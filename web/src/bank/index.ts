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
export * from "./bills";
export * from "./calls";
export { daysAfter, todayHere, todayInUtc } from "./days";
export { type Debt, debtsOf, minimumPayments } from "./debts";
export type { Notes, Notification, Transaction } from "./documents";
export { countedOnly, isCounted } from "./duplicates";
export * from "./errors";
export { categoryOf, type Filter, PAGE, UNASKED } from "./feed";
export { reads } from "./firestore";
export * from "./hooks";
export * from "./link";
export type { Live } from "./live";
export { currencyOf, inCurrency, money, negated, percent, quantity, sizeIn, smallPercent, wholeMoney } from "./money";
export * from "./netWorth";
export { writeNotes, writeStreamNotes } from "./notes";
export { useOnline } from "./online";
export * from "./portfolio";
export * from "./products";
export { useReachable } from "./reach";
export * from "./spending";
export { signOf, totals } from "./sums";
export type {
  Account,
  Action,
  ArchivedTransaction,
  BalanceMonth,
  BalancesSource,
  BankConnection,
  Holding,
  InstitutionInfo,
  InvestmentTransaction,
  ItemStatus,
  Liability,
  NotificationKind,
  ProductKind,
  ProductProgress,
  ProductStatus,
  RecurringStream,
  StreamNotes,
  SyncProgress,
} from "./types.generated";
export { useLastChange, useTransactions } from "./useTransactions";
