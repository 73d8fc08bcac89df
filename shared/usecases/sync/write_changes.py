"""Writes the changes of a loop ahead of the cursor: rows as they arrive, removals once all rows have arrived."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from shared.domain.errors import CommitTooLarge, NotStorable
from shared.domain.inherited_notes import successor_of
from shared.domain.notification import Notification
from shared.domain.progress import Stage
from shared.domain.transaction import Transaction
from shared.ports import Clock, PutNotification, PutSetAside, Syncs, UpsertTransactions, Write
from shared.usecases.apply_status_event import StatusEvents
from shared.usecases.sync.change_loop import ChangeLoop
from shared.usecases.sync.fenced_commits import FencedCommits
from shared.usecases.sync.remove_rows import RowRemovals

MAX_ATOMIC_ROWS = 800
MAX_ATOMIC_BYTES = 2_500_000  # of JSON: an estimate; the store refuses commits that are too large nevertheless
STREAM_ROWS = 500

T = TypeVar("T")


@dataclass(kw_only=True)
class ChangeWriter:
    """The writing side of one run, over all its restarts.

    Attributes:
        run: Commits with the run's lease.
        syncs: The stored rows.
        status_events: Notifies users of lost notes.
        clock: The time.
        written_rows: The number of rows that differed from the store.
    """

    run: FencedCommits
    syncs: Syncs
    status_events: StatusEvents
    clock: Clock
    written_rows: int = 0

    def stream(self, loop: ChangeLoop) -> None:
        """Writes the rows read so far; their removals wait for the end of the loop."""
        self.put_aside(loop)
        rows = self.changed_rows(loop)
        ids = {row["transaction_id"] for row in rows}
        loop.streamed |= ids if self.run.state.marking else loop.changes.new & ids
        for some in _in_portions(rows):
            self._commit(loop, some, partial(self._row_writes, loop), refuse=partial(self._refuse, loop))
        self.put_aside(loop)
        loop.changes.clear_rows()

    def remove(self, loop: ChangeLoop, ids: Sequence[str]) -> None:
        """Removes rows, in several commits."""
        for some in _in_portions(ids):
            self._commit(loop, some, partial(self._removal_writes, loop))

    def put_aside(self, loop: ChangeLoop) -> None:
        """Records the rows that cannot be stored."""
        # `streaming`: if this run dies, the next one must check whether these records are still valid.
        counts = replace(loop.counts, set_aside=loop.aside.count)
        for some in loop.aside.writes(revoked=self.run.state.revoked_accounts):
            self.run.commit(
                lambda s: s.advance(now=self.clock.now(), stage=Stage.WRITING, counts=counts, streaming=True),
                partial(self._without_revoked, some),
            )

    def changed_rows(self, loop: ChangeLoop) -> tuple[Transaction, ...]:
        """The rows read so far that differ from the store, since Plaid sends many unchanged rows as modified."""
        rows, state = tuple(loop.changes.upserts.values()), self.run.state
        if state.marking:
            return rows
        ask = rows if loop.delivered is not None else [r for r in rows if r["transaction_id"] not in loop.changes.new]
        same = self.syncs.unchanged(state.connection_id, ask, dirty=state.dirty_runs) if ask else set()
        self.written_rows += len(rows) - len(same)
        return tuple(row for row in rows if row["transaction_id"] not in same)

    def upserts(self, loop: ChangeLoop, rows: Sequence[Transaction], *, mark: bool) -> UpsertTransactions:
        """The upsert of rows, without rows of accounts that were revoked, even since the rows were read.

        Args:
            loop: The loop that read the rows.
            rows: The rows.
            mark: Whether to mark rows that Plaid sent as added. The commit that stores the cursor marks none.
        """
        state, gone = self.run.state, self.run.state.revoked_accounts
        wanted = tuple(row for row in rows if row["account_id"] not in gone) if gone else tuple(rows)
        ids = frozenset(row["transaction_id"] for row in wanted)
        # A row that Plaid sent as added is new, unless an interrupted run wrote it before.
        new = frozenset() if state.dirty_runs or state.rebuilding else ids & loop.changes.new
        marked = ids & loop.streamed if mark else frozenset()
        return UpsertTransactions(wanted, marked=marked, new=new, ready=loop.changes.ready)

    def removals(self, loop: ChangeLoop, ids: Sequence[str]) -> tuple[RowRemovals, list[Notification]]:
        """Plans removals, with notifications about notes that no other row inherits."""
        connection_id, removed = self.run.state.connection_id, loop.changes.removed
        found = {i: successor_of(i, successors=loop.successors, removed=removed) for i in ids}
        successors = {i: successor for i, successor in found.items() if successor is not None}
        removals = RowRemovals.plan(connection_id, ids, successors=successors, syncs=self.syncs)
        notifications = (
            self.status_events.report_lost_note(
                connection_id, transaction_id=transaction_id, label=row.label, note=row.note or {}
            )
            for transaction_id, row in removals.lost_notes()
        )
        return removals, [one for one in notifications if one is not None]

    def _row_writes(self, loop: ChangeLoop, rows: Sequence[Transaction]) -> list[Write]:
        return [self.upserts(loop, rows, mark=True)]

    def _removal_writes(self, loop: ChangeLoop, ids: Sequence[str]) -> list[Write]:
        removals, notifications = self.removals(loop, ids)
        return [*removals.writes(), *(PutNotification(one) for one in notifications)]

    def _refuse(self, loop: ChangeLoop, row: Transaction) -> None:
        """Sets aside a row that the store refuses, and excludes it from inheriting notes."""
        loop.aside.refuse(row)
        loop.refuse_heir(row["transaction_id"])

    def _without_revoked(self, some: Sequence[Write]) -> list[Write]:
        gone = self.run.state.revoked_accounts  # maybe since the portion was made
        return [one for one in some if not (isinstance(one, PutSetAside) and one.row.account_id in gone)]

    def _commit(
        self,
        loop: ChangeLoop,
        some: Sequence[T],
        writes: Callable[[Sequence[T]], list[Write]],
        *,
        refuse: Callable[[T], None] | None = None,
    ) -> None:
        """Commits values ahead of the cursor; halves a commit that is too large.

        Args:
            loop: The loop.
            some: The values to write.
            writes: Makes the writes.
            refuse: Handles a single value that the store refuses.
        """
        try:
            self.run.commit(
                lambda s: s.advance(now=self.clock.now(), stage=Stage.WRITING, counts=loop.counts, streaming=True),
                lambda: writes(some),
            )
        except CommitTooLarge as error:
            if len(some) > 1:
                self._commit(loop, some[: len(some) // 2], writes, refuse=refuse)
                self._commit(loop, some[len(some) // 2 :], writes, refuse=refuse)
            elif isinstance(error, NotStorable) and refuse is not None:
                refuse(some[0])
            else:
                raise


def fit_one_commit(rows: int, *, size: int = 0) -> bool:
    """Whether so many rows and removals fit one commit; `size` is the size of Plaid's answers in bytes."""
    return rows <= MAX_ATOMIC_ROWS and size <= MAX_ATOMIC_BYTES


def _in_portions(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """The values in portions of one commit each."""
    return (values[start : start + STREAM_ROWS] for start in range(0, len(values), STREAM_ROWS))
