"""Reads a connection's change log from its cursor to its end and writes what it says.

The rules (https://plaid.com/docs/api/products/transactions/#transactionssync): the cursor that is kept is the one of
the loop's first page until `has_more` is false; data that changes between two pages restarts the loop from there.

A change set that fits one commit is written at once, with the cursor, so that a listener never sees a pending row and
its posted one together, or neither. A larger one is streamed while the next page is fetched: upserts as they come,
each row that came as `added` marked with the run's number; then the removals; the cursor last. A run that dies
in between leaves its number on record as dirty, and the run that completes the loop deletes the rows that still bear
a dirty mark: those that Plaid added, and took back before anybody asked again, which it never names.
"""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import TypeVar

from shared.domain.account import Account
from shared.domain.errors import (
    CommitTooLarge,
    CursorRejected,
    EndlessPages,
    ErrorClass,
    ErrorKind,
    NotStorable,
    PagingInterrupted,
    ProviderError,
)
from shared.domain.page_trail import PageTrail
from shared.domain.progress import Stage, SyncCounts
from shared.domain.secret import Secret
from shared.domain.status import StatusEvent
from shared.domain.sync_state import SyncState
from shared.domain.transaction import ChangeSet, History, Page, Transaction
from shared.log import log
from shared.ports import Clock, Handover, Mark, Plaid, RowRemoval, Syncs, Writes
from shared.usecases.apply_status_event import StatusEvents
from shared.usecases.mark_duplicates import accounts_to_write, settle_after_commit
from shared.usecases.sync.fenced_commits import FencedCommits
from shared.usecases.sync.late_history import HistoryDelay, history_delay
from shared.usecases.sync.prefetch_pages import HEARTBEAT_SECONDS, PagePrefetcher
from shared.usecases.sync.set_aside_rows import SetAsideRows

MAX_ATOMIC_ROWS = 800
MAX_ATOMIC_BYTES = 2_500_000  # of JSON; the store itself refuses what is still too much, and is believed
STREAM_ROWS = 500
MAX_RESTARTS = 5
QUIET = timedelta(seconds=HEARTBEAT_SECONDS)  # the longest that a run which is at work shows no sign of life
MAX_HANDOVER_IDS = 8_000  # of some 40 bytes, twice each: a document holds 1 MiB
MAX_HANDOVER_BYTES = 320_000  # of these ids, where they are longer: each may be as long as a document's name

T = TypeVar("T")


class Reading(StrEnum):
    """How a reading ended."""

    COMPLETED = "completed"
    NOT_READY = "not_ready"  # Plaid has fetched nothing yet; nothing was written, the run is still open
    HANDED_OVER = "handed_over"  # time was up; a continuation goes on


class _AccountsReturned(Exception):
    """Accounts are shared again whose rows were deleted here, or left out, without Plaid naming them."""

    def __init__(self, account_ids: frozenset[str]) -> None:
        super().__init__()
        self.account_ids = account_ids


class _TooLong(Exception):
    """What a rebuild knows of the rows that came is in this process alone, and its time is up."""


@dataclass
class ChangeReader:
    """One reading of one connection's change log, within one claimed run, until `deadline`."""

    run: FencedCommits
    token: Secret
    syncs: Syncs
    plaid: Plaid
    clock: Clock
    sleep: Callable[[float], None]
    status_events: StatusEvents
    deadline: datetime
    _changes: ChangeSet = field(default_factory=ChangeSet)
    _counts: SyncCounts = field(default_factory=SyncCounts)
    _successors: dict[str, str] = field(default_factory=dict)  # pending id -> posted id
    _streamed: set[str] = field(default_factory=set)  # ids that were streamed as added by this run
    _delivered: set[str] | None = None  # every id that came; kept only while rebuilding
    _repaired: int = 0
    _moved: bool = False  # the item is at another institution than it was
    _trail: PageTrail = field(default_factory=lambda: PageTrail(None))
    _may_be_doubled: bool = False  # accounts whose duplicates are looked for once more after the commit
    _aside: SetAsideRows = field(default_factory=SetAsideRows)
    _calls: deque[datetime] = field(default_factory=deque)  # of the last minute, over all restarts

    def read(self) -> Reading:
        """Reads to the end and completes the run, if time allows.

        Raises:
            ProviderError: What Plaid refused; the run is still open.
            LeaseLost: Somebody else runs.
        """
        while True:
            try:
                return self._read_once()
            except PagingInterrupted as error:
                self._restart_or_give_up(error)
            except EndlessPages as error:
                self._restart(error)  # the next attempt begins with the loop's first cursor, not within the circle
                raise
            except CursorRejected as error:
                if self.run.state.handover is not None:  # of a page in mid-loop: the loop's own cursor may still do
                    self._restart_or_give_up(error)
                    continue
                if self.run.state.rebuilding:
                    raise
                log.warning("sync.rebuilding", request_id=error.request_id)
                self.run.commit(lambda s: s.rebuild(now=self.clock.now()))
            except _AccountsReturned as returned:
                ids = returned.account_ids
                log.info("sync.accounts_returned", accounts=len(ids))
                self.run.commit(partial(_read_returned, ids, self.clock))
            except _TooLong:
                log.info("sync.marking")
                self.run.commit(lambda s: s.mark_all(now=self.clock.now()))

    def _restart(self, error: ProviderError) -> None:
        log.info("sync.restarted", error_code=error.error_code, request_id=error.request_id)
        self.run.commit(lambda s: s.restart(now=self.clock.now()))

    def _restart_or_give_up(self, error: ProviderError) -> None:
        """Restarts the loop, a few times.

        Raises:
            ProviderError: The data kept changing: the attempt is over.
        """
        self._restart(error)
        if self.run.state.restarts > MAX_RESTARTS:
            raise ProviderError(
                "the bank's data kept changing while it was read",
                kind=ErrorKind.TRY_LATER,
                error_type=error.error_type,
                error_code=error.error_code,
            )

    def _read_once(self) -> Reading:
        cursor = self._begin()
        with PagePrefetcher(
            plaid=self.plaid,
            token=self.token,
            clock=self.clock,
            sleep=self.sleep,
            heartbeat=self._heartbeat,
            deadline=self.deadline,
            calls=self._calls,
            ready=self._ready,
        ) as ahead:
            ahead.fetch(cursor, first=True)
            while True:
                page = ahead.page()
                if page.history is History.NOT_READY:
                    return Reading.NOT_READY
                cursor = self._trail.follow(page) if page.has_more else page.next_cursor or cursor
                in_time = self.clock.now() < self.deadline
                if page.has_more and in_time:
                    ahead.fetch(cursor)
                self._take(page)
                if not page.has_more:
                    break
                if self.clock.now() - self.run.state.updated_at >= QUIET:
                    self._heartbeat()
                if not in_time and cursor is not None:
                    self._hand_over(cursor)
                    return Reading.HANDED_OVER
                too_many = len(self._changes) > MAX_ATOMIC_ROWS or self._changes.size > MAX_ATOMIC_BYTES
                if too_many or self.run.state.streaming:  # what has begun to appear goes on so, page by page
                    self._stream()
        self._finish(page, cursor)
        return Reading.COMPLETED

    def _ready(self, page: Page) -> Page:
        """A page with its new rows ready for the store: made by the fetching thread, while a commit is under way."""
        state = self.run.state
        return replace(page, ready=self.syncs.ready(state.connection_id, state.app_user_id, page.added))

    def _begin(self) -> str | None:
        """Where to read from: the loop's first cursor, or where the run before handed over."""
        state = self.run.state
        self._changes, self._successors, self._streamed = ChangeSet(), {}, set()
        self._counts = SyncCounts.of(state)
        self._delivered = set() if state.rebuilding and not state.marking else None
        self._aside = SetAsideRows.of(state, syncs=self.syncs)
        if state.handover is None:
            self._trail = PageTrail(state.cursor)
            return state.cursor
        if (left := self.syncs.handover(state.connection_id)) is not None:
            self._changes.removed = set(left.removed)
            self._successors = dict(left.successors)
        self._trail = PageTrail(state.handover, seen=left.cursors if left is not None else b"")
        self._streamed = self.syncs.marked(state.connection_id, [state.run])
        return state.handover

    def _heartbeat(self) -> None:
        self.run.commit(lambda s: s.advance(now=self.clock.now(), stage=Stage.FETCHING, counts=self._counts))

    def _hand_over(self, cursor: str) -> None:
        """Leaves the rest to a continuation, with what it has to know."""
        if self._delivered is not None:
            raise _TooLong
        self._stream()
        held = self._superseded()
        if not _fit_handover([*self._changes.removed, *(row.transaction_id for row in held)]):
            # More than a document holds. That they go before their successors have come is the lesser evil.
            for some in _chunks(sorted(self._changes.removed)):
                self._write(some, self._removal_writes)
            gone = self._changes.removed
            self._successors = {i: to for i, to in self._successors.items() if to not in gone or to in self._successors}
            self._changes.removed = set()
            held = [row for row in self._superseded() if row.notes]
            while not _fit_handover([row.transaction_id for row in held]):
                held = held[: len(held) // 2]
        heirs = {row.transaction_id: self._successors[row.transaction_id] for row in held}
        left = Handover(removed=tuple(self._changes.removed), successors=heirs, cursors=self._trail.export())
        self.run.commit(
            lambda s: s.hand_over(now=self.clock.now(), cursor=cursor, counts=self._counts),
            lambda: Writes(handover=left),
        )

    def _superseded(self) -> Sequence[RowRemoval]:
        """The rows in the store that another one takes the place of, as far as was read."""
        return self.syncs.removals(self.run.state.connection_id, self._successors, successors={})

    def _take(self, page: Page) -> None:
        if gone := set(self.run.state.revoked_accounts):
            page = replace(
                page,
                added=[row for row in page.added if row["account_id"] not in gone],
                modified=[row for row in page.modified if row["account_id"] not in gone],
            )
        self._changes.take(page)
        self._aside.take(page, revoked=gone)
        for row in (*page.added, *page.modified):
            if row["pending_transaction_id"]:
                self._successors[row["pending_transaction_id"]] = row["transaction_id"]
            if self._delivered is not None:
                self._delivered.add(row["transaction_id"])
        added, modified, removed = len(page.added), len(page.modified), len(page.removed)
        self._counts = self._counts.with_page(added=added, modified=modified, removed=removed)
        log.info(
            "sync.page",
            page=self._counts.pages,
            added=added,
            modified=modified,
            removed=removed,
            history=page.history,
        )

    def _to_write(self) -> tuple[Transaction, ...]:
        """The rows read so far, without those that are in the store just so: Plaid sends many of them as modified."""
        rows = tuple(self._changes.upserts.values())
        if self.run.state.marking:
            return rows
        ask = rows if self._delivered is not None else [r for r in rows if r["transaction_id"] not in self._changes.new]
        state = self.run.state
        same = self.syncs.unchanged(state.connection_id, ask, dirty=state.dirty_runs) if ask else set()
        self._repaired += len(rows) - len(same)
        return tuple(row for row in rows if row["transaction_id"] not in same)

    def _stream(self) -> None:
        """Writes the rows read so far, ahead of the cursor; removals wait for the end."""
        self._put_aside()
        rows = self._to_write()
        came = {row["transaction_id"] for row in rows}
        self._streamed |= came if self.run.state.marking else self._changes.new & came
        for some in _chunks(rows):
            self._write(some, self._rows_writes, refused=self._refuse)
        self._put_aside()
        self._changes.clear_rows()

    def _refuse(self, row: Transaction) -> None:
        """Sets a row aside that the store refuses; it inherits no notes."""
        self._aside.refuse(row)
        self._successors = {old: new for old, new in self._successors.items() if new != row["transaction_id"]}

    def _put_aside(self) -> None:
        """Puts the rows that cannot be stored on record, ahead of the cursor."""
        # `streaming`: if this run dies, the next one has to ask whether what is written here is still to be there.
        counts = replace(self._counts, set_aside=self._aside.count)
        for some in self._aside.writes(revoked=self.run.state.revoked_accounts):
            self.run.commit(
                lambda s: s.advance(now=self.clock.now(), stage=Stage.WRITING, counts=counts, streaming=True),
                partial(self._without_revoked, some),
            )

    def _without_revoked(self, some: Writes) -> Writes:
        gone = self.run.state.revoked_accounts  # perhaps just now
        return replace(some, set_aside=tuple(row for row in some.set_aside if row.account_id not in gone))

    def _write(
        self,
        some: Sequence[T],
        writes: Callable[[Sequence[T]], Writes],
        *,
        refused: Callable[[T], None] | None = None,
    ) -> None:
        """One commit ahead of the cursor, or two of half the size if the store does not take it.

        Args:
            some: What to write.
            writes: Makes the writes.
            refused: Takes the one that the store refuses for what it is, whatever we think of it.
        """
        try:
            self.run.commit(
                lambda s: s.advance(now=self.clock.now(), stage=Stage.WRITING, counts=self._counts, streaming=True),
                lambda: writes(some),
            )
        except CommitTooLarge as error:
            if len(some) > 1:
                self._write(some[: len(some) // 2], writes, refused=refused)
                self._write(some[len(some) // 2 :], writes, refused=refused)
            elif isinstance(error, NotStorable) and refused is not None:
                refused(some[0])
            else:
                raise

    def _rows_writes(self, rows: Sequence[Transaction]) -> Writes:
        wanted = self._wanted(rows)
        ids = frozenset(row["transaction_id"] for row in wanted)
        ready = self._changes.ready
        return Writes(upserts=wanted, marked=ids & self._streamed, new=self._new(ids), ready=ready)

    def _wanted(self, rows: Sequence[Transaction]) -> tuple[Transaction, ...]:
        """The rows without those of accounts that were taken away, perhaps just now."""
        gone = self.run.state.revoked_accounts
        return tuple(row for row in rows if row["account_id"] not in gone) if gone else tuple(rows)

    def _new(self, ids: frozenset[str]) -> frozenset[str]:
        """Those that are probably not in the store: added now, and by no run that broke off."""
        state = self.run.state
        return frozenset() if state.dirty_runs or state.rebuilding else ids & self._changes.new

    def _removal_writes(self, ids: Sequence[str]) -> Writes:
        """Removals; what a user wrote goes to the row's successor, or where the user finds it."""
        state = self.run.state
        heirs = {i: heir for i in ids if (heir := self._heir(i)) is not None}
        removals = self.syncs.removals(state.connection_id, ids, successors=heirs) if ids else ()
        told = (
            self.status_events.note_kept(
                state.connection_id, transaction_id=gone.transaction_id, label=gone.label, notes=gone.notes
            )
            for gone in removals
            if gone.notes and gone.successor is None
        )
        return Writes(removals=removals, notifications=tuple(one for one in told if one is not None))

    def _heir(self, transaction_id: str) -> str | None:
        """The row that takes a removed one's place: the last of the chain, if that one stays."""
        heir, seen = self._successors.get(transaction_id), {transaction_id}
        while heir in self._changes.removed and heir not in seen:
            seen.add(heir)
            heir = self._successors.get(heir)
        return None if heir in self._changes.removed else heir

    def _finish(self, page: Page, cursor: str | None) -> None:
        """The last commit: what is left, the removals, the accounts, the connection, and only now the cursor."""
        before = self.run.state
        accounts, digest = self._accounts(page)
        roster = tuple(account["account_id"] for account in accounts) if accounts else before.account_ids
        if returned := frozenset(before.former_accounts).intersection(roster) - {*before.revoked_accounts}:
            raise _AccountsReturned(returned)
        removed = self._changes.removed = self._changes.removed | self._leftovers()
        self._aside.end(before)
        self._put_aside()
        complete = page.history is History.COMPLETE
        arrived = complete or before.history_complete
        delay = HistoryDelay() if arrived else history_delay(before, status_events=self.status_events)

        def kept(state: SyncState) -> tuple[str, ...]:
            return tuple(i for i in roster if i not in state.revoked_accounts)

        def step(state: SyncState) -> SyncState:
            counts = replace(self._counts, set_aside=self._aside.count)
            if self._moved:
                state = state.model_copy(update={"is_set_up": False})  # its set-up looks the new institution up
            return state.accounts_read(roster, digest=digest, since=before).complete(
                now=self.clock.now(), cursor=cursor, history_complete=complete, late=delay.late, counts=counts
            )

        def writes(rows: Sequence[Transaction], removals: Sequence[str]) -> Writes:
            now = self.clock.now()
            going = self._removal_writes(removals)
            ids, wanted = kept(self.run.state), self._wanted(rows)
            chosen = bool(before.account_ids and set(ids) - set(before.account_ids))
            told = self._news(done=complete, delay=delay, chosen=chosen)
            patch = {"account_ids": ids} if accounts else {}
            if accounts:
                shown, marks = self._with_duplicates([one for one in accounts if one["account_id"] in ids], told)
            else:
                shown, marks = (), told.marks
            return Writes(
                upserts=wanted,
                new=self._new(frozenset(row["transaction_id"] for row in wanted)),
                ready=self._changes.ready,
                removals=going.removals,
                notifications=(*going.notifications, *told.notifications),
                audit=told.audit,
                accounts=shown,
                # An account that is revoked meanwhile goes with its own commit, which also notifies its user.
                gone_accounts=tuple(set(before.account_ids) - set(ids) - set(self.run.state.revoked_accounts)),
                marks=marks,
                connection=(told.connection or {}) | patch | {"last_sync": now, "updated_at": now},
                ends_handover=before.handover is not None,
            )

        if len(self._changes.upserts) + len(removed) <= MAX_ATOMIC_ROWS:
            rows, ids = self._to_write(), sorted(removed)
            try:
                self.run.commit(step, lambda: writes(rows, ids))
            except CommitTooLarge as error:
                log.info("sync.streamed", reason=type(error).__name__)
            else:
                self._report(removed)
                return
        self._stream()
        for some in _chunks(sorted(removed)):
            self._write(some, self._removal_writes)
        self.run.commit(step, lambda: writes((), ()))
        self._report(removed)

    def _news(self, *, done: bool, delay: HistoryDelay, chosen: bool) -> Writes:
        """What the end of this run means for the connection.

        It works again, the user has chosen more accounts (whether or not the app reported it), or its history is
        complete, or late.
        """
        state = self.run.state
        healed = (
            self.status_events.event(state.connection_id, StatusEvent.WORKING)
            if state.clears_error_on_success
            else None
        )
        news = healed[1] if healed else Writes()
        if chosen and news.connection is None:
            came = self.status_events.event(state.connection_id, StatusEvent.ACCOUNTS_CHOSEN)
            news = came[1] if came else news
        changes, told = dict(delay.writes.connection or {}), delay.writes.notifications
        if done and not state.history_complete:
            first = self.status_events.first_sync_done(state.connection_id)
            changes, told = {"history_late": False}, (first,) if first else ()
        return replace(news, connection=(news.connection or {}) | changes, notifications=(*news.notifications, *told))

    def _with_duplicates(self, accounts: list[Account], told: Writes) -> tuple[tuple[Account, ...], tuple[Mark, ...]]:
        """The accounts as they are to be stored, and the marks of other connections' accounts."""
        state = self.run.state
        shown, marks = accounts_to_write(
            state.connection_id,
            state.app_user_id,
            accounts,
            status=(told.connection or {}).get("status"),
            connections=self.status_events.connections,
        )
        came_or_went = {account["account_id"] for account in shown} ^ {*state.account_ids}
        self._may_be_doubled = bool(came_or_went) or any(account["duplicate_of"] for account in shown)
        return shown, marks

    def _leftovers(self) -> set[str]:
        """Rows that Plaid does not hold, but does not name either."""
        state = self.run.state
        gone: set[str] = set()
        if self._delivered is not None:
            gone |= self.syncs.transaction_ids(state.connection_id) - self._delivered
        if state.marking:
            came = self.syncs.marked(state.connection_id, [state.run]) | self._changes.upserts.keys()
            gone |= self.syncs.transaction_ids(state.connection_id) - came
        if state.dirty_runs:
            gone |= self.syncs.marked(state.connection_id, state.dirty_runs) - self._changes.upserts.keys()
        gone -= self._aside.held(run=state.run)
        for account_id in state.revoked_accounts:
            gone |= self.syncs.rows_of(state.connection_id, account_id)
        return gone

    def _report(self, removed: set[str]) -> None:
        if self._may_be_doubled:
            settle_after_commit(self.run.state.app_user_id, connections=self.status_events.connections)
        if self._delivered is not None:
            log.info("sync.reconciled", rows=len(self._delivered), repaired=self._repaired, surplus=len(removed))

    def _accounts(self, page: Page) -> tuple[list[Account], str]:
        """All accounts, where anything changed; else none: the page names just those with transactions in it."""
        digest = hashlib.sha256(json.dumps(page.accounts, sort_keys=True).encode()).hexdigest()
        if digest == self.run.state.accounts_digest and not (self._counts.added or self._counts.modified):
            return [], digest
        try:
            facts = self.plaid.accounts(self.token)
        except ProviderError as error:
            if error.error_class is not ErrorClass.TRANSIENT:
                raise
            log.warning("sync.accounts_unavailable", error_code=error.error_code, request_id=error.request_id)
            return [], self.run.state.accounts_digest or ""
        self._moved = self.run.state.source is not None and facts.institution_id not in (None, self.run.state.source)
        return facts.accounts, digest


def _read_returned(account_ids: frozenset[str], clock: Clock, state: SyncState) -> SyncState:
    return state.read_returned(account_ids, now=clock.now())


def _fit_handover(ids: Sequence[str]) -> bool:
    return len(ids) <= MAX_HANDOVER_IDS and sum(len(i.encode()) for i in ids) <= MAX_HANDOVER_BYTES


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    return (items[start : start + STREAM_ROWS] for start in range(0, len(items), STREAM_ROWS))
