"""Moves of notes between connections in Firestore.

bank_history_moves/{new connection_id}                                the record of a move; private
bank_connections/{new connection_id}/bank_archived_transactions/{id}  rows whose note has no new row; their owner reads
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from google.cloud.firestore_v1.base_query import FieldFilter

from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.firestore.commit import Batch, mask_of, version_of
from shared.adapters.firestore.due_documents import due_documents
from shared.adapters.firestore.errors import translates_outages
from shared.adapters.firestore.move_records import MOVES, delete_move, put_move
from shared.adapters.firestore.product_documents import PRODUCT_STATES, put_product, rows_path
from shared.adapters.firestore.sync_writes import CONNECTIONS, NOTIFICATIONS, TRANSACTIONS, put_notification
from shared.domain.history_matching import HistoryRow
from shared.domain.history_move import ArchivedTransaction, HistoryMove
from shared.domain.notification import NotificationKind
from shared.domain.products.kinds import COLLECTION, ProductKind
from shared.domain.products.product_state import product_id
from shared.log import log
from shared.ports import (
    ArchiveRow,
    EndedMove,
    MovableRow,
    MoveNote,
    MoveStep,
    MoveStream,
    PutProduct,
    StoredArchive,
    Version,
)

if TYPE_CHECKING:
    from google.cloud import firestore

ARCHIVE = "bank_archived_transactions"
_COMPARED = [
    "transaction_id",
    "account_id",
    "date",
    "amount",
    "iso_currency_code",
    "unofficial_currency_code",
    "name",
    "user",
]
_NOTE_MASK = mask_of(["user"])
_UPDATES_AT_ONCE = 400
_GET_LIMIT = 1_000  # document names per request, whose size is limited


@translates_outages
class FirestoreHistoryMoves:
    """The port `HistoryMoves`."""

    def __init__(self, client: "firestore.Client", *, audit: FirestoreAudit) -> None:
        self._client = client
        self._audit = audit

    def find(self, connection_id: str) -> tuple[HistoryMove, Version] | None:
        """Finds a move, in one read."""
        snapshot = self._client.document(MOVES, connection_id).get()
        return _move(snapshot) if snapshot.exists else None

    def due(self, now: datetime, *, limit: int) -> list[tuple[HistoryMove, Version]]:
        """Finds moves that are due, in one query."""

        def unreadable(name: str) -> None:
            log.error("history_move.unreadable", connection_id=name)

        return due_documents(self._client, MOVES, now, limit=limit, read=_move, unreadable=unreadable)

    def update(self, move: HistoryMove, *, expected: Version) -> Version:
        """Replaces a record, in one commit."""
        batch = Batch(self._client)
        put_move(batch, move, expected=expected)
        return batch.commit()[0]

    def rows(self, connection_id: str) -> list[MovableRow]:
        """Reads all rows of a connection, in one query with eight fields of each."""
        found = self._rows(connection_id).select(_COMPARED).stream()
        return [MovableRow(HistoryRow.of(s.to_dict() or {}), version_of(s)) for s in found]

    def full_rows(self, connection_id: str, ids: Iterable[str]) -> dict[str, tuple[Mapping[str, Any], Version]]:
        """Reads rows with all fields: one read per row."""
        rows, left = self._rows(connection_id), iter(ids)
        found: dict[str, tuple[Mapping[str, Any], Version]] = {}
        while wanted := [rows.document(i) for i in islice(left, _GET_LIMIT)]:
            found |= {s.id: (s.to_dict() or {}, version_of(s)) for s in self._client.get_all(wanted) if s.exists}
        return found

    def archive(self, connection_id: str) -> list[StoredArchive]:
        """Reads the archive of a connection, in one query."""
        found = self._client.collection(CONNECTIONS, connection_id, ARCHIVE).stream()
        return [StoredArchive(cast("ArchivedTransaction", s.to_dict() or {}), version_of(s)) for s in found]

    def transfer(
        self, move: HistoryMove, *, expected: Version, steps: Sequence[MoveStep], product: PutProduct | None = None
    ) -> Version:
        """Takes steps of a move, in one commit with its record."""
        batch = Batch(self._client)
        put_move(batch, move, expected=expected)
        new, old = (f"{CONNECTIONS}/{name}" for name in (move.connection_id, move.from_connection_id))
        if product is not None:
            put_product(batch, product.state, expected=product.expected)
        if any(isinstance(step, MoveStream) for step in steps):
            batch.delete(f"{PRODUCT_STATES}/{product_id(move.from_connection_id or '', ProductKind.RECURRING)}")
        for step in steps:
            if isinstance(step, MoveStream):
                _move_stream(batch, step, move)
                continue
            if isinstance(step, ArchiveRow):
                fields = {**step.fields, "connection_id": move.connection_id, "app_user_id": move.app_user_id}
                name = step.fields["transaction_id"]
                batch.replace(f"{new}/{ARCHIVE}/{name}", fields)
                batch.delete(
                    f"{old}/{ARCHIVE if step.from_archive else TRANSACTIONS}/{name}",
                    expected=step.expected,
                )
                continue
            if isinstance(step, MoveNote):
                path = f"{new}/{TRANSACTIONS}/{step.new.row.transaction_id}"
                batch.merge(path, {"user": step.old.row.note}, _NOTE_MASK, expected=step.new.version)
            batch.delete(f"{old}/{TRANSACTIONS}/{step.old.row.transaction_id}", expected=step.old.version)
        return batch.commit()[0]

    def keep_saved_notes(self, move: HistoryMove, *, expected: Version) -> Version:
        """Updates notifications, in one query, and a commit per 400 that hold notes."""
        told = self._client.collection("users", move.app_user_id, NOTIFICATIONS)
        about_it = told.where(filter=FieldFilter("connection_id", "==", move.from_connection_id))
        kept = [s.reference.path for s in about_it.stream() if s.get("kind") == NotificationKind.NOTE_KEPT]
        for start in range(0, len(kept), _UPDATES_AT_ONCE):
            batch = Batch(self._client)
            put_move(batch, move, expected=expected)
            for path in kept[start : start + _UPDATES_AT_ONCE]:
                batch.update(path, {"connection_id": move.connection_id})
            expected = batch.commit()[0]
        return expected

    def is_empty(self, connection_id: str) -> bool:
        """Whether nothing is left below a connection to move: three queries that read one document at most."""
        names = (TRANSACTIONS, ARCHIVE, COLLECTION[ProductKind.RECURRING])
        places = [self._client.collection(CONNECTIONS, connection_id, name) for name in names]
        return not any(any(place.limit(1).stream()) for place in places)

    def end(self, ended: EndedMove) -> None:
        """Ends a move, in one commit."""
        batch = Batch(self._client)
        put_end(batch, ended)
        self._audit.append(batch, ended.audit)
        batch.commit()

    def _rows(self, connection_id: str) -> Any:
        return self._client.collection(CONNECTIONS, connection_id, TRANSACTIONS)


def put_end(batch: Batch, ended: EndedMove) -> None:
    """Adds the end of a move to a commit, without its audit entries."""
    move = ended.move
    if ended.continues is not None:
        put_move(batch, ended.continues, expected=ended.expected)
    else:
        delete_move(batch, move.connection_id, expected=ended.expected)
    batch.update(f"{CONNECTIONS}/{move.connection_id}", ended.fields)
    if ended.notification is not None:
        put_notification(batch, ended.notification, app_user_id=move.app_user_id)


def _move_stream(batch: Batch, step: MoveStream, move: HistoryMove) -> None:
    """Deletes an old stream, and writes its note on a stream of the new connection."""
    new, old = (rows_path(name, ProductKind.RECURRING) for name in (move.connection_id, move.from_connection_id or ""))
    if step.onto is not None:
        stream_id, version = step.onto
        batch.merge(f"{new}/{stream_id}", {"user": step.note}, _NOTE_MASK, expected=version)
    elif step.kept is not None:
        owner = {"connection_id": move.connection_id, "app_user_id": move.app_user_id}
        batch.replace(f"{new}/{step.kept.row_id}", {**step.kept.fields, **owner, "user": step.note})
    batch.delete(f"{old}/{step.old_id}", expected=step.old)


def _move(snapshot: Any) -> tuple[HistoryMove, Version]:
    return HistoryMove.model_validate(snapshot.to_dict()), version_of(snapshot)
