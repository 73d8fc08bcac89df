"""Plans the product syncs of a connection after a sync of transactions; the connection's settings decide which."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared import trace
from shared.domain.account import Account
from shared.domain.product_plan import plan_key
from shared.domain.products.kinds import ProductKind, ProductStatus, fitting_accounts, is_offered
from shared.domain.products.product_state import ProductState
from shared.domain.progress import SyncStatus
from shared.domain.sync_state import SyncState
from shared.log import log
from shared.ports import Clock, Connections, Institutions, LoadedProduct, ProductSyncs, PutProduct, Syncs, Tasks
from shared.ports.compare_and_set import retry_on_conflict
from shared.usecases.enqueue import enqueue_product

MAX_TRIES = 20  # of a compare-and-set against runs that commit a few times a second


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanProducts:
    """Creates and changes the states of products; `kinds` are those that the operator has turned on."""

    kinds: frozenset[ProductKind]
    connections: Connections
    institutions: Institutions
    syncs: Syncs
    products: ProductSyncs
    tasks: Tasks
    clock: Clock

    def after_sync(self, state: SyncState) -> None:
        """Plans the products if anything that a plan depends on has changed; else this reads and writes nothing.

        A plan that is lost with its process is made after the next run.

        Args:
            state: The state of the sync of transactions after a run.

        Raises:
            Unavailable: The store did not answer, or other writers were faster each time.
        """
        if not self._needs_plan(state):
            return
        planned = retry_on_conflict(lambda: self._plan(state.connection_id), tries=MAX_TRIES)
        if planned:
            log.info("product.planned", connection_id=state.connection_id, products=[one.kind for one in planned])
        for product in planned:
            if product.status is SyncStatus.PENDING:
                enqueue_product(self.tasks, product, f"q{product.requested}")

    def _needs_plan(self, state: SyncState) -> bool:
        completed = state.status is SyncStatus.COMPLETED and not state.stopped
        return completed and bool(self.kinds or state.products) and state.products_for != self._key(state)

    def _key(self, state: SyncState) -> str:
        return plan_key(
            self.kinds,
            account_ids=state.account_ids,
            revoked=state.revoked_accounts,
            source=state.source,
            history=state.history_complete,
        )

    def _plan(self, connection_id: str) -> Sequence[ProductState]:
        """Commits a plan of all products of the connection; returns their new states."""
        loaded = self.syncs.load(connection_id)
        if loaded is None or not self._needs_plan(loaded.state):
            return ()
        parent = loaded.state
        kinds = self.kinds | {ProductKind(kind) for kind in parent.products}
        accounts = [
            one for one in self.connections.accounts_of(connection_id) if one["account_id"] in parent.account_ids
        ]
        known = self.products.of_connection(connection_id, kinds)
        bank = self.institutions.find(parent.source) if parent.source is not None else None
        offered = {kind for kind in kinds if is_offered(kind, bank.country_codes if bank is not None else ())}
        planned = {
            kind: self._planned(parent, kind, known.get(kind), accounts, offered=kind in offered)
            for kind in sorted(kinds)
        }
        puts = [PutProduct(state, known[kind].version if kind in known else None) for kind, state in planned.items()]
        state = parent.products_planned(kinds, key=self._key(parent)).touched()
        self.syncs.save(state, expected=loaded.version, writes=puts)
        return tuple(planned.values())

    def _planned(
        self,
        parent: SyncState,
        kind: ProductKind,
        known: LoadedProduct | None,
        accounts: Sequence[Account],
        *,
        offered: bool,
    ) -> ProductState:
        now = self.clock.now()
        if known is None:
            owner = parent.app_user_id
            state = ProductState.new(kind, connection_id=parent.connection_id, app_user_id=owner, now=now)
        else:
            state = known.state.touched()
        if kind not in self.kinds:
            return state if state.outcome is ProductStatus.OFF else state.switched_off(now=now)
        return state.planned(
            account_ids=fitting_accounts(kind, accounts),
            revoked=parent.revoked_accounts,
            source=parent.source,
            is_offered=offered,
            waits=kind is ProductKind.RECURRING and not parent.history_complete,
            now=now,
            trace=trace.carried(),
        )
