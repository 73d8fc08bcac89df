/** Calendar days, `YYYY-MM-DD`, independent of the time zone. */

/** The day that comes a number of days after another; before it, if the number is negative. */
export function daysAfter(day: string, count: number): string {
  const [year = 1970, month = 1, date = 1] = day.split("-").map(Number);
  return new Date(Date.UTC(year, month - 1, date + count)).toISOString().slice(0, 10);
}

/** The same day a number of months after another; the last day of a month that is too short. */
export function monthsAfter(day: string, count: number): string {
  const [year = 1970, month = 1, date = 1] = day.split("-").map(Number);
  const last = new Date(Date.UTC(year, month + count, 0));
  return new Date(Math.min(Date.UTC(year, month - 1 + count, date), last.getTime())).toISOString().slice(0, 10);
}

export const dayAfter = (day: string): string => daysAfter(day, 1);

/** The current day of UTC, which balances are recorded by. */
export const todayInUtc = (now = new Date()): string => now.toISOString().slice(0, 10);

/** The current day where the user is, which due dates refer to. */
export function todayHere(now = new Date()): string {
  const two = (part: number) => String(part).padStart(2, "0");
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}
