/** Which dead connections a new link could replace. The backend decides by the same rules (shared/domain/overlap.py). */
import { accountsOf, connectionsOf } from "./documents";
import { ask } from "./firestore";
import type { Account, BankConnection, LinkAccount, LinkInstitution } from "./types.generated";

/** What Link says about a new login. */
export interface Linked {
  institution: LinkInstitution | null;
  accounts: LinkAccount[];
}
type Named = Pick<LinkAccount, "name" | "mask">;

const REVOKED = "USER_PERMISSION_REVOKED"; // its data is already deleted, so there is nothing to move

const label = ({ name, mask }: Named) => JSON.stringify([name ?? null, mask || null]);

/** Whether two logins at the same bank have an account in common. One without a mask needs equal lists of accounts. */
function overlap(ours: Named[], theirs: Named[]): boolean {
  const list = (accounts: Named[]) => accounts.map(label).sort().join();
  const areEqual = ours.length > 0 && ours.every((one) => one.name) && list(ours) === list(theirs);
  const known = new Set(theirs.map(label));
  return areEqual || ours.some((one) => one.name && one.mask && known.has(label(one)));
}

/** The unusable connections that have some of the new accounts, without those that are being replaced already. */
export function replaceable(linked: Linked, connections: BankConnection[], accounts: Account[]): BankConnection[] {
  const institution = linked.institution?.institution_id;
  const taken = new Set(connections.map((one) => one.replaces));
  return connections.filter(
    (one) =>
      one.status === "error" &&
      one.action === "relink" &&
      one.error_code !== REVOKED &&
      !taken.has(one.connection_id) &&
      !!institution &&
      one.institution_id === institution &&
      overlap(
        linked.accounts,
        accounts.filter(({ connection_id }) => connection_id === one.connection_id),
      ),
  );
}

/**
 * The connections among which the user has to choose: several, or none. The backend replaces a single one by itself.
 * It reads from the server, because a page that an OAuth bank has opened may not have loaded its data yet.
 */
export async function toChooseFrom(uid: string, linked: Linked): Promise<BankConnection[]> {
  if (!linked.institution?.institution_id || linked.accounts.length === 0) return [];
  const connections = (await ask("connections", connectionsOf(uid))).docs.map((one) => one.data());
  if (connections.filter((one) => one.status === "error").length < 2) return [];
  const accounts = (await ask("accounts", accountsOf(uid))).docs.map((one) => one.data());
  const found = replaceable(linked, connections, accounts);
  return found.length > 1 ? found : [];
}
