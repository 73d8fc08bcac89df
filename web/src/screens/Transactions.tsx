import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { ArrowLeftRight, SearchX } from "lucide-react";
import { lazy, Suspense, useCallback, useEffect, useMemo, useRef, useState } from "react";
import {
  type Filter,
  type Notes,
  type Transaction,
  useAccounts,
  useAllProgress,
  useConnections,
  useTransactions,
} from "../bank";
import { Button, Empty, Skeleton } from "../parts/basics";
import { LoadFailed } from "../parts/LoadFailed";
import { isArriving } from "../parts/situation";
import { TransactionRow } from "../parts/TransactionRow";
import { words as wordsFor } from "../parts/useAction";
import { useNothingOver } from "../parts/useBackCloses";
import { useSettled } from "../parts/useSettled";
import { useTitle } from "../parts/useTitle";
import { dateText, dayOf, useText } from "../text/language";
import { Filters, narrowing } from "./Filters";
import { ConnectButton } from "./Overview";

const EditTransaction = lazy(() => import("./EditTransaction"));
const ROW = 68;
const HEADING = 44;
const TYPING = 300; // milliseconds after the last key before a search starts, because each search reads documents
const AHEAD = 20; // rows before the end at which the next page is loaded

type Line = { day: string } | { one: Transaction; position: number };

/** The list's rows, with a heading for each day. */
function linesOf(rows: Transaction[]): Line[] {
  const lines: Line[] = [];
  let day = "";
  for (const [i, one] of rows.entries()) {
    if (one.date !== day) {
      day = one.date;
      lines.push({ day });
    }
    lines.push({ one, position: i + 1 });
  }
  return lines;
}

function useDayName() {
  const { t, language } = useText();
  const today = new Date();
  const isSame = (day: Date, ago: number) =>
    day.toDateString() === new Date(today.getFullYear(), today.getMonth(), today.getDate() - ago).toDateString();
  return (text: string) => {
    const day = dayOf(text);
    if (isSame(day, 0)) return t.transactions.today;
    if (isSame(day, 1)) return t.transactions.yesterday;
    const year = day.getFullYear() === today.getFullYear() ? undefined : "numeric";
    return dateText(day, language, { weekday: "long", day: "numeric", month: "long", year });
  };
}

function List(props: { rows: Transaction[]; more: boolean; onEnd(): void; onOpen(one: Transaction): void }) {
  const { rows, more, onEnd } = props;
  const { t } = useText();
  const dayName = useDayName();
  const accounts = useAccounts().rows;
  const names = useMemo(() => new Map(accounts.map((one) => [one.account_id, one.name])), [accounts]);
  const lines = useMemo(() => linesOf(rows), [rows]);
  const top = useRef<HTMLUListElement>(null);
  const getItemKey = useCallback(
    (i: number) => {
      const line = lines[i];
      return line ? ("day" in line ? line.day : line.one.transaction_id) : i;
    },
    [lines],
  );
  const virtual = useWindowVirtualizer({
    count: lines.length,
    estimateSize: (i) => (lines[i] && "day" in lines[i] ? HEADING : ROW),
    getItemKey,
    overscan: 12,
    scrollMargin: top.current?.offsetTop ?? 0,
    // "end" keeps the visible rows in place when new rows arrive above them; at the top of the list new rows show.
    anchorTo: top.current && scrollY > top.current.offsetTop ? "end" : "start",
  });
  const shown = virtual.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && last >= lines.length - AHEAD) onEnd();
  }, [more, last, lines.length, onEnd]);
  return (
    <ul ref={top} className="list" aria-label={t.transactions.list} style={{ height: virtual.getTotalSize() }}>
      {shown.map((item) => {
        const line = lines[item.index];
        if (!line) return null;
        const style = { transform: `translateY(${item.start - virtual.options.scrollMargin}px)`, height: item.size };
        return "day" in line ? (
          <li key={item.key} style={style} className="day">
            <h2>{dayName(line.day)}</h2>
          </li>
        ) : (
          <li key={item.key} style={style}>
            <TransactionRow
              one={line.one}
              account={names.get(line.one.account_id) ?? ""}
              onOpen={() => props.onOpen(line.one)}
            />
          </li>
        );
      })}
    </ul>
  );
}

function Nothing({ filtered }: { filtered: boolean }) {
  const { t } = useText();
  const words = t.transactions;
  const connections = useConnections();
  const arriving = isArriving(useAllProgress().rows);
  if (filtered) {
    return (
      <Empty icon={<SearchX aria-hidden />} title={words.noneTitle}>
        <p>{words.noneBody}</p>
      </Empty>
    );
  }
  return (
    <Empty icon={<ArrowLeftRight aria-hidden />} title={words.emptyTitle}>
      <p>{arriving ? words.emptySyncing : words.emptyBody}</p>
      {connections.rows.length === 0 && <ConnectButton />}
    </Empty>
  );
}

/** All transactions of all banks. */
export default function Transactions() {
  const { t } = useText();
  const words = t.transactions;
  const [filter, setFilter] = useState<Filter>({});
  const list = useTransactions(useSettled(filter, TYPING));
  const accounts = useAccounts().rows;
  const [open, setOpen] = useState<Transaction | null>(null);
  const own = useRef(new Set<string>());
  const end = useRef<HTMLDivElement>(null);
  useTitle(words.title);
  useNothingOver();
  for (const { user } of list.rows)
    if (user?.category && !(user.category in t.category)) own.current.add(user.category);
  const filtered = !!filter.text || narrowing(filter) > 0;
  // The button disappears while it works: keep the keyboard focus in place.
  const goOn = () => {
    end.current?.focus({ preventScroll: true });
    list.loadMore();
  };
  const saved = (notes: Notes) =>
    open && list.amend(open.transaction_id, (one) => ({ ...one, user: { ...one.user, ...notes } }));
  return (
    <>
      <header className="page-head">
        <h1>{words.title}</h1>
        <p className="soft" role="status">
          {list.state === "ready" &&
            (list.rows.length > 0
              ? words.found(list.rows.length, list.more)
              : !list.more && filtered && words.noneTitle)}
        </p>
      </header>
      <Filters filter={filter} own={[...own.current]} onChange={setFilter} />
      {list.state === "failed" && <LoadFailed error={list.error} />}
      {list.state === "loading" && <Skeleton lines={8} />}
      {list.state === "ready" && (
        <>
          {list.rows.length > 0 ? (
            <List
              rows={list.rows}
              more={list.more && !list.loading && !list.paused && !list.error}
              onEnd={list.loadMore}
              onOpen={setOpen}
            />
          ) : (
            !list.loading && !list.paused && !list.error && <Nothing filtered={filtered} />
          )}
          <div ref={end} className="list-end" tabIndex={-1}>
            {list.error ? (
              <>
                <p role="alert">{wordsFor(list.error, t)}</p>
                <Button onClick={goOn}>{t.tryAgain}</Button>
              </>
            ) : list.paused ? (
              <>
                <p className="soft">{words.paused(list.looked)}</p>
                <Button onClick={goOn}>{words.goOn}</Button>
              </>
            ) : list.loading ? (
              <p className="soft">{t.loading}</p>
            ) : (
              !list.more && list.rows.length > 0 && <p className="soft">{words.end}</p>
            )}
          </div>
        </>
      )}
      {open && (
        <Suspense>
          <EditTransaction
            one={open}
            account={accounts.find((one) => one.account_id === open.account_id)}
            onSaved={saved}
            own={[...own.current]}
            onClose={() => setOpen((now) => (now === open ? null : now))}
          />
        </Suspense>
      )}
    </>
  );
}
