"""Sync states in Firestore, and the commits of runs.

bank_sync_state/{connection_id}       the whole state; its update time is what every commit compares
bank_sync_progress/{connection_id}    its projection for clients
"""

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from google.cloud.firestore_v1.base_query import FieldFilter

from shared.adapters.firestore_commit import Batch, mask_of, version_of
from shared.domain.account import Account
from shared.domain.progress import SyncState
from shared.domain.transaction import Transaction
from shared.ports import Carry, Loaded, Version, Writes

if TYPE_CHECKING:
    from google.cloud import firestore

STATES = "bank_sync_state"
PROGRESS = "bank_sync_progress"
CONNECTIONS = "bank_connections"
ACCOUNTS = "bank_accounts"
TRANSACTIONS = "bank_transactions"
MARK = "run"  # on a streamed row: the number of the run that wrote it

_ROW_MASK = mask_of([*Transaction.__annotations__, "connection_id", "app_user_id", MARK])
_NOTES_MASK = mask_of(["user"])
_IN_LIMIT = 30  # values of an `in` query


class FirestoreSyncs:
    """The port `Syncs`."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def load(self, connection_id: str) -> Loaded | None:
        """One read."""
        snapshot = self._client.document(STATES, connection_id).get()
        return _loaded(snapshot) if snapshot.exists else None

    def save(self, state: SyncState, *, expected: Version, writes: Writes = Writes()) -> Version:  # noqa: B008 (frozen)
        """One commit."""
        batch = Batch(self._client)
        batch.replace(f"{STATES}/{state.connection_id}", state.model_dump(), expected=expected)
        batch.replace(f"{PROGRESS}/{state.connection_id}", state.progress().model_dump())
        root = f"{CONNECTIONS}/{state.connection_id}"
        owner = {"connection_id": state.connection_id, "app_user_id": state.app_user_id}
        for row in writes.upserts:
            mark = {MARK: state.run} if row["transaction_id"] in writes.marked else {}
            batch.merge(f"{root}/{TRANSACTIONS}/{row['transaction_id']}", {**row, **owner, **mark}, _ROW_MASK)
        unchanged_since = {}
        for carry in writes.carries:
            unchanged_since[carry.pending_id] = carry.version
            if carry.notes is not None:
                batch.merge(f"{root}/{TRANSACTIONS}/{carry.posted_id}", {"user": carry.notes}, _NOTES_MASK)
        for transaction_id in writes.removals:
            batch.delete(f"{root}/{TRANSACTIONS}/{transaction_id}", expected=unchanged_since.get(transaction_id))
        for account in writes.accounts:
            put_account(batch, account, owner=owner, now=state.updated_at)
        if writes.connection is not None:
            batch.update(root, writes.connection)
        return batch.commit()[0]

    def due(self, now: datetime, *, limit: int) -> list[Loaded]:
        """One query; reads what it returns."""
        query = self._client.collection(STATES).where(filter=FieldFilter("due_at", "<=", now))
        return [_loaded(snapshot) for snapshot in query.order_by("due_at").limit(limit).stream()]

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

    def carries(self, connection_id: str, successors: dict[str, str]) -> tuple[Carry, ...]:
        """Two reads a row that is replaced."""
        rows = self._rows(connection_id)
        wanted = [rows.document(i) for pair in successors.items() for i in pair]
        found = {s.id: s for s in self._client.get_all(wanted, field_paths=["user"]) if s.exists}
        carries = []
        for pending_id, posted_id in successors.items():
            if (pending := found.get(pending_id)) is not None:
                posted = found.get(posted_id)
                written = posted is not None and "user" in (posted.to_dict() or {})
                notes = None if written else (pending.to_dict() or {}).get("user")
                carries.append(Carry(pending_id, posted_id, notes, version_of(pending)))
        return tuple(carries)

    def _rows(self, connection_id: str) -> Any:
        return self._client.collection(CONNECTIONS, connection_id, TRANSACTIONS)


def put_account(batch: Batch, account: Account, *, owner: dict[str, str], now: datetime) -> None:
    """Writes an account's document."""
    path = f"{CONNECTIONS}/{owner['connection_id']}/{ACCOUNTS}/{account['account_id']}"
    batch.replace(path, {**account, **owner, "updated_at": now})


def _loaded(snapshot: Any) -> Loaded:
    return Loaded(state=SyncState.model_validate(snapshot.to_dict()), version=version_of(snapshot))
