import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { Feed, type FeedState, type Filter, transactionsQuery } from "./feed";
import { useAllProgress, usePresent, useUid } from "./hooks";

/** A number that grows whenever a sync has changed transactions; null while unknown. */
export function useLastChange(): number | null {
  const { rows, state, error } = useAllProgress();
  const [latest, setLatest] = useState(0);
  // A new run resets the counts and the end time of the previous run: that is no change.
  const now = rows
    .filter((one) => one.status === "completed" && one.added + one.modified + one.removed)
    .reduce((most, one) => Math.max(most, one.completed_at?.toMillis() ?? 0), latest);
  if (now > latest) setLatest(now);
  return state === "loading" || error?.code === "unreachable" ? null : now;
}

/** The user's transactions of all banks that match a filter, newest first. */
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
