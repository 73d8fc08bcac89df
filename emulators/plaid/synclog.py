"""The change log of one Item, and the positions of its readers.

Source: plaid.com/docs/api/products/transactions/#transactionssync. The log is append-only. A cursor holds the change
where its pagination loop started, the next change, and the length of the log at the start of the loop: if the log has
grown since, that is a mutation during pagination, and the client must restart from the loop's first cursor. The cost of
a page depends on its own length only, not on that of the history.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from emulators.plaid.bydate import ByDate, Dated
from emulators.plaid.errors import PlaidError

MUTATION = "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"
SWITCHES = ("name_unseen_removals", "repeat_rows", "cursor_cycle", "silent_shares")  # of SyncLog, in its order


class Row(NamedTuple):
    """One version of a transaction: its JSON text, and separately the JSON text of `original_description`."""

    transaction_id: str
    account_id: str
    body: bytes
    original_description: bytes = b"null"


class History(Protocol):
    """The initial transactions of an Item, newest first; rows are created when they are read."""

    def __len__(self) -> int: ...
    def row(self, index: int) -> Row: ...
    def transaction_id(self, index: int) -> str: ...
    def account_id(self, index: int) -> str: ...
    def account_ids(self, first: int, last: int) -> set[str]: ...


class Change(NamedTuple):
    """A change: a row that was added or modified, or removed (`row` is None)."""

    transaction_id: str
    account_id: str
    row: Row | None


class Cursor(NamedTuple):
    """The position of a reader. `start == position` begins a loop."""

    start: int
    position: int
    head: int


@dataclass
class Page:
    """The result of one call to /transactions/sync."""

    added: list[Row] = field(default_factory=list)
    modified: list[Row] = field(default_factory=list)
    removed: list[Change] = field(default_factory=list)
    cursor: Cursor = field(default=Cursor(0, 0, 0))
    has_more: bool = False


@dataclass
class SyncLog:
    """All changes of one Item's transactions.

    Three switches for behaviour that Plaid does not document: `name_unseen_removals` also lists a transaction in
    `removed` that was added and removed between two reads; `repeat_rows` sends every version of a row instead of only
    the latest, so that one change set can contain a transaction more than once. A removal is sent only if it is the
    latest change: a page's lists would not tell whether the removal or a row came later. With `silent_shares`, the rows
    of an account that is shared again are sent only to those who read from the beginning.

    One fault: with `cursor_cycle`, a loop never ends. Every page has more, and after that many pages cursors repeat.
    """

    history: History
    name_unseen_removals: bool = False
    repeat_rows: bool = False
    cursor_cycle: int = 0
    silent_shares: bool = False
    _entries: list[int | Change] = field(default_factory=list)
    _superseded: set[int] = field(default_factory=set)
    _silent: set[int] = field(default_factory=set)
    _places: dict[str, list[int]] = field(default_factory=dict)
    _indexed: int = 0
    _account_ids: set[str] = field(default_factory=set)
    _by_date: ByDate = field(default_factory=ByDate)

    def __len__(self) -> int:
        return len(self._entries)

    def reveal(self, first: int, last: int) -> None:
        """Appends the rows [first, last) of the history."""
        self._entries.extend(range(first, last))
        self._account_ids |= self.history.account_ids(first, last)

    def put(self, row: Row) -> None:
        """Appends a new transaction, or a new version of one."""
        self._append(Change(row.transaction_id, row.account_id, row))

    def share(self, rows: Iterable[Row]) -> None:
        """Appends the rows of an account that the user shares, perhaps again."""
        self._index()
        for row in rows:
            if self.silent_shares and row.transaction_id in self._places:
                self._silent.add(len(self._entries))
            self.put(row)

    def remove(self, transaction_id: str) -> None:
        row = self.get(transaction_id)
        if row is None:
            raise KeyError(transaction_id)
        self._append(Change(transaction_id, row.account_id, None))

    def get(self, transaction_id: str) -> Row | None:
        """The current version of a transaction."""
        self._index()
        places = self._places.get(transaction_id)
        return self._row(places[-1]) if places else None

    def current(self) -> Iterator[Row]:
        """All current transactions, in log order."""
        for place in range(len(self._entries)):
            if place not in self._superseded and (row := self._row(place)) is not None:
                yield row

    def newest_first(self) -> list[Dated]:
        """All current transactions by date; within a date in the order of their first versions, which never changes."""
        return self._by_date.read(len(self._entries), self._placed())

    def _placed(self) -> Iterator[tuple[int, int, Row]]:
        """All current transactions: the place of the first version, the current place, and the row."""
        for place in range(len(self._entries)):
            if place not in self._superseded and (row := self._row(place)) is not None:
                yield self._places.get(row.transaction_id, (place,))[0], place, row

    def row_at(self, place: int) -> Row:
        """The row of a place that `newest_first` named."""
        row = self._row(place)
        if row is None:
            raise KeyError(place)
        return row

    def export(self) -> list[int | list[str | None]]:
        """The entries, for the state file."""
        return [
            entry
            if isinstance(entry, int)
            else [
                entry.transaction_id,
                entry.account_id,
                entry.row and entry.row.body.decode("ascii"),
                entry.row and entry.row.original_description.decode("ascii"),
                *(["silent"] if place in self._silent else []),
            ]
            for place, entry in enumerate(self._entries)
        ]

    def load(self, exported: list[Any]) -> None:
        """Appends exported entries to an empty log."""
        for entry in exported:
            if isinstance(entry, int):
                self.reveal(entry, entry + 1)
                continue
            transaction_id, account_id, body, original, *silent = entry
            if silent:
                self._silent.add(len(self._entries))
            row = Row(transaction_id, account_id, body.encode(), original.encode()) if body is not None else None
            self._append(Change(transaction_id, account_id, row))

    def account_ids(self) -> set[str]:
        """The accounts that have had transactions."""
        return self._account_ids

    def page(self, cursor: Cursor, count: int, account_id: str | None = None) -> Page:
        """The next changes of a reader. Raises the mutation error if the log grew during its loop."""
        head = len(self._entries)
        if cursor.position > cursor.start and cursor.head != head:
            raise PlaidError(MUTATION)
        if self.cursor_cycle:
            return self._page_of_cycle(cursor, account_id)
        page, taken, place = Page(), 0, cursor.position
        while place < head:
            change = self._change_for(place, cursor.start, account_id)
            if change is not None:
                if taken == count:
                    page.cursor, page.has_more = Cursor(cursor.start, place, head), True
                    return page
                self._sort(page, change, known=self._present(change.transaction_id, place, cursor.start))
                taken += 1
            place += 1
        page.cursor = Cursor(head, head, head)
        return page

    def _page_of_cycle(self, cursor: Cursor, account_id: str | None) -> Page:
        """One change per page from the start of the loop; after the last one the cursors repeat."""
        step, page = cursor.position - cursor.start, Page(has_more=True)
        if cursor.position < len(self._entries):
            change = self._change_for(cursor.position, cursor.start, account_id)
            if change is not None:
                self._sort(page, change, known=self._present(change.transaction_id, cursor.position, cursor.start))
        page.cursor = Cursor(cursor.start, cursor.start + step % self.cursor_cycle + 1, len(self._entries))
        return page

    def _sort(self, page: Page, change: Change, *, known: bool) -> None:
        if change.row is None:
            page.removed.append(change)
        elif known:
            page.modified.append(change.row)
        else:
            page.added.append(change.row)

    def _change_for(self, place: int, start: int, account_id: str | None) -> Change | None:
        """The change at this place, if a reader who started at `start` must receive it."""
        if place in self._superseded and (not self.repeat_rows or self._row(place) is None):
            return None
        if account_id is not None and self._account_id(place) != account_id:
            return None
        if start > 0 and place in self._silent:
            return None
        entry = self._entries[place]
        if isinstance(entry, int):
            row = self.history.row(entry)
            return Change(row.transaction_id, row.account_id, row)
        unseen = entry.row is None and not self._present(entry.transaction_id, place, start)
        return None if unseen and not self.name_unseen_removals else entry

    def _present(self, transaction_id: str, place: int, start: int) -> bool:
        """Whether a reader who began at `start` knows this transaction when it reaches `place`."""
        places = self._places.get(transaction_id)
        if places is None or len(places) == 1:
            return place < start
        before = bisect_left(places, place if self.repeat_rows else start)
        return before > 0 and self._row(places[before - 1]) is not None

    def _append(self, change: Change) -> None:
        self._index()
        places = self._places.setdefault(change.transaction_id, [])
        if places:
            self._superseded.add(places[-1])
        places.append(len(self._entries))
        self._entries.append(change)
        self._account_ids.add(change.account_id)
        self._indexed = len(self._entries)

    def _index(self) -> None:
        """Indexes the ids of the revealed rows. Deferred until the first change, because most Items never change."""
        for place in range(self._indexed, len(self._entries)):
            entry = self._entries[place]
            name = self.history.transaction_id(entry) if isinstance(entry, int) else entry.transaction_id
            self._places.setdefault(name, []).append(place)
        self._indexed = len(self._entries)

    def _row(self, place: int) -> Row | None:
        entry = self._entries[place]
        return self.history.row(entry) if isinstance(entry, int) else entry.row

    def _account_id(self, place: int) -> str:
        entry = self._entries[place]
        return self.history.account_id(entry) if isinstance(entry, int) else entry.account_id
