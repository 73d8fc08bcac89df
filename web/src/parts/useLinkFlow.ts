import { useState } from "react";
import { useLocation } from "wouter";
import { goThroughLink, type Outcome, type Purpose, useConnections } from "../bank";
import { useText } from "../text/language";
import { nameOf } from "./situation";
import { say } from "./toasts";
import { useAction } from "./useAction";

/** Says what came of Link, and goes there. */
export function useLinkOutcome() {
  const { t } = useText();
  const [from, go] = useLocation();
  const { rows } = useConnections();
  return (purpose: Purpose, outcome: Outcome) => {
    if (!outcome) return;
    const known = rows.find((one) => one.connection_id === outcome.connection_id);
    const bank = known ? nameOf(known, t) : (outcome.institution_name ?? t.yourBank);
    if (purpose.kind === "connect") {
      say(t.connection.connected(bank));
      if (location.pathname === from) go("/"); // who has gone elsewhere meanwhile stays there
    } else if (outcome.status === "bad") say(t.connection.stillBroken(bank), { tone: "bad" });
    else say(t.connection.repaired(bank));
  };
}

/** Opens Link for a purpose; `shared` is the bank that is being connected since Link was done with. */
export function useLinkFlow() {
  const { t, language } = useText();
  const { busy, run } = useAction();
  const tell = useLinkOutcome();
  const [shared, setShared] = useState<string>();
  const open = (purpose: Purpose) =>
    run(async () => {
      setShared(undefined);
      tell(purpose, await goThroughLink(purpose, language, (bank) => setShared(bank ?? t.yourBank)));
    });
  return { busy, shared, open };
}
