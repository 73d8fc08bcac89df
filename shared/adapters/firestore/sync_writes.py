"""Applies the writes of a sync's commit to Firestore, in these documents:

bank_sync_state/{connection_id}       the whole state; every commit compares its update time
bank_sync_progress/{connection_id}    its projection for clients
bank_sync_handover/{connection_id}    data that a run hands over to its continuation
bank_sync_runs/{connection_id}-{run}  ended runs, for operators
bank_set_aside/{connection_id}-{key}  rows that cannot be stored as transactions, for operators
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import singledispatch
from typing import Any

from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.firestore.balances import delete_balances, put_balances
from shared.adapters.firestore.commit import Batch, mask_of
from shared.adapters.firestore.credentials import put_credentials
from shared.adapters.firestore.link_guards import guard_fields, guard_path
from shared.adapters.firestore.move_records import delete_move
from shared.adapters.firestore.product_documents import delete_products, put_product, put_row, rows_path
from shared.adapters.firestore.removal_tombstones import put_removal
from shared.adapters.firestore.set_aside import delete_set_aside, put_set_aside
from shared.adapters.firestore.webhook_inbox import settle_delivery
from shared.domain import retention
from shared.domain.account import Account, BalancesSource
from shared.domain.notification import Notification
from shared.domain.run_state import RunState
from shared.domain.sync_state import SyncState
from shared.domain.transaction import Transaction
from shared.ports import (
    AppendAudit,
    DeleteAccount,
    DeleteBalances,
    DeleteHandover,
    DeleteProductRows,
    DeleteSetAside,
    DeleteTransactions,
    Mark,
    PutAccount,
    PutBalances,
    PutCredentials,
    PutHandover,
    PutInstitutionGuard,
    PutMark,
    PutNote,
    PutNotification,
    PutProduct,
    PutRemoval,
    PutSetAside,
    RecordRun,
    SettleDelivery,
    UpdateBalances,
    UpdateConnection,
    UpsertProductRows,
    UpsertTransactions,
    Write,
)

STATES = "bank_sync_state"
PROGRESS = "bank_sync_progress"
CONNECTIONS = "bank_connections"
ACCOUNTS = "bank_accounts"
TRANSACTIONS = "bank_transactions"
HANDOVERS = "bank_sync_handover"
RUNS = "bank_sync_runs"
NOTIFICATIONS = "bank_notifications"
RUN_FIELD = "run"  # on a marked row: the number of the run that wrote it

_ROW_MASK = mask_of([*Transaction.__annotations__, "connection_id", "app_user_id", RUN_FIELD])
_NOTE_MASK = mask_of(["user"])
_NOTIFICATION_FIELDS = ["kind", "connection_id", "title", "body", "created_at"]
_NOTIFICATION_MASK = mask_of(_NOTIFICATION_FIELDS)
_OUTAGE_MASK = mask_of([*_NOTIFICATION_FIELDS, "outage_id"])


@dataclass(frozen=True, slots=True)
class SyncCommit:
    """A sync's commit under construction: the batch, and the state that it stores."""

    batch: Batch
    state: RunState
    audit: FirestoreAudit

    @property
    def owner(self) -> dict[str, str]:
        """The fields that identify a document's owner."""
        return {"connection_id": self.state.connection_id, "app_user_id": self.state.app_user_id}

    def path(self, *parts: str) -> str:
        """The path of the connection's document, or of a document below it."""
        return "/".join((CONNECTIONS, self.state.connection_id, *parts))


@singledispatch
def put(write: Write, commit: SyncCommit) -> None:  # noqa: ARG001 (the registered functions use it)
    """Adds a write to a commit.

    Raises:
        TypeError: There is no function for this kind of write.
    """
    raise TypeError(f"{type(write).__name__} cannot be written")


@put.register
def _put_transactions(write: UpsertTransactions, commit: SyncCommit) -> None:
    batch, owner, mark = commit.batch, commit.owner, {RUN_FIELD: commit.state.run}
    folder = commit.path(TRANSACTIONS)
    for row in write.rows:
        transaction_id = row["transaction_id"]
        path = f"{folder}/{transaction_id}"
        own_mark = mark if transaction_id in write.marked else {}
        ready = write.ready.get(transaction_id, b"")
        fields = own_mark if ready else {**row, **owner, **own_mark}
        if transaction_id in write.new:  # a fifth fewer bytes than with the mask, which protects the user's notes
            batch.create(path, fields, ready=ready)
        else:
            batch.merge(path, fields, _ROW_MASK, ready=ready)


@put.register
def _put_note(write: PutNote, commit: SyncCommit) -> None:
    path = commit.path(TRANSACTIONS, write.transaction_id)
    commit.batch.merge(path, {"user": write.note}, _NOTE_MASK, expected=write.expected)


@put.register
def _delete_transactions(write: DeleteTransactions, commit: SyncCommit) -> None:
    for transaction_id, version in write.versions.items():
        commit.batch.delete(commit.path(TRANSACTIONS, transaction_id), expected=version)


@put.register
def _put_account(write: PutAccount, commit: SyncCommit) -> None:
    put_account(commit.batch, write.account, owner=commit.owner, now=commit.state.updated_at)


@put.register
def _delete_account(write: DeleteAccount, commit: SyncCommit) -> None:
    commit.batch.delete(commit.path(ACCOUNTS, write.account_id))


@put.register
def _put_balances(write: PutBalances, commit: SyncCommit) -> None:
    put_balances(commit.batch, write.change, owner=commit.owner)


@put.register
def _delete_balances(write: DeleteBalances, commit: SyncCommit) -> None:
    delete_balances(commit.batch, commit.state.connection_id, write.account_id, write.months)


@put.register
def _update_balances(write: UpdateBalances, commit: SyncCommit) -> None:
    fields = {"balances": write.balances, **balances_read(write.source, now=write.at), "updated_at": write.at}
    commit.batch.update(commit.path(ACCOUNTS, write.account_id), fields)


@put.register
def _put_mark(write: PutMark, commit: SyncCommit) -> None:
    put_marks(commit.batch, [write.mark])


@put.register
def _update_connection(write: UpdateConnection, commit: SyncCommit) -> None:
    commit.batch.update(commit.path(), write.fields)


@put.register
def _put_institution_guard(write: PutInstitutionGuard, commit: SyncCommit) -> None:
    latest = guard_fields(commit.state.connection_id, now=commit.state.updated_at)
    commit.batch.replace(guard_path(commit.state.app_user_id, write.institution_id), latest)


@put.register
def _put_notification(write: PutNotification, commit: SyncCommit) -> None:
    put_notification(commit.batch, write.notification, app_user_id=commit.state.app_user_id)


@put.register
def _append_audit(write: AppendAudit, commit: SyncCommit) -> None:
    commit.audit.append(commit.batch, write.entries)


@put.register
def _put_removal(write: PutRemoval, commit: SyncCommit) -> None:
    put_removal(commit.batch, write.removal)
    delete_move(commit.batch, write.removal.connection_id)
    delete_products(commit.batch, write.removal.connection_id)


@put.register
def _put_credentials(write: PutCredentials, commit: SyncCommit) -> None:
    put_credentials(commit.batch, write.token, expected=write.expected)


@put.register
def _settle_delivery(write: SettleDelivery, commit: SyncCommit) -> None:
    settle_delivery(commit.batch, write.delivery_id)


@put.register
def _put_handover(write: PutHandover, commit: SyncCommit) -> None:
    commit.batch.replace(f"{HANDOVERS}/{commit.state.connection_id}", asdict(write.handover))


@put.register
def _delete_handover(_write: DeleteHandover, commit: SyncCommit) -> None:
    commit.batch.delete(f"{HANDOVERS}/{commit.state.connection_id}")


@put.register
def _record_run(_write: RecordRun, commit: SyncCommit) -> None:
    state = commit.state
    if not isinstance(state, SyncState):
        raise TypeError("only runs of transactions are recorded")
    fields = state.record().model_dump() | {"expires_at": state.updated_at + retention.RUN_RECORD}
    commit.batch.replace(f"{RUNS}/{state.connection_id}-{state.run:08d}", fields)


@put.register
def _put_set_aside(write: PutSetAside, commit: SyncCommit) -> None:
    state = commit.state
    put_set_aside(commit.batch, write.row, owner=commit.owner, run=state.run, now=state.updated_at)


@put.register
def _delete_set_aside(write: DeleteSetAside, commit: SyncCommit) -> None:
    delete_set_aside(commit.batch, commit.state.connection_id, write.key)


@put.register
def _put_product(write: PutProduct, commit: SyncCommit) -> None:
    put_product(commit.batch, write.state, expected=write.expected)


@put.register
def _put_product_rows(write: UpsertProductRows, commit: SyncCommit) -> None:
    for row in write.rows:
        put_row(commit.batch, write.kind, row, owner=commit.owner, note=write.notes.get(row.row_id))


@put.register
def _delete_product_rows(write: DeleteProductRows, commit: SyncCommit) -> None:
    folder = rows_path(commit.state.connection_id, write.kind)
    for row_id, version in write.versions.items():
        commit.batch.delete(f"{folder}/{row_id}", expected=version)


def put_account(batch: Batch, account: Account, *, owner: dict[str, str], now: datetime) -> None:
    """Writes an account's document."""
    path = f"{CONNECTIONS}/{owner['connection_id']}/{ACCOUNTS}/{account['account_id']}"
    batch.replace(path, {**account, **owner, **balances_read(BalancesSource.CACHED, now=now), "updated_at": now})


def balances_read(source: BalancesSource, *, now: datetime) -> dict[str, Any]:
    """The fields of an account that say when and where its balances were read."""
    return {"balances_at": now, "balances_source": source}


def put_marks(batch: Batch, marks: Iterable[Mark]) -> None:
    """Stores `duplicate_of` in existing accounts."""
    for mark in marks:
        path = f"{CONNECTIONS}/{mark.connection_id}/{ACCOUNTS}/{mark.account_id}"
        batch.update(path, {"duplicate_of": mark.duplicate_of}, expected=mark.expected)


def put_notification(batch: Batch, news: Notification, *, app_user_id: str) -> None:
    """Writes a notification; an existing one keeps its `read_at`."""
    fields = news.model_dump(exclude={"notification_id", "read_at"}, exclude_none=True)
    mask = _NOTIFICATION_MASK if news.outage_id is None else _OUTAGE_MASK
    batch.merge(f"users/{app_user_id}/{NOTIFICATIONS}/{news.notification_id}", fields, mask)
