"""Records rows of the change log that cannot be stored, for operators; deletes records of repaired rows."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from shared.domain.set_aside import MAX_KEPT, SetAsideRow, key_of
from shared.domain.sync_state import SyncState
from shared.domain.transaction import Page, Transaction
from shared.log import log
from shared.ports import DeleteSetAside, PutSetAside, Syncs, Write

T = TypeVar("T")

ROWS_AT_ONCE = 100  # in one commit: a few kilobytes each


@dataclass
class SetAsideRows:
    """The rows that one reading sets aside, added to those on record for the connection.

    For a connection without such rows, a page costs only a check of two empty collections.
    """

    _known: dict[str, SetAsideRow] = field(default_factory=dict)  # on record, by key
    _new: dict[str, SetAsideRow] = field(default_factory=dict)  # not written yet
    _gone: set[str] = field(default_factory=set)  # keys of records to delete
    _delivered: set[str] = field(default_factory=set)  # keys that this process received in this reading
    _ids: set[str] = field(default_factory=set)  # usable transaction ids of all rows above
    _uncounted: int = 0  # rows beyond MAX_KEPT

    @classmethod
    def of(cls, state: SyncState, *, syncs: Syncs) -> "SetAsideRows":
        """Reads the rows on record: one query, and none for a connection without such rows."""
        known = syncs.set_aside(state.connection_id) if state.set_aside else []
        made = cls(_known={one.key: one for one in known})
        made._ids = {one.transaction_id for one in known if one.transaction_id is not None}
        return made

    @property
    def count(self) -> int:
        """The number of rows on record once everything is written."""
        return len((self._known.keys() | self._new.keys()) - self._gone)

    def take(self, page: Page, *, revoked: Collection[str]) -> None:
        """Adds a page: sets its unusable rows aside, and drops earlier ones that it repairs or removes.

        A row that the same page also removes is removed, as in `ChangeSet.take`.
        """
        if not (page.set_aside or self._known or self._new):
            return
        usable = {row["transaction_id"] for row in (*page.added, *page.modified)} | {*page.removed}
        for transaction_id in (*(usable & self._ids), *page.removed_aside):
            self._forget(key_of(transaction_id))
        removed = {*map(key_of, (*page.removed, *page.removed_aside))} if page.set_aside else set()
        for row in page.set_aside:
            if row.key not in removed and (row.account_id is None or row.account_id not in revoked):
                self._keep(row)

    def refuse(self, row: Transaction) -> None:
        """Sets aside a row that the store refuses although it looks usable."""
        self._keep(SetAsideRow.of(row, field="row"))

    def current_ids(self, *, run: int) -> set[str]:
        """Ids of rows that this reading set aside: their last usable version stays stored."""
        kept = (self._known | self._new).items()
        current = (row for key, row in kept if key not in self._gone and (key in self._delivered or row.run == run))
        return {row.transaction_id for row in current if row.transaction_id is not None}

    def end(self, state: SyncState, *, unlisted: Collection[str] = ()) -> None:
        """Ends a reading: deletes records of rows that should have been delivered again, but were not.

        Args:
            state: The state of the run.
            unlisted: Accounts that the item no longer has, although none of their rows was reported as removed. If any,
                no account with transactions is left: rows without an account are gone, too.
        """
        for key, row in self._known.items():
            again = key in self._delivered or row.run == state.run
            missing = not again and (state.rebuilding or row.run in state.dirty_runs)
            if missing or row.account_id in unlisted or (unlisted and row.account_id is None):
                self._gone.add(key)

    def writes(self, *, revoked: Collection[str]) -> Iterator[list[Write]]:
        """The pending writes, in portions of one commit each."""
        wanted = [row for row in self._new.values() if row.account_id not in revoked]
        self._report(wanted)
        going = sorted(self._gone & self._known.keys())
        for some in _chunks(wanted):
            yield [PutSetAside(row) for row in some]
        for keys in _chunks(going):
            yield [DeleteSetAside(key) for key in keys]
        self._known |= {row.key: row for row in wanted}
        for key in self._gone:
            self._known.pop(key, None)
        self._new, self._gone, self._uncounted = {}, set(), 0

    def _keep(self, row: SetAsideRow) -> None:
        self._delivered.add(row.key)
        self._gone.discard(row.key)
        if row.key not in self._known and self.count >= MAX_KEPT:
            self._uncounted += 1
            return
        self._new[row.key] = row
        if row.transaction_id is not None:
            self._ids.add(row.transaction_id)

    def _forget(self, key: str) -> None:
        self._delivered.discard(key)
        self._new.pop(key, None)
        if key in self._known:
            self._gone.add(key)

    def _report(self, wanted: Iterable[SetAsideRow]) -> None:
        """Logs each row once: rows on record were logged when they first arrived."""
        new = [row for row in wanted if row.key not in self._known]
        if new or self._uncounted:
            fields = sorted({row.field for row in new})
            log.warning("sync.rows_set_aside", rows=len(new) + self._uncounted, kept=len(new), fields=fields)


def _chunks(items: list[T]) -> Iterator[list[T]]:
    return (items[start : start + ROWS_AT_ONCE] for start in range(0, len(items), ROWS_AT_ONCE))
