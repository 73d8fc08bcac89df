"""Moves of notes on the fake store; the contract tests keep this fake equivalent to the real adapter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.domain.connection import BankConnection
from shared.domain.errors import CommitTooLarge, Conflict
from shared.domain.history_matching import HistoryRow
from shared.domain.history_move import HistoryMove
from shared.domain.notification import NotificationKind
from shared.domain.products.kinds import ProductKind
from shared.domain.products.product_state import product_id
from shared.ports import (
    ArchiveRow,
    DropRow,
    EndedMove,
    MovableRow,
    MoveNote,
    MoveStep,
    MoveStream,
    PutProduct,
    StoredArchive,
    Version,
)
from tests.fake_sync_writes import put_product

if TYPE_CHECKING:
    from tests.fakes import FakeStore


KEPT = NotificationKind.NOTE_KEPT
RECURRING = ProductKind.RECURRING


class FakeHistoryMoves:
    """The port `HistoryMoves`."""

    def __init__(self, store: FakeStore) -> None:
        self.store = store

    def find(self, connection_id: str) -> tuple[HistoryMove, Version] | None:
        return self.store.calls.around("moves.find", lambda: self.store.moves.get(connection_id))  # type: ignore[no-any-return]

    def due(self, now: datetime, *, limit: int) -> list[tuple[HistoryMove, Version]]:
        late = [one for one in self.store.moves.values() if one[0].due_at <= now]
        return sorted(late, key=lambda one: one[0].due_at)[:limit]

    def update(self, move: HistoryMove, *, expected: Version) -> Version:
        def call() -> Version:
            _compare_record(self.store, move.connection_id, expected)
            return _put(self.store, move)

        return self.store.calls.around("moves.update", call)

    def rows(self, connection_id: str) -> list[MovableRow]:
        def call() -> list[MovableRow]:
            rows = self.store.rows.get(connection_id, {})
            return [MovableRow(HistoryRow.of(rows[i]), self.store.row_versions[connection_id, i]) for i in sorted(rows)]

        return self.store.calls.around("moves.rows", call)  # type: ignore[no-any-return]

    def full_rows(self, connection_id: str, ids: Iterable[str]) -> dict[str, tuple[Mapping[str, Any], Version]]:
        def call() -> dict[str, tuple[Mapping[str, Any], Version]]:
            rows = self.store.rows.get(connection_id, {})
            return {i: (rows[i], self.store.row_versions[connection_id, i]) for i in ids if i in rows}

        return self.store.calls.around("moves.full_rows", call)  # type: ignore[no-any-return]

    def archive(self, connection_id: str) -> list[StoredArchive]:
        def call() -> list[StoredArchive]:
            return list(self.store.archives.get(connection_id, {}).values())

        return self.store.calls.around("moves.archive", call)  # type: ignore[no-any-return]

    def transfer(
        self, move: HistoryMove, *, expected: Version, steps: Sequence[MoveStep], product: PutProduct | None = None
    ) -> Version:
        def call() -> Version:
            if len(steps) > self.store.max_writes:
                raise CommitTooLarge
            _compare_record(self.store, move.connection_id, expected)
            if product is not None:
                stored = self.store.products.get(product.state.sync_id)
                if (stored.version if stored is not None else None) != product.expected:
                    raise Conflict
            for step in steps:
                _compare(self.store, move, step)
            for step in steps:
                _take(self.store, move, step)
            if any(isinstance(step, MoveStream) for step in steps):
                self.store.products.pop(product_id(move.from_connection_id or "", RECURRING), None)
            if product is not None:
                put_product(self.store, product.state)
            return _put(self.store, move)

        return self.store.calls.around("moves.transfer", call)

    def keep_saved_notes(self, move: HistoryMove, *, expected: Version) -> Version:
        def call() -> Version:
            told = self.store.notifications
            kept = [one for one in told.values() if one.connection_id == move.from_connection_id and one.kind == KEPT]
            if not kept:
                return expected
            _compare_record(self.store, move.connection_id, expected)
            for one in kept:
                told[one.notification_id] = one.model_copy(update={"connection_id": move.connection_id})
            return _put(self.store, move)

        return self.store.calls.around("moves.keep_saved_notes", call)

    def is_empty(self, connection_id: str) -> bool:
        def call() -> bool:
            streams = self.store.product_rows.get((connection_id, RECURRING))
            return not (self.store.rows.get(connection_id) or self.store.archives.get(connection_id) or streams)

        return self.store.calls.around("moves.is_empty", call)  # type: ignore[no-any-return]

    def end(self, ended: EndedMove) -> None:
        def call() -> None:
            compare_end(self.store, ended)
            self.store._append(ended.audit)
            put_end(self.store, ended)

        self.store.calls.around("moves.end", call)


def compare_end(store: FakeStore, ended: EndedMove, *, older: str | None = None) -> None:
    """Refuse the end of a move whose record, new connection or older record has changed."""
    _compare_record(store, ended.move.connection_id, ended.expected)
    if ended.move.connection_id not in store.connections:
        raise Conflict
    if older is not None and ended.older is not None:
        _compare_record(store, older, ended.older)


def put_end(store: FakeStore, ended: EndedMove) -> None:
    """Write the end of a move, without its audit entries."""
    connection_id = ended.move.connection_id
    if ended.continues is not None:
        _put(store, ended.continues)
    else:
        del store.moves[connection_id]
    merged = store.connections[connection_id].model_dump() | dict(ended.fields)
    store.connections[connection_id] = BankConnection.model_validate(merged)
    if ended.notification is not None:
        store.notifications[ended.notification.notification_id] = ended.notification


def _compare(store: FakeStore, move: HistoryMove, step: MoveStep) -> None:
    source = move.from_connection_id or ""
    match step:
        case MoveNote(old, new):
            _compare_row(store, source, old)
            _compare_row(store, move.connection_id, new)
        case DropRow(old):
            _compare_row(store, source, old)
        case ArchiveRow(fields, expected, from_archive=True):
            stored = store.archives.get(source, {}).get(fields["transaction_id"])
            if stored is None or stored.version != expected:
                raise Conflict
        case MoveStream(old_id, version, onto=onto):
            _compare_stream(store, source, old_id, version)
            if onto is not None:
                _compare_stream(store, move.connection_id, *onto)
        case ArchiveRow(fields, expected):
            _compare_version(store, source, fields["transaction_id"], expected)


def _compare_row(store: FakeStore, connection_id: str, one: MovableRow) -> None:
    _compare_version(store, connection_id, one.row.transaction_id, one.version)


def _compare_stream(store: FakeStore, connection_id: str, stream_id: str, expected: Version) -> None:
    if store.product_versions.get((connection_id, RECURRING, stream_id)) != expected:
        raise Conflict


def _compare_version(store: FakeStore, connection_id: str, transaction_id: str, expected: Version) -> None:
    there = transaction_id in store.rows.get(connection_id, {})
    if not there or store.row_versions[connection_id, transaction_id] != expected:
        raise Conflict


def _take(store: FakeStore, move: HistoryMove, step: MoveStep) -> None:
    rows = store.rows.get(move.from_connection_id or "", {})
    if isinstance(step, ArchiveRow):
        name = step.fields["transaction_id"]
        fields: Any = {**step.fields, "connection_id": move.connection_id, "app_user_id": move.app_user_id}
        store.archives.setdefault(move.connection_id, {})[name] = StoredArchive(fields, store.next_version())
        (store.archives.get(move.from_connection_id or "", {}) if step.from_archive else rows).pop(name)
        return
    if isinstance(step, MoveStream):
        _take_stream(store, move, step)
        return
    if isinstance(step, MoveNote):
        new = step.new.row.transaction_id
        store.put_row(move.connection_id, new, {**store.rows[move.connection_id][new], "user": step.old.row.note})
    rows.pop(step.old.row.transaction_id)


def _take_stream(store: FakeStore, move: HistoryMove, step: MoveStream) -> None:
    new = store.product_rows.setdefault((move.connection_id, RECURRING), {})
    if step.onto is not None:
        new[step.onto[0]]["user"] = dict(step.note or {})
        store.product_versions[move.connection_id, RECURRING, step.onto[0]] = store.next_version()
    elif step.kept is not None:
        owner = {"connection_id": move.connection_id, "app_user_id": move.app_user_id}
        new[step.kept.row_id] = {**step.kept.fields, **owner, "user": dict(step.note or {})}
        store.product_versions[move.connection_id, RECURRING, step.kept.row_id] = store.next_version()
    old = (move.from_connection_id or "", RECURRING)
    store.product_rows[old].pop(step.old_id)
    store.product_versions.pop((*old, step.old_id))


def _put(store: FakeStore, move: HistoryMove) -> Version:
    store.moves[move.connection_id] = (move, store.next_version())
    return store.moves[move.connection_id][1]


def _compare_record(store: FakeStore, connection_id: str, expected: Version) -> None:
    if store.moves.get(connection_id, (None, None))[1] != expected:
        raise Conflict
