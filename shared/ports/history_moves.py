"""Moves of notes from replaced connections to those that replace them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from shared.domain.audit import AuditEntry
from shared.domain.history_matching import HistoryRow
from shared.domain.history_move import ArchivedTransaction, HistoryMove
from shared.domain.notification import Notification
from shared.domain.products.rows import ProductRow
from shared.ports.clock import Version
from shared.ports.writes import PutProduct


@dataclass(frozen=True, slots=True)
class MovableRow:
    """A row as it was read, with the version to compare against."""

    row: HistoryRow
    version: Version


@dataclass(frozen=True, slots=True)
class MoveNote:
    """Writes the note of an old row on its new row, and deletes the old row; both must be unchanged."""

    old: MovableRow
    new: MovableRow


@dataclass(frozen=True, slots=True)
class ArchiveRow:
    """Puts an old row with its note into the archive of the new connection, and deletes the unchanged old row.

    Attributes:
        fields: The archived document.
        expected: The version of the old row.
        from_archive: Whether the old row is in the archive of the old connection, which it got from an older one.
    """

    fields: ArchivedTransaction
    expected: Version
    from_archive: bool = False


@dataclass(frozen=True, slots=True)
class DropRow:
    """Deletes an unchanged old row without a note."""

    old: MovableRow


@dataclass(frozen=True, slots=True)
class MoveStream:
    """Deletes an unchanged recurring stream of the old connection; its note, if any, is on one of the new connection.

    Attributes:
        old_id: The stream.
        old: Its version.
        note: What its user wrote; None if nothing.
        onto: The stream of the new connection that gets the note, which must be unchanged, and its version.
        kept: The row that keeps the note because the new connection has no such stream yet.
    """

    old_id: str
    old: Version
    note: Mapping[str, Any] | None = None
    onto: tuple[str, Version] | None = None
    kept: ProductRow | None = None


MoveStep = MoveNote | ArchiveRow | DropRow | MoveStream


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedMove:
    """What the last commit of a move writes.

    Attributes:
        move: The move.
        expected: The version of its record.
        fields: The changed fields of the new connection, which must exist.
        audit: Entries for the audit log.
        notification: Notifies the user; None if there is nothing to say.
        continues: The move that the record holds from now on; None if the record is deleted.
        older: The version of the record of the move to the old connection, if there is one: its notes must not arrive
            there while the old connection is removed.
    """

    move: HistoryMove
    expected: Version
    fields: Mapping[str, Any]
    audit: tuple[AuditEntry, ...] = ()
    notification: Notification | None = None
    continues: HistoryMove | None = None
    older: Version | None = None


@dataclass(frozen=True, slots=True)
class StoredArchive:
    """An archived transaction as it was read, with the version to compare against."""

    fields: ArchivedTransaction
    version: Version = field(compare=False)


class HistoryMoves(Protocol):
    """The records of moves, and their commits."""

    def find(self, connection_id: str) -> tuple[HistoryMove, Version] | None:
        """The move to a connection."""

    def due(self, now: datetime, *, limit: int) -> list[tuple[HistoryMove, Version]]:
        """Moves that the scheduler must start, longest due first."""

    def update(self, move: HistoryMove, *, expected: Version) -> Version:
        """Writes the record if it is unchanged.

        Raises:
            Conflict: The record changed or was deleted.
        """

    def rows(self, connection_id: str) -> list[MovableRow]:
        """All rows of a connection, with the fields that are compared."""

    def full_rows(self, connection_id: str, ids: Iterable[str]) -> dict[str, tuple[Mapping[str, Any], Version]]:
        """All fields of the rows with these ids that exist, by id."""

    def archive(self, connection_id: str) -> list[StoredArchive]:
        """The archived transactions of a connection."""

    def transfer(
        self, move: HistoryMove, *, expected: Version, steps: Sequence[MoveStep], product: PutProduct | None = None
    ) -> Version:
        """Writes the record and takes these steps, in one commit.

        Args:
            move: The record.
            expected: Its version.
            steps: The steps. With recurring streams, the old connection's state of the product is deleted, too, so that
                no run brings them back.
            product: The new connection's state of recurring streams, so that a run at the same time compares again.

        Raises:
            Conflict: The record or one of the rows changed or was deleted; nothing was written.
            CommitTooLarge: Nothing was written: take fewer steps at once.
        """

    def keep_saved_notes(self, move: HistoryMove, *, expected: Version) -> Version:
        """Assigns the old connection's notifications that hold notes of removed rows to the new connection.

        Otherwise they would be deleted with the old connection. Returns the version of the record.

        Raises:
            Conflict: The record changed or was deleted.
        """

    def is_empty(self, connection_id: str) -> bool:
        """Whether a connection has neither rows, nor an archive, nor recurring streams."""

    def end(self, ended: EndedMove) -> None:
        """Ends a move whose old connection stays or is removed already, in one commit.

        Raises:
            Conflict: The record changed, or the new connection is being removed.
        """
