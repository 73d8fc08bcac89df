"""Requests product syncs after webhooks, and for operators."""

from collections.abc import Collection
from dataclasses import dataclass

from shared import trace
from shared.domain.products.kinds import ProductKind, ProductStatus
from shared.domain.products.product_state import ProductState, product_id
from shared.domain.progress import SyncStatus
from shared.domain.webhook import Webhook
from shared.log import log
from shared.ports import Clock, ProductSyncs, Tasks
from shared.ports.compare_and_set import retry_on_conflict
from shared.usecases.enqueue import enqueue_product

MAX_TRIES = 20  # of a compare-and-set against a run that commits a few times a second


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRequests:
    """Records that a product sync is requested, and enqueues it; if a run is working already, another run follows it.

    `kinds` are the products that the operator has turned on; requests of others cost nothing.
    """

    kinds: frozenset[ProductKind]
    products: ProductSyncs
    tasks: Tasks
    clock: Clock

    def by_webhook(self, webhook: Webhook, connection_id: str) -> None:
        """Requests a sync after a webhook about new data of a product."""
        if webhook.product is not None:
            self._request(connection_id, webhook.product)

    def by_operator(self, connection_id: str, kinds: Collection[ProductKind]) -> list[ProductState]:
        """Requests runs for an operator, now, even of products that Plaid refused.

        Returns:
            The states after the request; of products that are turned off or have no accounts, none.
        """
        found = (self._request(connection_id, kind) for kind in kinds)
        return [state for state in found if state is not None]

    def _request(self, connection_id: str, kind: ProductKind) -> ProductState | None:
        if kind not in self.kinds:
            return None
        state = retry_on_conflict(lambda: self._save(connection_id, kind), tries=MAX_TRIES)
        if state is None:
            return None
        log.info("product.requested", connection_id=connection_id, product=kind, status=state.status)
        if state.status is SyncStatus.PENDING:
            enqueue_product(self.tasks, state, f"q{state.requested}")
        return state

    def _save(self, connection_id: str, kind: ProductKind) -> ProductState | None:
        """The state after the request; None if there is nothing to sync."""
        loaded = self.products.load(product_id(connection_id, kind))
        if loaded is None or loaded.state.outcome is ProductStatus.OFF or not loaded.state.account_ids:
            return None
        state = loaded.state.request(now=self.clock.now(), trace=trace.carried())
        state = state.model_copy(update={"ask_again_at": None})  # there may be an answer now
        self.products.save(state, expected=loaded.version)
        return state
