"""Faults of product syncs: plans, comparisons, windows, polls."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from shared.domain import poll_intervals
from shared.domain.products import investment_transactions
from shared.domain.products.snapshot import SnapshotChange, compare
from shared.domain.sync_state import SyncState
from shared.usecases.products import store_answer
from shared.usecases.products.plan_products import PlanProducts
from shared.usecases.products.request_products import ProductRequests
from tests.simulation.mutations import Patch, mutation

YEARS = timedelta(days=3_650)


@mutation
def sold_positions_stay() -> list[Patch]:
    """Rows that an answer no longer contains are not deleted."""

    def without_deletes(*given: Any, **more: Any) -> SnapshotChange:
        return replace(compare(*given, **more), deletes=(), inherited={})

    return [Patch(store_answer, "compare", without_deletes)]


@mutation
def products_planned_once() -> list[Patch]:
    """The products of a connection are planned after its first run only."""
    original = PlanProducts._needs_plan

    def needs_plan(self: PlanProducts, state: SyncState) -> bool:
        return not state.products and original(self, state)

    return [Patch(PlanProducts, "_needs_plan", needs_plan)]


@mutation
def products_not_polled() -> list[Patch]:
    """A product whose webhook is lost is not read until the next one."""
    return [Patch(poll_intervals, "PRODUCT", YEARS)]


@mutation
def product_webhooks_and_polls_ignored() -> list[Patch]:
    """A product is read once, and never again."""
    ignored = Patch(ProductRequests, "by_webhook", lambda self, webhook, connection_id: None)
    return [ignored, Patch(poll_intervals, "PRODUCT", YEARS)]


@mutation
def cancelled_trades_stay() -> list[Patch]:
    """A run reads only the days after the last one that it read, and the whole history once."""
    overlap = Patch(investment_transactions, "OVERLAP", timedelta(0))
    return [overlap, Patch(investment_transactions, "FULL_PASS_EVERY", YEARS)]
