"""Sync states in Firestore: reads, and the commits of runs."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from google.cloud.firestore_v1.base_query import FieldFilter

from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.firestore.balances import find_bookings, find_months
from shared.adapters.firestore.commit import Batch, version_of
from shared.adapters.firestore.due_documents import due_documents
from shared.adapters.firestore.encoding import encoded
from shared.adapters.firestore.errors import translates_outages
from shared.adapters.firestore.set_aside import set_aside_of
from shared.adapters.firestore.sync_writes import (
    CONNECTIONS,
    HANDOVERS,
    PROGRESS,
    RUN_FIELD,
    RUNS,
    STATES,
    TRANSACTIONS,
    SyncCommit,
    put,
)
from shared.domain.balance_history import BalanceMonth, Booking
from shared.domain.errors import AlreadyThere
from shared.domain.inherited_notes import LABEL_FIELDS, label_of
from shared.domain.progress import RunRecord
from shared.domain.set_aside import SetAsideRow
from shared.domain.sync_state import SyncState
from shared.domain.transaction import Transaction
from shared.log import log
from shared.ports import Handover, Loaded, StoredRow, UpsertTransactions, Version, Write

if TYPE_CHECKING:
    from google.cloud import firestore

_IN_LIMIT = 30  # values of an `in` query
_GET_LIMIT = 1_000  # document names per request, whose size is limited


@translates_outages
class FirestoreSyncs:
    """The port `Syncs`."""

    def __init__(self, client: "firestore.Client", *, audit: FirestoreAudit) -> None:
        self._client = client
        self._audit = audit

    def load(self, connection_id: str) -> Loaded | None:
        """Loads a sync's state, in one read."""
        snapshot = self._client.document(STATES, connection_id).get()
        return _loaded(snapshot) if snapshot.exists else None

    def save(self, state: SyncState, *, expected: Version, writes: Sequence[Write] = ()) -> Version:
        """Stores a state and its writes, in one commit; a second one if a row that should be new exists."""
        try:
            return self._save(state, expected, writes)
        except AlreadyThere:
            if not any(isinstance(write, UpsertTransactions) and write.new for write in writes):
                raise
            return self._save(state, expected, [_without_new(write) for write in writes])

    def _save(self, state: SyncState, expected: Version, writes: Sequence[Write]) -> Version:
        batch = Batch(self._client)
        batch.replace(f"{STATES}/{state.connection_id}", state.model_dump(), expected=expected)
        batch.replace(f"{PROGRESS}/{state.connection_id}", state.progress().model_dump())
        commit = SyncCommit(batch, state, self._audit)
        for write in writes:
            put(write, commit)
        return batch.commit()[0]

    def due(self, now: datetime, *, limit: int) -> list[Loaded]:
        """Finds due syncs, in one query."""

        def unreadable(name: str) -> None:
            log.error("sync_state.unreadable", connection_id=name)

        return due_documents(self._client, STATES, now, limit=limit, read=_loaded, unreadable=unreadable)

    def marked(self, connection_id: str, runs: Iterable[int]) -> set[str]:
        """Finds the rows that these runs marked, in one query per thirty runs."""
        rows, left, found = self._rows(connection_id), iter(runs), set()
        while some := list(islice(left, _IN_LIMIT)):
            query = rows.where(filter=FieldFilter(RUN_FIELD, "in", some)).select([RUN_FIELD])
            found |= {snapshot.id for snapshot in query.stream()}
        return found

    def transaction_ids(self, connection_id: str) -> set[str]:
        """The ids of all rows of a connection; reads every row without its fields."""
        return {snapshot.id for snapshot in self._rows(connection_id).select(["pending"]).stream()}

    def rows_of(self, connection_id: str, account_id: str) -> set[str]:
        """The ids of an account's rows, in one query without their fields."""
        query = self._rows(connection_id).where(filter=FieldFilter("account_id", "==", account_id))
        return {snapshot.id for snapshot in query.select(["pending"]).stream()}

    def stored_rows(self, connection_id: str, transaction_ids: Iterable[str]) -> dict[str, StoredRow]:
        """Reads stored rows: one read per row."""
        found = self._get(connection_id, transaction_ids, ["user", *LABEL_FIELDS])
        return {i: StoredRow(version, fields.get("user"), label_of(fields)) for i, (fields, version) in found.items()}

    def ready(self, connection_id: str, app_user_id: str, rows: Sequence[Transaction]) -> Mapping[str, Any]:
        """Encodes rows, without a call to the store."""
        owner = {"connection_id": connection_id, "app_user_id": app_user_id}
        return {row["transaction_id"]: encoded({**row, **owner}) for row in rows}

    def unchanged(self, connection_id: str, rows: Sequence[Transaction], *, dirty: Collection[int]) -> set[str]:
        """Finds rows that are stored unchanged: one read per row."""
        stored = self._get(
            connection_id, [row["transaction_id"] for row in rows], [*Transaction.__annotations__, RUN_FIELD]
        )
        clean = {i: fields for i, (fields, _) in stored.items() if fields.pop(RUN_FIELD, None) not in dirty}
        return {row["transaction_id"] for row in rows if clean.get(row["transaction_id"]) == row}

    def bookings(self, connection_id: str, account_id: str) -> list[Booking]:
        """The posted transactions of an account: one read per row."""
        return find_bookings(self._client, connection_id, account_id)

    def balance_months(self, connection_id: str, account_id: str) -> list[BalanceMonth]:
        """The history of an account's balances: one read per month."""
        return find_months(self._client, connection_id, account_id)

    def handover(self, connection_id: str) -> Handover | None:
        """Loads the handover of a run, in one read."""
        left = self._client.document(HANDOVERS, connection_id).get().to_dict()
        if not left:
            return None
        return Handover(tuple(left["removed"]), left["successors"], left.get("cursors", b""))

    def set_aside(self, connection_id: str) -> list[SetAsideRow]:
        """Finds the rows that are set aside, in one query."""
        return set_aside_of(self._client, connection_id)

    def runs(self, connection_id: str) -> list[RunRecord]:
        """Finds the ended runs of a connection, in one query."""
        query = self._client.collection(RUNS).where(filter=FieldFilter("connection_id", "==", connection_id))
        return sorted((RunRecord.model_validate(s.to_dict()) for s in query.stream()), key=lambda kept: kept.run)

    def _get(
        self, connection_id: str, ids: Iterable[str], fields: list[str]
    ) -> dict[str, tuple[dict[str, Any], Version]]:
        """The fields and versions of the rows that exist."""
        rows, left = self._rows(connection_id), iter(ids)
        found: dict[str, tuple[dict[str, Any], Version]] = {}
        while wanted := [rows.document(i) for i in islice(left, _GET_LIMIT)]:
            there = self._client.get_all(wanted, field_paths=fields)
            found |= {s.id: (s.to_dict() or {}, version_of(s)) for s in there if s.exists}
        return found

    def _rows(self, connection_id: str) -> Any:
        return self._client.collection(CONNECTIONS, connection_id, TRANSACTIONS)


def _without_new(write: Write) -> Write:
    return replace(write, new=frozenset()) if isinstance(write, UpsertTransactions) else write


def _loaded(snapshot: Any) -> Loaded:
    return Loaded(state=SyncState.model_validate(snapshot.to_dict()), version=version_of(snapshot))
