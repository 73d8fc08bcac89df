/** Bills, subscriptions and regular income, from recurring streams. */
import { daysAfter, monthsAfter } from "./days";
import { negated } from "./money";
import { difference, signOf } from "./sums";
import type { RecurringStream } from "./types.generated";

/** The payment that comes a number of payments after the one of a day; other frequencies are too rare or unknown. */
const LATER: Record<string, (day: string, count: number) => string> = {
  WEEKLY: (day, count) => daysAfter(day, 7 * count),
  BIWEEKLY: (day, count) => daysAfter(day, 14 * count),
  SEMI_MONTHLY: (day, count) => daysAfter(day, 15 * count),
  MONTHLY: monthsAfter,
};
const NEVER = () => "9999-12-31";
const LATE = 14; // days after which an expected payment that did not come is no longer listed

export interface Expected {
  stream: RecurringStream;
  day: string;
  amount: string | null;
  /** Whether the day has passed without a payment. */
  late: boolean;
}

/** The user's name for a stream, or else the merchant's, or else the bank's text. */
export const nameOfStream = (one: RecurringStream): string => one.user?.name || one.merchant_name || one.description;

/** The user's category, or else the bank's. */
export const categoryOfStream = (one: RecurringStream): string | null =>
  one.user?.category || (one.category?.primary ?? null);

/** The newest amount says most about the next one, because prices change. */
export const amountOfStream = (one: RecurringStream): string | null => one.last_amount ?? one.average_amount;

/** What is expected to be paid from today on, soonest first; streams that have ended or are muted are left out. */
export function expectedPayments(streams: RecurringStream[], today: string, days = 30): Expected[] {
  const last = daysAfter(today, days);
  const found: Expected[] = [];
  for (const stream of streams) {
    if (stream.direction !== "out" || !stream.is_active || stream.user?.muted || !stream.predicted_next_date) continue;
    const first = stream.predicted_next_date;
    if (first < daysAfter(today, -LATE)) continue;
    const later = LATER[stream.frequency] ?? NEVER;
    for (let count = 0, day = first; day <= last; day = later(first, ++count))
      found.push({ stream, day, amount: amountOfStream(stream), late: day < today });
  }
  return found.sort(
    (a, b) => a.day.localeCompare(b.day) || nameOfStream(a.stream).localeCompare(nameOfStream(b.stream)),
  );
}

export interface PriceChange {
  before: string;
  after: string;
  /** 1: it costs more, or pays more, than before. */
  direction: 1 | -1;
}

const sizeOf = (amount: string) => (amount.startsWith("-") ? negated(amount) : amount);

/** The last change of a stream's amount; null if it has not changed since it was first seen. */
export function priceChangeOf({ amount_before: before, last_amount: after }: RecurringStream): PriceChange | null {
  if (!before || !after) return null;
  const sign = signOf(difference(sizeOf(after), sizeOf(before)));
  return sign === 0 ? null : { before: sizeOf(before), after: sizeOf(after), direction: sign > 0 ? 1 : -1 };
}
