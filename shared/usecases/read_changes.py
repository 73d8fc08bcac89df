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
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from shared.domain.account import Account
from shared.domain.connection import ItemStatus
from shared.domain.errors import CommitTooLarge, CursorRejected, Fault, PagingInterrupted, ProviderError
from shared.domain.progress import Stage, SyncState
from shared.domain.transaction import ChangeSet, History, Page, Transaction
from shared.log import log
from shared.ports import Bank, Clock, Secret, Syncs, Writes
from shared.usecases.fenced_run import FencedRun

MAX_ATOMIC_ROWS = 1000
MAX_ATOMIC_BYTES = 2_500_000  # of JSON; the store itself refuses what is still too much, and is believed
STREAM_ROWS = 500
MAX_RESTARTS = 5
HEARTBEAT_SECONDS = 5.0


@dataclass
class ChangeReader:
    """One reading of one connection's change log, within one claimed run."""

    run: FencedRun
    token: Secret
    syncs: Syncs
    bank: Bank
    clock: Clock
    _changes: ChangeSet = field(default_factory=ChangeSet)
    _counts: dict[str, int] = field(default_factory=dict)
    _successors: dict[str, str] = field(default_factory=dict)  # pending id -> posted id
    _streamed: set[str] = field(default_factory=set)  # ids that were streamed as added by this run
    _delivered: set[str] | None = None  # every id that came; kept only while rebuilding

    def read(self) -> bool:
        """Reads to the end and completes the run.

        Returns:
            False if Plaid has not fetched anything yet: then nothing is written, and the run is still open.

        Raises:
            ProviderError: What Plaid refused; the run is still open.
            LeaseLost: Somebody else runs.
        """
        for _ in range(MAX_RESTARTS + 1):
            try:
                return self._read_once()
            except PagingInterrupted as error:
                log.info("sync.restarted", request_id=error.request_id)
                self.run.commit(lambda s: s.restart(now=self.clock.now()))
            except CursorRejected as error:
                if self.run.state.rebuilding:
                    raise
                log.warning("sync.rebuilding", request_id=error.request_id)
                self.run.commit(lambda s: s.rebuild(now=self.clock.now()))
        raise ProviderError(
            "the bank's data kept changing while it was read",
            fault=Fault.TRANSIENT,
            error_type="TRANSACTIONS_ERROR",
            error_code="TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION",
        )

    def _read_once(self) -> bool:
        self._changes, self._successors, self._streamed = ChangeSet(), {}, set()
        self._counts = {"added": 0, "modified": 0, "removed": 0, "pages": self.run.state.pages}
        self._delivered = set() if self.run.state.rebuilding else None
        cursor = self.run.state.cursor
        with _FetchAhead(self.bank, self.token) as ahead:
            ahead.fetch(cursor)
            while True:
                page = ahead.page(while_waiting=self._heartbeat)
                if page.history is History.NOT_READY:
                    return False
                cursor = page.next_cursor or cursor
                if page.has_more:
                    ahead.fetch(cursor)
                self._take(page)
                if not page.has_more:
                    break
                if len(self._changes) > MAX_ATOMIC_ROWS or self._changes.size > MAX_ATOMIC_BYTES:
                    self._stream()
        self._finish(page, cursor)
        return True

    def _heartbeat(self) -> None:
        self.run.commit(lambda s: s.advance(now=self.clock.now(), stage=Stage.FETCHING, **self._counts))

    def _take(self, page: Page) -> None:
        self._changes.take(page)
        for row in (*page.added, *page.modified):
            if row["pending_transaction_id"]:
                self._successors[row["pending_transaction_id"]] = row["transaction_id"]
            if self._delivered is not None:
                self._delivered.add(row["transaction_id"])
        self._counts["added"] += len(page.added)
        self._counts["modified"] += len(page.modified)
        self._counts["removed"] += len(page.removed)
        self._counts["pages"] += 1
        self._counts["percent"] = round(95 * (1 - 0.85 ** self._counts["pages"]))

    def _stream(self) -> None:
        """Writes the rows read so far, ahead of the cursor; removals wait for the end."""
        self._streamed |= self._changes.new & self._changes.upserts.keys()
        rows = list(self._changes.upserts.values())
        for start in range(0, len(rows), STREAM_ROWS):
            self._write_rows(tuple(rows[start : start + STREAM_ROWS]))
        self._changes.upserts.clear()
        self._changes.new.clear()
        self._changes.size = 0

    def _write_rows(self, rows: tuple[Transaction, ...]) -> None:
        marked = frozenset(row["transaction_id"] for row in rows) & self._streamed
        try:
            self.run.commit(
                lambda s: s.advance(now=self.clock.now(), stage=Stage.WRITING, streaming=True, **self._counts),
                lambda: Writes(upserts=rows, marked=marked),
            )
        except CommitTooLarge:
            if len(rows) == 1:
                raise
            self._write_rows(rows[: len(rows) // 2])
            self._write_rows(rows[len(rows) // 2 :])

    def _remove_rows(self, ids: tuple[str, ...]) -> None:
        try:
            self.run.commit(
                lambda s: s.advance(now=self.clock.now(), stage=Stage.WRITING, **self._counts),
                lambda: self._removal(ids),
            )
        except CommitTooLarge:
            if len(ids) == 1:
                raise
            self._remove_rows(ids[: len(ids) // 2])
            self._remove_rows(ids[len(ids) // 2 :])

    def _removal(self, ids: tuple[str, ...]) -> Writes:
        """Removals, each pending row handing what its user wrote on to its posted row."""
        replaced = {i: self._successors[i] for i in ids if i in self._successors}
        carries = self.syncs.carries(self.run.state.connection_id, replaced) if replaced else ()
        return Writes(removals=ids, carries=carries)

    def _finish(self, page: Page, cursor: str | None) -> None:
        """The last commit: what is left, the removals, the accounts, the connection, and only now the cursor."""
        accounts, digest = self._accounts(page)
        patch: dict[str, Any] = {}
        if accounts:
            patch["account_ids"] = [account["account_id"] for account in accounts]
        if self.run.state.troubled:
            patch |= {"status": ItemStatus.GOOD, "error_type": None, "error_code": None, "action": None}
        removed = self._changes.removed | self._leftovers()

        def step(state: SyncState) -> SyncState:
            counts = self._counts | {"accounts_digest": digest}
            complete = page.history is History.COMPLETE
            return state.complete(now=self.clock.now(), cursor=cursor, history_complete=complete, **counts)

        def writes(removals: tuple[str, ...]) -> Writes:
            now = self.clock.now()
            removal = self._removal(removals)
            return Writes(
                upserts=tuple(self._changes.upserts.values()),
                removals=removal.removals,
                carries=removal.carries,
                accounts=tuple(accounts),
                connection=patch | {"last_sync": now, "updated_at": now},
            )

        if len(self._changes.upserts) + len(removed) <= MAX_ATOMIC_ROWS:
            try:
                self.run.commit(step, lambda: writes(tuple(sorted(removed))))
            except CommitTooLarge:
                log.info("sync.streamed", reason="too large for one commit")
            else:
                return
        self._stream()
        ids = sorted(removed)
        for start in range(0, len(ids), STREAM_ROWS):
            self._remove_rows(tuple(ids[start : start + STREAM_ROWS]))
        self.run.commit(step, lambda: writes(()))

    def _leftovers(self) -> set[str]:
        """Rows that Plaid does not hold, but does not name either."""
        state = self.run.state
        gone: set[str] = set()
        if self._delivered is not None:
            gone |= self.syncs.transaction_ids(state.connection_id) - self._delivered
        if state.dirty_runs:
            gone |= self.syncs.marked(state.connection_id, state.dirty_runs) - self._changes.upserts.keys()
        if gone:
            log.info("sync.leftovers", rows=len(gone))
        return gone

    def _accounts(self, page: Page) -> tuple[list[Account], str]:
        """All accounts, where anything changed; else none: the page names just those with transactions in it."""
        digest = hashlib.sha256(json.dumps(page.accounts, sort_keys=True).encode()).hexdigest()
        if digest == self.run.state.accounts_digest and not any(self._counts[k] for k in ("added", "modified")):
            return [], digest
        try:
            return self.bank.accounts(self.token).accounts, digest
        except ProviderError as error:
            if error.fault is not Fault.TRANSIENT:
                raise
            log.warning("sync.accounts_unavailable", error_code=error.error_code, request_id=error.request_id)
            return [], self.run.state.accounts_digest or ""


class _FetchAhead:
    """Fetches one page in a thread of its own while the one before it is written."""

    def __init__(self, bank: Bank, token: Secret) -> None:
        self._bank, self._token = bank, token
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fetch")
        self._next: Future[Page]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def fetch(self, cursor: str | None) -> None:
        self._next = self._thread.submit(self._bank.changes, self._token, cursor=cursor)

    def page(self, *, while_waiting: Callable[[], None]) -> Page:
        while True:
            try:
                return self._next.result(timeout=HEARTBEAT_SECONDS)
            except TimeoutError:
                while_waiting()
