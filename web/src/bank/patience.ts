/** Calls that are worth a few tries of their own, because what they are made with cannot be had again. */
import { type BankError, toBankError } from "./errors";

const TRIES = 6;
const LONGEST = 60; // seconds between two of them
/** These ask for Link anew: the same call cannot help. */
const FINAL = new Set(["public_token_invalid", "link_failed", "link_unavailable"]);

const isPassing = ({ wayOn, code }: BankError) => ["retry", "wait", "online"].includes(wayOn) && !FINAL.has(code);

const online = () => new Promise<unknown>((resolve) => addEventListener("online", resolve, { once: true }));

const underWay = new Set<Promise<unknown>>();
/** How many such calls are under way: a page that is loaded anew loses what they are made with. */
export const pending = () => underWay.size;
export async function settled(): Promise<void> {
  while (underWay.size > 0) await Promise.allSettled(underWay);
}

/**
 * Repeats a call that may be repeated while what hinders it may pass by itself: no network, somebody busy, an outage.
 * @throws BankError
 */
export function patiently<T>(call: () => Promise<T>, second = 1000): Promise<T> {
  const work = repeated(call, second);
  const done = () => underWay.delete(work);
  underWay.add(work);
  work.then(done, done);
  return work;
}

async function repeated<T>(call: () => Promise<T>, second: number): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await call();
    } catch (error) {
      const found = toBankError(error);
      if (!isPassing(found) || tried === TRIES) throw found;
      const seconds = Math.min(found.retryAfterSeconds ?? 2 ** tried / 2, LONGEST);
      if (navigator.onLine) await new Promise((resolve) => setTimeout(resolve, seconds * second));
      else await online();
    }
  }
}
