"""Removes an account, with its transactions, balances and rows of products, after its user revoked the consent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from shared.domain.connection import BankConnection
from shared.domain.products.kinds import ProductKind
from shared.domain.status import moment_of
from shared.domain.sync_state import SyncState
from shared.ports import (
    Clock,
    Connections,
    DeleteAccount,
    DeleteProductRows,
    DeleteSetAside,
    DeleteTransactions,
    ProductSyncs,
    PutProduct,
    Syncs,
    Write,
)
from shared.ports.compare_and_set import retry_on_conflict
from shared.usecases.apply_status_event import ConnectionChange, StatusEvents
from shared.usecases.mark_duplicates import OwnedAccounts
from shared.usecases.sync.record_balances import balances_to_delete

MAX_TRIES = 20  # of a compare-and-set against a run that commits a few times a second
ROWS_AT_ONCE = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveAccount:
    """Removes single accounts from connections."""

    connections: Connections
    syncs: Syncs
    products: ProductSyncs
    status_events: StatusEvents
    clock: Clock

    def __call__(self, connection_id: str, account_id: str) -> None:
        """Removes an account and its rows, after storing its revocation, which keeps late rows out.

        An interrupted call can be repeated: until the last commit, the account's document exists, or the revocation is
        not stored. If a sync deleted the account before the webhook arrived, the revocation is still recorded, and its
        user notified.

        Raises:
            Unavailable: The connection is busy: try again.
        """
        connection, before = self.connections.find(connection_id), self.syncs.load(connection_id)
        if connection is None or before is None:
            return
        is_stored = any(account["account_id"] == account_id for account in self.connections.accounts_of(connection_id))
        if not is_stored and account_id in before.state.revoked_accounts:
            return

        def revoke(state: SyncState) -> SyncState:
            return state.remove_account(account_id)

        def revoked(state: SyncState) -> list[Write]:
            return self._revoked_products(state, account_id)

        if is_stored:
            self._save(connection_id, revoked, revoke)
        elif before.state.products:  # the revocation itself is stored last: it shows that nothing is left to do
            self._save(connection_id, revoked)
        ids = sorted(self.syncs.rows_of(connection_id, account_id))
        for start in range(0, len(ids), ROWS_AT_ONCE):
            some = ids[start : start + ROWS_AT_ONCE]
            self._save(connection_id, lambda _, some=some: self._row_removals(connection_id, some))  # type: ignore[misc]
        self._remove_product_rows(connection_id, account_id)
        announced = self.status_events.revoke_account(connection, account_id)
        last = partial(self._account_removal, connection, account_id, announced)
        self._save(connection_id, lambda state: [*last(), *revoked(state)], revoke)

    def _save(
        self,
        connection_id: str,
        writes: Callable[[SyncState], Sequence[Write]],
        step: Callable[[SyncState], SyncState] = lambda state: state,
    ) -> None:
        """Commits the writes that belong to the state, and a step of it; each try makes both again."""

        def save() -> None:
            loaded = self.syncs.load(connection_id)
            if loaded is not None:
                written = writes(loaded.state)
                self.syncs.save(step(loaded.state).touched(), expected=loaded.version, writes=written)

        retry_on_conflict(save, tries=MAX_TRIES)

    def _row_removals(self, connection_id: str, ids: list[str]) -> list[Write]:
        stored = self.syncs.stored_rows(connection_id, ids)
        return [DeleteTransactions({transaction_id: row.version for transaction_id, row in stored.items()})]

    def _revoked_products(self, state: SyncState, account_id: str) -> list[Write]:
        """The products without the account, so that no run in flight writes its rows again."""
        if not state.products:
            return []
        found = self.products.of_connection(state.connection_id, _kinds(state)).values()
        now = self.clock.now()
        return [PutProduct(one.state.account_removed(account_id, now=now).touched(), one.version) for one in found]

    def _remove_product_rows(self, connection_id: str, account_id: str) -> None:
        """Deletes the account's rows of every product, in several commits.

        A product without a state belongs to a connection that is being removed: then its rows are deleted with all
        others.
        """
        loaded = self.syncs.load(connection_id)
        for kind in _kinds(loaded.state) if loaded is not None else ():
            removals = partial(self._product_removals, connection_id, kind, account_id)
            while removals():
                self._save(connection_id, lambda _, removals=removals: removals())  # type: ignore[misc]

    def _product_removals(self, connection_id: str, kind: ProductKind, account_id: str) -> list[Write]:
        """One commit's deletions; none if no row is left."""
        product = self.products.of_connection(connection_id, [kind]).get(kind)
        stored = self.products.stored_rows(connection_id, kind, account_id=account_id)
        if product is None or not stored.versions:
            return []
        some = dict(islice(stored.versions.items(), ROWS_AT_ONCE))
        state = product.state.account_removed(account_id, now=self.clock.now(), removed_rows=len(some))
        return [PutProduct(state.touched(), product.version), DeleteProductRows(kind, some)]

    def _account_removal(self, connection: BankConnection, account_id: str, announced: ConnectionChange) -> list[Write]:
        """The last commit: deletes the account, updates the connection, and marks duplicates that count now."""
        connection_id = connection.connection_id
        current = self.connections.find(connection_id) or connection  # a sync may have changed the accounts
        left = tuple(i for i in current.account_ids if i != account_id)
        changes = {"account_ids": left, "updated_at": moment_of(current, current.status, now=self.clock.now())}
        aside = [row for row in self.syncs.set_aside(connection_id) if row.account_id == account_id]
        accounts = (one for one in self.connections.accounts_of(connection_id) if one["account_id"] != account_id)
        owned = OwnedAccounts.read(current.app_user_id, connections=self.connections, beside=connection_id)
        marks = owned.with_connection(current, accounts).marks()
        change = replace(announced, fields=changes, marks=marks)
        return [
            DeleteAccount(account_id),
            *balances_to_delete(connection_id, [account_id], syncs=self.syncs),
            *change.writes(),
            *(DeleteSetAside(row.key) for row in aside),
        ]


def _kinds(state: SyncState) -> list[ProductKind]:
    return [ProductKind(kind) for kind in state.products]
