"""Typed factories of the use cases of products, built on `container.py`."""

from functools import partial
from typing import TYPE_CHECKING

from shared.serving import container, tokens_container

if TYPE_CHECKING:
    from shared.domain.products.kinds import ProductKind
    from shared.domain.products.product_state import ProductState
    from shared.usecases.products.plan_products import PlanProducts
    from shared.usecases.products.request_products import ProductRequests
    from shared.usecases.products.run_product import RunProduct
    from shared.usecases.sync.schedule_syncs import Scheduler

SCHEDULED_AT_ONCE = 16  # states that the scheduler processes concurrently, over pooled connections


def kinds() -> "frozenset[ProductKind]":
    """The products that are synced."""
    return frozenset(container.settings().sync_products)


def plan_products() -> "PlanProducts":
    """Plans the products of connections."""
    from shared.usecases.products.plan_products import PlanProducts

    return PlanProducts(
        kinds=kinds(),
        connections=container.connections(),
        institutions=container.institutions(),
        syncs=container.syncs(),
        products=container.product_syncs(),
        tasks=container.tasks(),
        clock=container.clock(),
    )


def product_requests() -> "ProductRequests":
    """Requests product syncs."""
    from shared.usecases.products.request_products import ProductRequests

    return ProductRequests(
        kinds=kinds(), products=container.product_syncs(), tasks=container.tasks(), clock=container.clock()
    )


def run_product() -> "RunProduct":
    """Runs product syncs."""
    from shared.usecases.products.run_product import RunProduct

    return RunProduct(
        kinds=kinds(),
        products=container.product_syncs(),
        paused=container.recently_paused(),
        plaid=container.plaid_products(),
        access_tokens=tokens_container.access_tokens(),
        budgets=container.budgets(),
        tasks=container.tasks(),
        clock=container.clock(),
        sleep=container.sleep,
        read_accounts=container.sync_requests().by_product,
    )


def scheduler() -> "Scheduler[ProductState]":
    """Requeues due product syncs."""
    from shared.usecases.enqueue import enqueue_product
    from shared.usecases.sync.schedule_syncs import Scheduler

    return Scheduler(
        syncs=container.product_syncs(),
        paused=container.paused(),
        enqueue=partial(enqueue_product, container.tasks()),
        clock=container.clock(),
        executors=container.executors(),
        at_once=SCHEDULED_AT_ONCE,
    )
