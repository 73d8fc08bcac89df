"""Plans the removal of rows: their notes move to the rows that replace them, or are sent to the user."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from shared.domain.inherited_notes import heirs_of
from shared.ports import DeleteTransactions, PutNote, StoredRow, Syncs, UpsertTransactions, Write


@dataclass(frozen=True, slots=True)
class RowRemovals:
    """Rows that one commit removes.

    Attributes:
        rows: The rows, as they are stored, by id.
        heirs: Ids of the rows that inherit notes, by id of the removed row.
        stored_heirs: The heirs that are stored already, by id.
    """

    rows: Mapping[str, StoredRow]
    heirs: Mapping[str, str]
    stored_heirs: Mapping[str, StoredRow]

    @classmethod
    def plan(cls, connection_id: str, ids: Iterable[str], *, successors: Mapping[str, str], syncs: Syncs) -> Self:
        """Reads the rows, and the successor of each row with a note."""
        rows = syncs.stored_rows(connection_id, ids)
        noted = [i for i, row in rows.items() if row.note]
        stored_heirs = syncs.stored_rows(connection_id, {successors[i] for i in noted if i in successors})
        taken = [i for i, row in stored_heirs.items() if row.note]
        return cls(rows, heirs_of(noted, successors=successors, taken=taken), stored_heirs)

    def lost_notes(self) -> Iterable[tuple[str, StoredRow]]:
        """The rows whose notes no other row inherits."""
        return ((i, row) for i, row in self.rows.items() if row.note and i not in self.heirs)

    def writes(self, upserts: UpsertTransactions | None = None) -> list[Write]:
        """The removals, the upserts of the same commit, and the notes, in the required order.

        A stored heir gets its note before its upsert changes its version; a new heir, after its upsert creates it. A
        row that is neither stored nor written is obsolete, and so is the note that it would inherit.
        """
        written = {row["transaction_id"] for row in upserts.rows} if upserts is not None else set()
        to_stored: list[Write] = []
        to_new: list[Write] = []
        for transaction_id, heir in self.heirs.items():
            note = self.rows[transaction_id].note or {}
            if heir in self.stored_heirs:
                to_stored.append(PutNote(heir, note, expected=self.stored_heirs[heir].version))
            elif heir in written:
                to_new.append(PutNote(heir, note))
        removal = DeleteTransactions({i: row.version for i, row in self.rows.items()})
        return [*to_stored, *([upserts] if upserts is not None else []), *to_new, removal]
