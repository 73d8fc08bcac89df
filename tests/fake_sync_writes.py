"""The writes of a sync's commit on the fake store; the contract tests keep them equivalent to the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import singledispatch
from typing import TYPE_CHECKING, Any, TypeVar

from shared.domain.account import BalancesSource
from shared.domain.audit import AuditEntry
from shared.domain.connection import BankConnection
from shared.domain.errors import CommitTooLarge, Conflict, NotStorable
from shared.domain.notification import Notification
from shared.domain.sync_state import SyncState
from shared.domain.transaction import Transaction
from shared.ports import (
    AppendAudit,
    DeleteAccount,
    DeleteBalances,
    DeleteHandover,
    DeleteSetAside,
    DeleteTransactions,
    Handover,
    PutAccount,
    PutBalances,
    PutCredentials,
    PutHandover,
    PutInstitutionGuard,
    PutMark,
    PutNote,
    PutNotification,
    PutRemoval,
    PutSetAside,
    RecordRun,
    SettleDelivery,
    UpdateBalances,
    UpdateConnection,
    UpsertTransactions,
    Write,
)

if TYPE_CHECKING:
    from tests.fakes import FakeStore

W = TypeVar("W")


class Written:
    """The writes of one commit, for assertions in tests."""

    def __init__(self, writes: Sequence[Write]) -> None:
        self.writes = tuple(writes)

    def of(self, kind: type[W]) -> list[W]:
        """All writes of one kind."""
        return [write for write in self.writes if isinstance(write, kind)]

    @property
    def upserts(self) -> list[Transaction]:
        """The rows that were written."""
        return [row for write in self.of(UpsertTransactions) for row in write.rows]

    @property
    def new(self) -> set[str]:
        """Ids of the rows that were expected to be new."""
        return {i for write in self.of(UpsertTransactions) for i in write.new}

    @property
    def removals(self) -> list[str]:
        """Ids of the rows that were removed."""
        return [i for write in self.of(DeleteTransactions) for i in write.versions]

    @property
    def handover(self) -> Handover | None:
        """The data that was left to a continuation."""
        return next((write.handover for write in self.of(PutHandover)), None)

    @property
    def connection(self) -> dict[str, Any] | None:
        """The changed fields of the connection."""
        return next((dict(write.fields) for write in self.of(UpdateConnection)), None)

    @property
    def audit(self) -> list[AuditEntry]:
        """The entries that were appended."""
        return [entry for write in self.of(AppendAudit) for entry in write.entries]

    @property
    def notifications(self) -> list[Notification]:
        """The notifications for the user."""
        return [write.notification for write in self.of(PutNotification)]


def compare(store: FakeStore, connection_id: str, writes: Sequence[Write]) -> None:
    """Refuse what the real store refuses, before anything is written."""
    written = Written(writes)
    if len(written.upserts) + len(written.removals) > store.max_writes:
        raise CommitTooLarge
    if any(row["name"] in store.refuses for row in written.upserts):
        raise NotStorable
    expected = {i: version for write in written.of(DeleteTransactions) for i, version in write.versions.items()}
    expected |= {note.transaction_id: note.expected for note in written.of(PutNote) if note.expected is not None}
    if any(store.row_versions.get((connection_id, i)) != version for i, version in expected.items()):
        raise Conflict
    if any(store.kept_version(connection_id) != write.expected for write in written.of(PutCredentials)):
        raise Conflict
    updated = {write.account_id for write in written.of(UpdateBalances)}
    if not updated <= store.account_rows.get(connection_id, {}).keys():
        raise Conflict
    store.compare_marks([write.mark for write in written.of(PutMark)])


@singledispatch
def put(write: Write, store: FakeStore, state: SyncState) -> None:
    """Apply a write."""
    raise TypeError(f"the fake does not know {type(write).__name__}")


@put.register
def _(write: UpsertTransactions, store: Any, state: SyncState) -> None:
    rows = store.rows[state.connection_id]
    for new in write.rows:
        transaction_id = new["transaction_id"]
        assert write.ready.get(transaction_id, new) == new, "the prepared rows differ from those to be written"
        kept = {"user": rows[transaction_id]["user"]} if "user" in rows.get(transaction_id, {}) else {}
        mark = {"run": state.run} if transaction_id in write.marked else {}
        store.put_row(state.connection_id, transaction_id, {**new, **kept, **mark})


@put.register
def _(write: PutNote, store: Any, state: SyncState) -> None:
    row = store.rows[state.connection_id].get(write.transaction_id, {})
    store.put_row(state.connection_id, write.transaction_id, {**row, "user": write.note})


@put.register
def _(write: DeleteTransactions, store: Any, state: SyncState) -> None:
    for transaction_id in write.versions:
        store.rows[state.connection_id].pop(transaction_id, None)


@put.register
def _(write: PutAccount, store: Any, state: SyncState) -> None:
    account_id = write.account["account_id"]
    store.account_rows[state.connection_id][account_id] = write.account
    store.balances_read[state.connection_id, account_id] = (state.updated_at, BalancesSource.CACHED)


@put.register
def _(write: DeleteAccount, store: Any, state: SyncState) -> None:
    store.account_rows[state.connection_id].pop(write.account_id, None)


@put.register
def _(write: PutBalances, store: Any, state: SyncState) -> None:
    store.put_balances(state.connection_id, state.app_user_id, write.change)


@put.register
def _(write: DeleteBalances, store: Any, state: SyncState) -> None:
    store.delete_balances(state.connection_id, write.account_id, write.months)


@put.register
def _(write: UpdateBalances, store: Any, state: SyncState) -> None:
    store.update_balances(state.connection_id, write)


@put.register
def _(write: PutMark, store: Any, _state: SyncState) -> None:
    store.put_marks([write.mark])


@put.register
def _(write: UpdateConnection, store: Any, state: SyncState) -> None:
    merged = store.connections[state.connection_id].model_dump() | write.fields
    store.connections[state.connection_id] = BankConnection.model_validate(merged)


@put.register
def _(write: PutInstitutionGuard, store: Any, state: SyncState) -> None:
    store.institution_guards[state.app_user_id, write.institution_id] = store.next_version()


@put.register
def _(write: PutNotification, store: Any, _state: SyncState) -> None:
    news = write.notification
    before = store.notifications.get(news.notification_id)
    read_at = before.read_at if before is not None else None
    store.notifications[news.notification_id] = news.model_copy(update={"read_at": read_at})


@put.register
def _(write: AppendAudit, store: Any, _state: SyncState) -> None:
    store._append(write.entries)


@put.register
def _(write: PutRemoval, store: Any, _state: SyncState) -> None:
    store.put_tombstone(write.removal)
    store.moves.pop(write.removal.connection_id, None)


@put.register
def _(write: PutCredentials, store: Any, _state: SyncState) -> None:
    store.put_kept(write.token)


@put.register
def _(write: SettleDelivery, store: Any, _state: SyncState) -> None:
    store.deliveries[write.delivery_id] = replace(store.deliveries[write.delivery_id], due_at=None, sweeps=0)


@put.register
def _(write: PutHandover, store: Any, state: SyncState) -> None:
    store.handovers[state.connection_id] = write.handover


@put.register
def _(_write: DeleteHandover, store: Any, state: SyncState) -> None:
    store.handovers.pop(state.connection_id, None)


@put.register
def _(_write: RecordRun, store: Any, state: SyncState) -> None:
    store.ended_runs.setdefault(state.connection_id, {})[state.run] = state.record()


@put.register
def _(write: PutSetAside, store: Any, state: SyncState) -> None:
    store.aside.setdefault(state.connection_id, {})[write.row.key] = replace(write.row, run=state.run)


@put.register
def _(write: DeleteSetAside, store: Any, state: SyncState) -> None:
    store.aside.get(state.connection_id, {}).pop(write.key, None)
