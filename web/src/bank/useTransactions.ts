import { useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { Feed, type FeedState, type Filter, transactionsQuery } from "./feed";
import { useAllProgress, useUid } from "./hooks";

/** When a sync last changed something, as one number that grows. */
export function useLastChange(): number {
  const changed = useAllProgress().rows.filter(
    (one) => one.status === "completed" && one.added + one.modified + one.removed,
  );
  return changed.reduce((latest, one) => Math.max(latest, one.completed_at?.toMillis() ?? 0), 0);
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
  const change = useLastChange();
  const known = useRef(change);
  useEffect(() => {
    if (known.current && change > known.current) void feed.reload();
    known.current = change;
  }, [change, feed]);
  return { ...value, loadMore: feed.more, amend: feed.amend.bind(feed) };
}
