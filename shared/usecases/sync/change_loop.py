"""The state of one loop over a change log: what it has read so far, and not written yet."""

from dataclasses import dataclass, field, replace
from typing import Self

from shared.domain.page_trail import PageTrail
from shared.domain.progress import SyncCounts
from shared.domain.sync_state import SyncState
from shared.domain.transaction import ChangeSet, Page
from shared.log import log
from shared.ports import Syncs
from shared.usecases.sync.set_aside_rows import SetAsideRows


@dataclass
class ChangeLoop:
    """One loop, from its first cursor or the cursor of a handover; each restart begins a new loop.

    Attributes:
        trail: The cursors that the loop has seen.
        aside: Rows that cannot be stored.
        counts: Counts of what it has read, for the progress that clients see.
        changes: Changes that it has read and not written.
        successors: Ids of posted rows, by id of the pending row that each replaces.
        streamed: Ids of rows that this run wrote ahead of the cursor, and marked.
        delivered: Ids of all rows received; None unless everything is read again and compared with the store.
    """

    trail: PageTrail
    aside: SetAsideRows
    counts: SyncCounts
    changes: ChangeSet = field(default_factory=ChangeSet)
    successors: dict[str, str] = field(default_factory=dict)
    streamed: set[str] = field(default_factory=set)
    delivered: set[str] | None = None

    @classmethod
    def begin(cls, state: SyncState, *, syncs: Syncs) -> Self:
        """Begins a loop at the cursor or the handover of the state.

        Most runs need no read for that; a continuation reads its handover and the ids of the rows streamed so far.
        """
        loop = cls(
            trail=PageTrail(state.cursor),
            aside=SetAsideRows.of(state, syncs=syncs),
            counts=SyncCounts.of(state),
            delivered=set() if state.rebuilding and not state.marking else None,
        )
        if state.handover is not None:
            loop._resume(state, state.handover, syncs)
        return loop

    def _resume(self, state: SyncState, cursor: str, syncs: Syncs) -> None:
        left = syncs.handover(state.connection_id)
        if left is not None:
            self.changes.removed = set(left.removed)
            self.successors = dict(left.successors)
        self.trail = PageTrail(cursor, seen=left.cursors if left is not None else b"")
        self.streamed = syncs.marked(state.connection_id, [state.run])

    def take(self, page: Page, *, revoked: set[str]) -> None:
        """Adds a page, without the rows of accounts that the user has revoked."""
        if revoked:
            page = replace(
                page,
                added=[row for row in page.added if row["account_id"] not in revoked],
                modified=[row for row in page.modified if row["account_id"] not in revoked],
            )
        self.changes.take(page)
        self.aside.take(page, revoked=revoked)
        for row in (*page.added, *page.modified):
            if row["pending_transaction_id"]:
                self.successors[row["pending_transaction_id"]] = row["transaction_id"]
            if self.delivered is not None:
                self.delivered.add(row["transaction_id"])
        self._count(page)

    def refuse_heir(self, transaction_id: str) -> None:
        """Excludes a row that the store refuses from inheriting notes."""
        self.successors = {old: new for old, new in self.successors.items() if new != transaction_id}

    def _count(self, page: Page) -> None:
        added, modified, removed = len(page.added), len(page.modified), len(page.removed)
        self.counts = self.counts.with_page(added=added, modified=modified, removed=removed)
        log.info(
            "sync.page",
            page=self.counts.pages,
            added=added,
            modified=modified,
            removed=removed,
            history=page.history,
        )
