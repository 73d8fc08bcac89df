/**
 * Open Link sessions: an OAuth bank may send the browser back to one of them in another tab.
 *
 * A session is stored for one user, until it is used, its link token expires, or that user signs out.
 */
import type { Purpose } from "./link";

export interface KeptLink {
  link_token: string;
  purpose: Purpose;
  /** Milliseconds since 1970, by this device's clock. */
  expires: number;
}

const PREFIX = "bank.link.";
/** In the tab's session storage: the session it opened last. Two tabs may each have one open. */
const OWN = "bank.link";
const AT_LEAST = 30 * 60_000; // the shortest lifetime of a link token, for devices whose clock is wrong

/** A browser that blocks storage throws: Link works there, except the return from an OAuth bank. */
function ifAllowed<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function isUsable(one: KeptLink): boolean {
  return typeof one?.link_token === "string" && typeof one.purpose?.kind === "string" && one.expires > Date.now();
}

function allOf(uid: string): KeptLink[] {
  const found: unknown = ifAllowed(() => JSON.parse(localStorage.getItem(PREFIX + uid) ?? "[]"));
  return Array.isArray(found) ? found.filter(isUsable) : [];
}

function write(uid: string, links: KeptLink[]): void {
  ifAllowed(() =>
    links.length > 0
      ? localStorage.setItem(PREFIX + uid, JSON.stringify(links))
      : localStorage.removeItem(PREFIX + uid),
  );
}

/** @param expiration when the link token expires, ISO 8601 */
export function keepLink(uid: string, link_token: string, purpose: Purpose, expiration: string): void {
  const expires = Math.max(Date.parse(expiration) || 0, Date.now() + AT_LEAST);
  write(uid, [...allOf(uid), { link_token, purpose, expires }]);
  ifAllowed(() => sessionStorage.setItem(OWN, link_token));
}

/** The session to resume: this tab's own, or else the user's latest. */
export function keptLink(uid: string): KeptLink | undefined {
  const links = allOf(uid);
  const own = ifAllowed(() => sessionStorage.getItem(OWN));
  return links.find((one) => one.link_token === own) ?? links.at(-1);
}

export function forgetLink(uid: string, link_token: string): void {
  write(
    uid,
    allOf(uid).filter((one) => one.link_token !== link_token),
  );
  ifAllowed(() => sessionStorage.getItem(OWN) === link_token && sessionStorage.removeItem(OWN));
}

/** Forgets every session of every user of this browser. */
export function forgetAllLinks(): void {
  ifAllowed(() => {
    for (const name of Object.keys(localStorage)) if (name.startsWith(PREFIX)) localStorage.removeItem(name);
    sessionStorage.removeItem(OWN);
  });
}
