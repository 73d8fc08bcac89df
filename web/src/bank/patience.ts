/** Retries for calls whose input, such as a public token, cannot be obtained again. */
import { type BankError, toBankError } from "./errors";

const TRIES = 6;
const LONGEST = 60; // seconds between two attempts
/** Errors that need a new Link session: repeating the call cannot succeed. */
const FINAL = new Set(["public_token_invalid", "link_failed", "link_unavailable"]);

const isPassing = ({ wayOn, code }: BankError) => ["retry", "wait", "online"].includes(wayOn) && !FINAL.has(code);

const online = () => new Promise<unknown>((resolve) => addEventListener("online", resolve, { once: true }));

const underWay = new Set<Promise<unknown>>();
/** How many such calls are running: reloading the page would lose their input. */
export const pending = () => underWay.size;
export async function settled(): Promise<void> {
  while (underWay.size > 0) await Promise.allSettled(underWay);
}

/**
 * Retries an idempotent call after transient errors: no network, a busy connection, an outage.
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
