"""Reads a connection's change log from its cursor to its end, and writes the changes.

Plaid's rules (https://plaid.com/docs/api/products/transactions/#transactionssync): the stored cursor stays that of
the loop's first page until `has_more` is false; if data changes between two pages, the loop restarts from there.

A change set that fits one commit is written at once, with the cursor, so that a listener never sees a pending row and
its posted one together, or neither. A larger one is streamed while the next page is fetched: first the upserts, page by
page, where each `added` row is marked with the run's number; then the removals; last the cursor (write_changes.py,
complete_run.py). If a run dies in between, its number stays on record as dirty, and the run that completes the loop
removes the rows that still bear a dirty mark (ghost_rows.py).
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from shared.domain.errors import CursorRejected, EndlessPages, ErrorKind, PagingInterrupted, ProviderError
from shared.domain.plaid_token import PlaidToken
from shared.domain.progress import Stage
from shared.domain.sync_state import SyncState
from shared.domain.transaction import History, Page
from shared.log import log
from shared.ports import Clock, Executors, Plaid, Syncs
from shared.usecases.apply_status_event import StatusEvents
from shared.usecases.sync.change_loop import ChangeLoop
from shared.usecases.sync.complete_run import AccountsReturned, RunCompletion
from shared.usecases.sync.fenced_commits import FencedCommits
from shared.usecases.sync.hand_over import RebuildTooLong, hand_over
from shared.usecases.sync.prefetch_pages import HEARTBEAT_SECONDS, PagePrefetcher
from shared.usecases.sync.write_changes import ChangeWriter, fit_one_commit

MAX_RESTARTS = 5
QUIET = timedelta(seconds=HEARTBEAT_SECONDS)  # the maximum time without a heartbeat of a working run


class Reading(StrEnum):
    """How a reading ended."""

    COMPLETED = "completed"
    NOT_READY = "not_ready"  # Plaid has no data yet; nothing was written, and the run is still open
    HANDED_OVER = "handed_over"  # the run's time was up; a continuation reads the rest


@dataclass(kw_only=True)
class ChangeReader:
    """One reading of one connection's change log, within one claimed run, until `deadline`."""

    run: FencedCommits
    token: PlaidToken
    syncs: Syncs
    plaid: Plaid
    clock: Clock
    executors: Executors
    sleep: Callable[[float], None]
    status_events: StatusEvents
    deadline: datetime
    _calls: deque[datetime] = field(default_factory=deque, init=False)  # times in the last minute, over all restarts
    _writer: ChangeWriter = field(init=False)
    _completion: RunCompletion = field(init=False)

    def __post_init__(self) -> None:
        """Creates the objects that all restarts share."""
        self._writer = ChangeWriter(run=self.run, syncs=self.syncs, status_events=self.status_events, clock=self.clock)
        self._completion = RunCompletion(
            run=self.run,
            token=self.token,
            plaid=self.plaid,
            syncs=self.syncs,
            status_events=self.status_events,
            writer=self._writer,
        )

    def read(self) -> Reading:
        """Reads to the end and completes the run, if time allows.

        Raises:
            ProviderError: Plaid refused; the run is still open.
            LeaseLost: Another run took over.
        """
        # The loop ends: interruptions and rejected pages are counted, and every other reason to restart occurs once in
        # a run (rebuilding cannot start twice, marking stays on, returned accounts are not former ones any more).
        while True:
            try:
                return self._read_once()
            except PagingInterrupted as error:
                self._restart_or_give_up(error)
            except EndlessPages as error:
                self._restart(error)  # the next attempt begins at the loop's first cursor, outside the cycle
                raise
            except CursorRejected as error:
                self._restart_without_cursor(error)
            except AccountsReturned as returned:
                log.info("sync.accounts_returned", accounts=len(returned.account_ids))
                self.run.commit(partial(_read_returned, returned.account_ids, self.clock))
            except RebuildTooLong:
                log.info("sync.marking")
                self.run.commit(lambda s: s.mark_all(now=self.clock.now()))

    def _restart(self, error: ProviderError) -> None:
        log.info("sync.restarted", error_code=error.error_code, request_id=error.request_id)
        self.run.commit(lambda s: s.restart(now=self.clock.now()))

    def _restart_or_give_up(self, error: ProviderError) -> None:
        """Restarts the loop, up to MAX_RESTARTS times.

        Raises:
            ProviderError: The data kept changing; the attempt failed.
        """
        self._restart(error)
        if self.run.state.restarts > MAX_RESTARTS:
            raise ProviderError(
                "the bank's data kept changing while it was read",
                kind=ErrorKind.TRY_LATER,
                error_type=error.error_type,
                error_code=error.error_code,
            )

    def _restart_without_cursor(self, error: CursorRejected) -> None:
        if self.run.state.handover is not None:  # mid-loop: the loop's first cursor may still be valid
            self._restart_or_give_up(error)
            return
        if self.run.state.rebuilding:
            raise error
        log.warning("sync.rebuilding", request_id=error.request_id)
        self.run.commit(lambda s: s.rebuild(now=self.clock.now()))

    def _read_once(self) -> Reading:
        """Reads one loop, from the first page to the last, or until time is up."""
        state = self.run.state
        loop = ChangeLoop.begin(state, syncs=self.syncs)
        cursor = state.cursor if state.handover is None else state.handover
        with self._prefetcher(loop) as pages:
            pages.fetch(cursor, first=True)
            while True:
                page = pages.page()
                if page.history is History.NOT_READY:
                    return Reading.NOT_READY
                cursor = loop.trail.follow(page) if page.has_more else page.next_cursor or cursor
                in_time = self.clock.now() < self.deadline
                if page.has_more and in_time:
                    pages.fetch(cursor)
                loop.take(page, revoked=set(self.run.state.revoked_accounts))
                if not page.has_more:
                    break
                if self.clock.now() - self.run.state.updated_at >= QUIET:
                    self._heartbeat(loop)
                if not in_time and cursor is not None:
                    self._hand_over(loop, cursor)
                    return Reading.HANDED_OVER
                fits = fit_one_commit(len(loop.changes), size=loop.changes.size)
                if not fits or self.run.state.streaming:  # a run that streams keeps streaming
                    self._writer.stream(loop)
        self._completion.complete(loop, page, cursor)
        return Reading.COMPLETED

    def _prefetcher(self, loop: ChangeLoop) -> PagePrefetcher:
        return PagePrefetcher(
            plaid=self.plaid,
            token=self.token,
            clock=self.clock,
            executors=self.executors,
            sleep=self.sleep,
            heartbeat=partial(self._heartbeat, loop),
            deadline=self.deadline,
            calls=self._calls,
            ready=self._ready,
        )

    def _ready(self, page: Page) -> Page:
        """Encodes a page's new rows for the store, in the fetching worker, while another commit is in progress."""
        state = self.run.state
        return replace(page, ready=self.syncs.ready(state.connection_id, state.app_user_id, page.added))

    def _heartbeat(self, loop: ChangeLoop) -> None:
        self.run.commit(lambda s: s.advance(now=self.clock.now(), stage=Stage.FETCHING, counts=loop.counts))

    def _hand_over(self, loop: ChangeLoop, cursor: str) -> None:
        hand_over(cursor, loop=loop, run=self.run, writer=self._writer, syncs=self.syncs, clock=self.clock)


def _read_returned(account_ids: frozenset[str], clock: Clock, state: SyncState) -> SyncState:
    return state.read_returned(account_ids, now=clock.now())
