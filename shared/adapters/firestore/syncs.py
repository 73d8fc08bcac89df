"""Sync states in Firestore, and the commits of runs.

bank_sync_state/{connection_id}       the whole state; its update time is what every commit compares
bank_sync_progress/{connection_id}    its projection for clients
bank_sync_runs/{connection_id}-{run}  the runs that have ended, for operators
bank_set_aside/{connection_id}-{key}  rows that cannot be stored as transactions, for operators
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from google.cloud.firestore_v1.base_query import FieldFilter

from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.firestore.commit import Batch, mask_of, version_of
from shared.adapters.firestore.credentials import put_credentials
from shared.adapters.firestore.due_documents import due_documents
from shared.adapters.firestore.encoding import encoded
from shared.adapters.firestore.errors import translates_outages
from shared.adapters.firestore.link_guards import guard_fields, guard_path
from shared.adapters.firestore.removal_tombstones import put_removal
from shared.adapters.firestore.set_aside import delete_set_aside, put_set_aside, set_aside_of
from shared.adapters.firestore.webhook_inbox import settle_delivery
from shared.domain.account import Account
from shared.domain.errors import AlreadyThere
from shared.domain.notification import Notification
from shared.domain.progress import RunRecord
from shared.domain.set_aside import SetAsideRow
from shared.domain.sync_state import SyncState
from shared.domain.transaction import Transaction
from shared.log import log
from shared.ports import Handover, Loaded, Mark, RowRemoval, Version, Writes

if TYPE_CHECKING:
    from google.cloud import firestore

STATES = "bank_sync_state"
PROGRESS = "bank_sync_progress"
CONNECTIONS = "bank_connections"
ACCOUNTS = "bank_accounts"
TRANSACTIONS = "bank_transactions"
HANDOVERS = "bank_sync_handover"
RUNS = "bank_sync_runs"
RUNS_KEPT = timedelta(days=90)  # by a TTL policy on `expires_at`
NOTIFICATIONS = "bank_notifications"
MARK = "run"  # on a streamed row: the number of the run that wrote it

_ROW_MASK = mask_of([*Transaction.__annotations__, "connection_id", "app_user_id", MARK])
_NOTES_MASK = mask_of(["user"])
_TOLD_MASK = mask_of(["kind", "connection_id", "title", "body", "created_at"])
_IN_LIMIT = 30  # values of an `in` query
_GET_LIMIT = 1_000  # names of one request, whose size is bounded


@translates_outages
class FirestoreSyncs:
    """The port `Syncs`."""

    def __init__(self, client: "firestore.Client", *, audit: FirestoreAudit) -> None:
        self._client = client
        self._audit = audit

    def load(self, connection_id: str) -> Loaded | None:
        """One read."""
        snapshot = self._client.document(STATES, connection_id).get()
        return _loaded(snapshot) if snapshot.exists else None

    def save(self, state: SyncState, *, expected: Version, writes: Writes = Writes()) -> Version:  # noqa: B008 (frozen)
        """One commit; one more if a row is there that was taken for new."""
        try:
            return self._save(state, expected, writes, new=writes.new)
        except AlreadyThere:
            if not writes.new:
                raise
            return self._save(state, expected, writes, new=frozenset())

    def _save(self, state: SyncState, expected: Version, writes: Writes, *, new: frozenset[str]) -> Version:
        batch = Batch(self._client)
        batch.replace(f"{STATES}/{state.connection_id}", state.model_dump(), expected=expected)
        batch.replace(f"{PROGRESS}/{state.connection_id}", state.progress().model_dump())
        root = f"{CONNECTIONS}/{state.connection_id}"
        owner = {"connection_id": state.connection_id, "app_user_id": state.app_user_id}
        notes = [gone for gone in writes.removals if gone.notes is not None and gone.successor is not None]
        for gone in notes:
            if gone.heir is not None:  # before anything else in this commit gives the row a new version
                _put_notes(batch, f"{root}/{TRANSACTIONS}/{gone.successor}", gone)
        for row in writes.upserts:
            transaction_id = row["transaction_id"]
            path = f"{root}/{TRANSACTIONS}/{transaction_id}"
            mark = {MARK: state.run} if transaction_id in writes.marked else {}
            ready = writes.ready.get(transaction_id, b"")
            fields = mark if ready else {**row, **owner, **mark}
            if transaction_id in new:  # a fifth fewer bytes than with the mask, which spares what the user wrote
                batch.create(path, fields, ready=ready)
            else:
                batch.merge(path, fields, _ROW_MASK, ready=ready)
        written = {row["transaction_id"] for row in writes.upserts}
        for gone in notes:
            if gone.heir is None and gone.successor in written:  # else it is not wanted any more, nor are its notes
                _put_notes(batch, f"{root}/{TRANSACTIONS}/{gone.successor}", gone)
        for gone in writes.removals:
            batch.delete(f"{root}/{TRANSACTIONS}/{gone.transaction_id}", expected=gone.version)
        for account in writes.accounts:
            put_account(batch, account, owner=owner, now=state.updated_at)
        for account_id in writes.gone_accounts:
            batch.delete(f"{root}/{ACCOUNTS}/{account_id}")
        put_marks(batch, writes.marks)
        for told in writes.notifications:
            put_notification(batch, told, app_user_id=state.app_user_id)
        for delivery_id in writes.handled:
            settle_delivery(batch, delivery_id)
        if writes.removal is not None:
            put_removal(batch, writes.removal)
        if writes.credentials is not None:
            put_credentials(batch, writes.credentials[0], expected=writes.credentials[1])
        if writes.handover is not None:
            batch.replace(f"{HANDOVERS}/{state.connection_id}", asdict(writes.handover))
        if writes.ends_handover:
            batch.delete(f"{HANDOVERS}/{state.connection_id}")
        if writes.connection is not None:
            batch.update(root, writes.connection)
        if writes.guard is not None:
            latest = guard_fields(state.connection_id, now=state.updated_at)
            batch.replace(guard_path(state.app_user_id, writes.guard), latest)
        if writes.ends_run:
            kept = state.record().model_dump() | {"expires_at": state.updated_at + RUNS_KEPT}
            batch.replace(f"{RUNS}/{state.connection_id}-{state.run:08d}", kept)
        for aside in writes.set_aside:
            put_set_aside(batch, aside, owner=owner, run=state.run, now=state.updated_at)
        for key in writes.aside_gone:
            delete_set_aside(batch, state.connection_id, key)
        self._audit.append(batch, writes.audit)
        return batch.commit()[0]

    def due(self, now: datetime, *, limit: int) -> list[Loaded]:
        """One query; reads what it returns."""

        def unreadable(name: str) -> None:
            log.error("sync_state.unreadable", connection_id=name)

        return due_documents(self._client, STATES, now, limit=limit, read=_loaded, unreadable=unreadable)

    def marked(self, connection_id: str, runs: Iterable[int]) -> set[str]:
        """One query for each thirty runs."""
        rows, left, found = self._rows(connection_id), iter(runs), set()
        while some := list(islice(left, _IN_LIMIT)):
            query = rows.where(filter=FieldFilter(MARK, "in", some)).select([MARK])
            found |= {snapshot.id for snapshot in query.stream()}
        return found

    def transaction_ids(self, connection_id: str) -> set[str]:
        """Reads every row, without its fields."""
        return {snapshot.id for snapshot in self._rows(connection_id).select(["pending"]).stream()}

    def rows_of(self, connection_id: str, account_id: str) -> set[str]:
        """One query; reads the rows without their fields."""
        query = self._rows(connection_id).where(filter=FieldFilter("account_id", "==", account_id))
        return {snapshot.id for snapshot in query.select(["pending"]).stream()}

    def removals(
        self, connection_id: str, transaction_ids: Iterable[str], *, successors: Mapping[str, str]
    ) -> tuple[RowRemoval, ...]:
        """One read a row, and one more for the successor of a row with notes."""
        going = self._get(connection_id, transaction_ids, ["user", "name", "amount", "iso_currency_code", "date"])
        noted = {i: fields["user"] for i, (fields, _) in going.items() if fields.get("user")}
        heirs = {successors[i] for i in noted if i in successors}
        there = self._get(connection_id, heirs, ["user"])
        written = {i for i, (fields, _) in there.items() if fields.get("user")}
        found = []
        for i, (fields, version) in going.items():
            successor, heir = successors.get(i), None
            if i in noted and successor in written:
                successor = None
            elif i in noted and successor is not None:
                written.add(successor)  # it takes one row's notes
                heir = there[successor][1] if successor in there else None
            label = " ".join(str(fields.get(f) or "") for f in ("name", "amount", "iso_currency_code", "date"))
            found.append(RowRemoval(i, version, noted.get(i), successor, label, heir))
        return tuple(found)

    def ready(self, connection_id: str, app_user_id: str, rows: Sequence[Transaction]) -> Mapping[str, Any]:
        """Nothing of the store."""
        owner = {"connection_id": connection_id, "app_user_id": app_user_id}
        return {row["transaction_id"]: encoded({**row, **owner}) for row in rows}

    def unchanged(self, connection_id: str, rows: Sequence[Transaction], *, dirty: Collection[int]) -> set[str]:
        """One read a row."""
        stored = self._get(connection_id, [row["transaction_id"] for row in rows], [*Transaction.__annotations__, MARK])
        clean = {i: fields for i, (fields, _) in stored.items() if fields.pop(MARK, None) not in dirty}
        return {row["transaction_id"] for row in rows if clean.get(row["transaction_id"]) == row}

    def handover(self, connection_id: str) -> Handover | None:
        """One read."""
        left = self._client.document(HANDOVERS, connection_id).get().to_dict()
        if not left:
            return None
        return Handover(tuple(left["removed"]), left["successors"], left.get("cursors", b""))

    def set_aside(self, connection_id: str) -> list[SetAsideRow]:
        """One query; reads what it returns."""
        return set_aside_of(self._client, connection_id)

    def runs(self, connection_id: str) -> list[RunRecord]:
        """One query; reads what it returns."""
        query = self._client.collection(RUNS).where(filter=FieldFilter("connection_id", "==", connection_id))
        return sorted((RunRecord.model_validate(s.to_dict()) for s in query.stream()), key=lambda kept: kept.run)

    def _get(
        self, connection_id: str, ids: Iterable[str], fields: list[str]
    ) -> dict[str, tuple[dict[str, Any], Version]]:
        """Rows that exist, with their versions."""
        rows, left = self._rows(connection_id), iter(ids)
        found: dict[str, tuple[dict[str, Any], Version]] = {}
        while wanted := [rows.document(i) for i in islice(left, _GET_LIMIT)]:
            there = self._client.get_all(wanted, field_paths=fields)
            found |= {s.id: (s.to_dict() or {}, version_of(s)) for s in there if s.exists}
        return found

    def _rows(self, connection_id: str) -> Any:
        return self._client.collection(CONNECTIONS, connection_id, TRANSACTIONS)


def put_account(batch: Batch, account: Account, *, owner: dict[str, str], now: datetime) -> None:
    """Writes an account's document."""
    path = f"{CONNECTIONS}/{owner['connection_id']}/{ACCOUNTS}/{account['account_id']}"
    batch.replace(path, {**account, **owner, "updated_at": now})


def put_marks(batch: Batch, marks: Iterable[Mark]) -> None:
    """Says of accounts that exist what they are a duplicate of."""
    for mark in marks:
        path = f"{CONNECTIONS}/{mark.connection_id}/{ACCOUNTS}/{mark.account_id}"
        batch.update(path, {"duplicate_of": mark.duplicate_of}, expected=mark.expected)


def _put_notes(batch: Batch, path: str, gone: RowRemoval) -> None:
    batch.merge(path, {"user": gone.notes}, _NOTES_MASK, expected=gone.heir)


def put_notification(batch: Batch, told: Notification, *, app_user_id: str) -> None:
    """Writes a notification; one that was told before stays as read as it is."""
    fields = told.model_dump(exclude={"notification_id", "read_at"})
    batch.merge(f"users/{app_user_id}/{NOTIFICATIONS}/{told.notification_id}", fields, _TOLD_MASK)


def _loaded(snapshot: Any) -> Loaded:
    return Loaded(state=SyncState.model_validate(snapshot.to_dict()), version=version_of(snapshot))
