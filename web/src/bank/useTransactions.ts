import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { Feed, type FeedState, type Filter, transactionsQuery } from "./feed";
import { useAllProgress, usePresent, useUid } from "./hooks";

/** When a sync last changed something, as one number that never falls; null as long as it is not known. */
export function useLastChange(): number | null {
  const { rows, state, error } = useAllProgress();
  const [latest, setLatest] = useState(0);
  // A run that begins starts its counts anew, and takes back when the one before it ended: that is no change.
  const now = rows
    .filter((one) => one.status === "completed" && one.added + one.modified + one.removed)
    .reduce((most, one) => Math.max(most, one.completed_at?.toMillis() ?? 0), latest);
  if (now > latest) setLatest(now);
  return state === "loading" || error?.code === "unreachable" ? null : now;
}

/** The user's transactions of all banks, newest first, as a filter narrows them down. */
export function useTransactions(filter: Filter): FeedState & { loadMore: () => void; amend: Feed["amend"] } {
  const uid = useUid();
  const key = JSON.stringify(filter);
  const feed = useMemo(() => {
    const wanted = JSON.parse(key) as Filter;
    return new Feed(transactionsQuery(uid, wanted), wanted);
  }, [uid, key]);
  const value = useSyncExternalStore(feed.subscribe, () => feed.value);
  const present = usePresent();
  useEffect(() => {
    if (present) feed.only(present);
  }, [present, feed]);
  const change = useLastChange();
  const known = useRef(change);
  useEffect(() => {
    if (known.current !== null && change !== null && change > known.current) void feed.reload();
    known.current = change ?? known.current;
  }, [change, feed]);
  return { ...value, loadMore: feed.more, amend: feed.amend.bind(feed) };
}
