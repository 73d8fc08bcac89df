"""The commits that empty a replaced connection: they move or archive its notes, and delete its rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from shared.domain.errors import CommitTooLarge, Conflict
from shared.domain.history_matching import Placement, place_notes
from shared.domain.history_move import ArchivedTransaction, HistoryMove
from shared.domain.transaction import Transaction
from shared.ports import (
    ArchiveRow,
    Clock,
    DropRow,
    HistoryMoves,
    MovableRow,
    MoveNote,
    MoveStep,
    MoveStream,
    PutProduct,
    Version,
)

NOTES_AT_ONCE = 100
DROPS_AT_ONCE = 400


class TimeIsUp(Exception):
    """Another delivery must continue."""


@dataclass(slots=True)
class Transfer:
    """The commits that empty the old connection. Each writes the record, so that another delivery's are refused."""

    moves: HistoryMoves
    clock: Clock
    move: HistoryMove
    version: Version
    until: datetime
    _old: dict[str, MovableRow] = field(default_factory=dict)
    _new: dict[str, MovableRow] = field(default_factory=dict)

    def move_rows(self, accounts: Mapping[str, str]) -> None:
        """Moves or archives every note, then deletes all rows without one, as their connection's removal would."""
        source = self.move.from_connection_id or ""
        self._old = {one.row.transaction_id: one for one in self.moves.rows(source)}
        self._new = {one.row.transaction_id: one for one in self.moves.rows(self.move.connection_id)}
        groups = place_notes((one.row for one in self._old.values()), (one.row for one in self._new.values()), accounts)
        for portion in _in_portions(groups, NOTES_AT_ONCE):
            self._commit(self._note_steps(portion, accounts))
        carried = [
            [ArchiveRow(_in_accounts(one.fields, accounts), one.version, from_archive=True)]
            for one in self.moves.archive(source)
        ]
        for start in range(0, len(carried), NOTES_AT_ONCE):
            self._commit(carried[start : start + NOTES_AT_ONCE])
        rest = [[DropRow(one)] for one in self._old.values() if one.row.note is None]
        for start in range(0, len(rest), DROPS_AT_ONCE):
            self._commit(rest[start : start + DROPS_AT_ONCE])

    def _note_steps(self, groups: Sequence[Sequence[Placement]], accounts: Mapping[str, str]) -> list[list[MoveStep]]:
        """The steps of each group; a note that the user wrote on the new row stays there."""
        homeless = [one.row.transaction_id for group in groups for one in group if not _can_move(one)]
        archived = {step.fields["transaction_id"]: step for step in self._archive_steps(homeless, accounts)}

        def step(one: Placement) -> MoveStep:
            if one.partner is None or one.row.transaction_id in archived:
                return archived[one.row.transaction_id]
            return MoveNote(self._old[one.row.transaction_id], self._new[one.partner.transaction_id])

        return [[step(one) for one in group] for group in groups]

    def _archive_steps(self, ids: Sequence[str], accounts: Mapping[str, str]) -> Iterator[ArchiveRow]:
        """Reads the whole rows.

        Raises:
            Conflict: One of them has changed since the notes were placed.
        """
        source, now = self.move.from_connection_id or "", self.clock.now()
        full = self.moves.full_rows(source, ids) if ids else {}
        for transaction_id in ids:
            fields, version = full.get(transaction_id, ({}, None))
            if version != self._old[transaction_id].version:
                raise Conflict
            row: dict[str, object] = {name: fields.get(name) for name in Transaction.__annotations__}
            row |= {
                "account_id": accounts.get(fields["account_id"], fields["account_id"]),
                "user": fields["user"],
                "archived_at": now,
                "from_connection_id": source,
                "moved_to": None,
            }
            yield ArchiveRow(cast("ArchivedTransaction", row), version)

    def _commit(self, groups: Sequence[Sequence[MoveStep]]) -> None:
        """Takes steps in one commit, or in two of half the size if it is too large; splits a group only if it must."""
        steps = [step for group in groups for step in group]
        if not steps:
            return
        try:
            self.take(steps)
        except CommitTooLarge:
            if len(steps) == 1:
                raise
            smaller = groups if len(groups) > 1 else [[step] for step in steps]
            self._commit(smaller[: len(smaller) // 2])
            self._commit(smaller[len(smaller) // 2 :])

    def take(self, steps: Sequence[MoveStep], *, product: PutProduct | None = None) -> None:
        """Takes steps in one commit.

        Raises:
            Conflict: A row changed.
            CommitTooLarge: Nothing was written.
            TimeIsUp: Another delivery must continue.
        """
        if self.clock.now() > self.until:
            raise TimeIsUp
        moved = sum(isinstance(step, MoveNote) or (isinstance(step, MoveStream) and bool(step.note)) for step in steps)
        archived = sum(isinstance(step, ArchiveRow) for step in steps)
        move = self.move.progressed(moved=moved, archived=archived)
        self.version = self.moves.transfer(move, expected=self.version, steps=steps, product=product)
        self.move = move


def _in_accounts(fields: ArchivedTransaction, accounts: Mapping[str, str]) -> ArchivedTransaction:
    """An archived transaction under the account of the new connection, if it has that account."""
    return {**fields, "account_id": accounts.get(fields["account_id"], fields["account_id"])}


def _can_move(one: Placement) -> bool:
    return one.partner is not None and one.partner.note is None


def _in_portions(groups: Sequence[Sequence[Placement]], size: int) -> Iterator[list[Sequence[Placement]]]:
    """Whole groups in portions of about so many placements."""
    portion: list[Sequence[Placement]] = []
    for group in groups:
        if portion and sum(map(len, portion)) + len(group) > size:
            yield portion
            portion = []
        portion.append(group)
    if portion:
        yield portion
