/** How a bank is, as the backend publishes it for all users. */
import type { Timestamp } from "firebase/firestore";
import * as documents from "./documents";
import { askFor } from "./firestore";
import { useLive } from "./live";
import type { HealthMessage, InstitutionHealth } from "./types.generated";

/** An unhealthy bank's document is renewed every half hour: an older one is what an interrupted backend left behind. */
const TRUSTED_FOR = 6 * 3_600_000;
const LOGIN_FAILS: ReadonlySet<HealthMessage> = new Set<HealthMessage>(["bank_login_down", "bank_down"]);

const isRecent = (at: Timestamp, now: number) => now - at.toMillis() < TRUSTED_FOR;

/** The health of a bank that has a problem; null if nothing is known to be wrong. */
export function problemOf(health: InstitutionHealth | undefined, now: number): InstitutionHealth | null {
  if (!health || health.message_key === "bank_ok" || !isRecent(health.updated_at, now)) return null;
  return health;
}

/** Whether a login at the bank would probably fail. */
export const loginFails = (health: InstitutionHealth): boolean => LOGIN_FAILS.has(health.message_key);

/** The problem of a bank, live; null if nothing is known to be wrong. */
export function useBankHealth(institutionId: string | null, now: number): InstitutionHealth | null {
  const live = useLive("health", institutionId, documents.institutionHealth);
  return problemOf(live.rows[0], now);
}

/** The problem of a bank, read once; null if nothing is known to be wrong. */
export async function bankHealth(institutionId: string): Promise<InstitutionHealth | null> {
  const found = await askFor("health", documents.institutionHealth(institutionId));
  return problemOf(found.data(), Date.now());
}
