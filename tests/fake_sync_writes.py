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
from shared.domain.products.product_state import ProductState
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
    Handover,
    LoadedProduct,
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
    Version,
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
    compare_products(store, connection_id, written)
    store.compare_marks([write.mark for write in written.of(PutMark)])


def compare_products(store: FakeStore, connection_id: str, written: Written) -> None:
    """Refuse what the real store refuses of the writes of products."""
    for product in written.of(PutProduct):
        stored = store.products.get(product.state.sync_id)
        if (stored.version if stored is not None else None) != product.expected:
            raise Conflict
    upserts = written.of(UpsertProductRows)
    rows = sum(len(one.rows) for one in upserts)
    deletes = written.of(DeleteProductRows)
    if rows + sum(len(one.versions) for one in deletes) > store.max_writes:
        raise CommitTooLarge
    if any(store.refuses & {str(value) for value in row.fields.values()} for one in upserts for row in one.rows):
        raise NotStorable
    for one in deletes:
        for row_id, version in one.versions.items():
            if store.product_versions.get((connection_id, one.kind, row_id)) != version:
                raise Conflict


def put_product(store: FakeStore, state: ProductState) -> Version:
    """Store a product's state and its projection."""
    stored = store.products.get(state.sync_id)
    if stored is None or stored.state != state:  # a write that does not change a document keeps its version
        store.products[state.sync_id] = LoadedProduct(state, store.next_version())
    store.product_views[state.sync_id] = state.progress()
    return store.products[state.sync_id].version


def drop_products(store: FakeStore, connection_id: str) -> None:
    """Delete the states of a connection's products."""
    for name in [name for name, one in store.products.items() if one.state.connection_id == connection_id]:
        del store.products[name]


@singledispatch
def put(write: Write, store: FakeStore, state: RunState) -> None:
    """Apply a write."""
    raise TypeError(f"the fake does not know {type(write).__name__}")


@put.register
def _(write: UpsertTransactions, store: Any, state: RunState) -> None:
    rows = store.rows[state.connection_id]
    for new in write.rows:
        transaction_id = new["transaction_id"]
        assert write.ready.get(transaction_id, new) == new, "the prepared rows differ from those to be written"
        kept = {"user": rows[transaction_id]["user"]} if "user" in rows.get(transaction_id, {}) else {}
        mark = {"run": state.run} if transaction_id in write.marked else {}
        store.put_row(state.connection_id, transaction_id, {**new, **kept, **mark})


@put.register
def _(write: PutNote, store: Any, state: RunState) -> None:
    row = store.rows[state.connection_id].get(write.transaction_id, {})
    store.put_row(state.connection_id, write.transaction_id, {**row, "user": write.note})


@put.register
def _(write: DeleteTransactions, store: Any, state: RunState) -> None:
    for transaction_id in write.versions:
        store.rows[state.connection_id].pop(transaction_id, None)


@put.register
def _(write: PutAccount, store: Any, state: RunState) -> None:
    account_id = write.account["account_id"]
    store.account_rows[state.connection_id][account_id] = write.account
    store.balances_read[state.connection_id, account_id] = (state.updated_at, BalancesSource.CACHED)


@put.register
def _(write: DeleteAccount, store: Any, state: RunState) -> None:
    store.account_rows[state.connection_id].pop(write.account_id, None)


@put.register
def _(write: PutBalances, store: Any, state: RunState) -> None:
    store.put_balances(state.connection_id, state.app_user_id, write.change)


@put.register
def _(write: DeleteBalances, store: Any, state: RunState) -> None:
    store.delete_balances(state.connection_id, write.account_id, write.months)


@put.register
def _(write: UpdateBalances, store: Any, state: RunState) -> None:
    store.update_balances(state.connection_id, write)


@put.register
def _(write: PutMark, store: Any, _state: RunState) -> None:
    store.put_marks([write.mark])


@put.register
def _(write: UpdateConnection, store: Any, state: RunState) -> None:
    merged = store.connections[state.connection_id].model_dump() | write.fields
    store.connections[state.connection_id] = BankConnection.model_validate(merged)


@put.register
def _(write: PutInstitutionGuard, store: Any, state: RunState) -> None:
    store.institution_guards[state.app_user_id, write.institution_id] = store.next_version()


@put.register
def _(write: PutNotification, store: Any, _state: RunState) -> None:
    news = write.notification
    before = store.notifications.get(news.notification_id)
    read_at = before.read_at if before is not None else None
    store.notifications[news.notification_id] = news.model_copy(update={"read_at": read_at})


@put.register
def _(write: AppendAudit, store: Any, _state: RunState) -> None:
    store._append(write.entries)


@put.register
def _(write: PutRemoval, store: Any, _state: RunState) -> None:
    store.put_tombstone(write.removal)
    store.moves.pop(write.removal.connection_id, None)
    drop_products(store, write.removal.connection_id)


@put.register
def _(write: PutCredentials, store: Any, _state: RunState) -> None:
    store.put_kept(write.token)


@put.register
def _(write: SettleDelivery, store: Any, _state: RunState) -> None:
    store.deliveries[write.delivery_id] = replace(store.deliveries[write.delivery_id], due_at=None, sweeps=0)


@put.register
def _(write: PutHandover, store: Any, state: RunState) -> None:
    store.handovers[state.connection_id] = write.handover


@put.register
def _(_write: DeleteHandover, store: Any, state: RunState) -> None:
    store.handovers.pop(state.connection_id, None)


@put.register
def _(_write: RecordRun, store: Any, state: RunState) -> None:
    assert isinstance(state, SyncState)
    store.ended_runs.setdefault(state.connection_id, {})[state.run] = state.record()


@put.register
def _(write: PutSetAside, store: Any, state: RunState) -> None:
    store.aside.setdefault(state.connection_id, {})[write.row.key] = replace(write.row, run=state.run)


@put.register
def _(write: DeleteSetAside, store: Any, state: RunState) -> None:
    store.aside.get(state.connection_id, {}).pop(write.key, None)


@put.register
def _(write: PutProduct, store: Any, state: RunState) -> None:
    put_product(store, write.state)


@put.register
def _(write: UpsertProductRows, store: Any, state: RunState) -> None:
    rows = store.product_rows.setdefault((state.connection_id, write.kind), {})
    for new in write.rows:
        note = write.notes.get(new.row_id, rows.get(new.row_id, {}).get("user"))
        user = {"user": note} if note is not None else {}
        owner = {"connection_id": state.connection_id, "app_user_id": state.app_user_id}
        rows[new.row_id] = {**new.fields, **owner, **user}
        store.product_versions[state.connection_id, write.kind, new.row_id] = store.next_version()


@put.register
def _(write: DeleteProductRows, store: Any, state: RunState) -> None:
    for row_id in write.versions:
        del store.product_rows[state.connection_id, write.kind][row_id]
        del store.product_versions[state.connection_id, write.kind, row_id]
