import { useSyncExternalStore } from "react";
import { useLocation } from "wouter";
import { type Asked, goThroughLink, type Outcome, type Purpose, useConnections } from "../bank";
import type { Texts } from "../text/en";
import { isolated } from "../text/isolated";
import { useText } from "../text/language";
import { askingAboutDuplicates } from "./duplicate";
import { askWhichToReplace } from "./replace";
import { nameOf } from "./situation";
import { say } from "./toasts";
import { useAction } from "./useAction";

/** Shows the outcome of Link, and opens the page for it. */
export function useLinkOutcome() {
  const { t } = useText();
  const [from, go] = useLocation();
  const { rows } = useConnections();
  return (purpose: Purpose, outcome: Outcome) => {
    if (!outcome) return;
    const known = rows.find((one) => one.connection_id === outcome.connection_id);
    const bank = known ? nameOf(known, t) : isolated(outcome.institution_name ?? t.yourBank);
    if (purpose.kind === "connect") {
      say(t.connection.connected(bank));
      if (location.pathname === from) go("/"); // unless the user has opened another page since
    } else if (outcome.status === "bad" || outcome.action) say(stillWrong(outcome, bank, t), { tone: "bad" });
    else say(purpose.kind === "products" ? t.products.allowed(bank) : t.connection.repaired(bank));
  };
}

function stillWrong({ status, action }: NonNullable<Outcome>, bank: string, t: Texts): string {
  if (action === "select_accounts") return t.notice.noAccounts(bank);
  return status === "bad" ? t.connection.stillBroken(bank) : t.connection.stillNoConsent(bank);
}

/** The state of Link, which all buttons of a page share: its purpose, and the bank that the user connected in it. */
interface UnderWay {
  purpose: Purpose | null;
  shared?: string;
}
let underWay: UnderWay | null = null;
const watchers = new Set<() => void>();

function watch(watcher: () => void) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

function becomes(now: UnderWay | null) {
  underWay = now;
  for (const watcher of watchers) watcher();
}

/** Only one button can open Link at a time. */
export async function withLink(purpose: Purpose | null, work: () => Promise<void>): Promise<void> {
  becomes({ purpose });
  try {
    await work();
  } finally {
    becomes(null);
  }
}

const nameFor = (purpose: Purpose) => `${purpose.kind} ${"connection_id" in purpose ? purpose.connection_id : ""}`;

/** Opens Link; `shared` is the bank that is being connected after Link has closed. */
export function useLinkFlow() {
  const { t, spoken } = useText();
  const { run } = useAction();
  const tell = useLinkOutcome();
  const now = useSyncExternalStore(watch, () => underWay);
  /** Runs work that may open Link, and shows its outcome. */
  const begin = async (purpose: Purpose, work: (asked: Asked) => Promise<Outcome>) => {
    if (underWay) return;
    const onShared = (bank: string | null) => becomes({ purpose, shared: isolated(bank ?? t.yourBank) });
    const told = async () => tell(purpose, await work({ onShared, choose: askWhichToReplace }));
    // The user has already decided to connect the bank twice: do not ask again.
    const decided = purpose.kind === "connect" && purpose.allow_duplicate;
    await run(() => withLink(purpose, decided ? told : () => askingAboutDuplicates(told)));
  };
  return {
    open: (purpose: Purpose) => begin(purpose, (asked) => goThroughLink(purpose, spoken, asked)),
    run: begin,
    taken: now !== null,
    isBusy: (purpose: Purpose) => !!now?.purpose && nameFor(now.purpose) === nameFor(purpose),
    shared: now?.shared,
  };
}
