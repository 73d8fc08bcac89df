import { lazy, Suspense } from "react";
import { type BankConnection, useBankHealth } from "../bank";
import { useText } from "../text/language";
import { useNow } from "./basics";
import { nameOf } from "./situation";

// A note that cannot be loaded must not take the accounts away.
const OutageNote = lazy(() => import("./OutageNote").catch(() => ({ default: () => null })));

/** What is wrong with the bank of a connection, if anything: nothing that the user could fix. */
export function Outage({ connection }: { connection: BankConnection }) {
  const { t } = useText();
  const now = useNow();
  const health = useBankHealth(connection.status === "error" ? null : connection.institution_id, now);
  return (
    health && (
      <Suspense>
        <OutageNote health={health} bank={nameOf(connection, t)} now={now} />
      </Suspense>
    )
  );
}
