"""Typed factories of the use cases of syncs, built on `container.py`."""

from functools import partial
from typing import TYPE_CHECKING

from shared.serving import container, products_container
from shared.serving.container import sync_requests as sync_requests

if TYPE_CHECKING:
    from shared.domain.sync_state import SyncState
    from shared.usecases.sync.pause_syncs import SyncPauses
    from shared.usecases.sync.record_balances import BalanceHistory
    from shared.usecases.sync.run_sync import RunSync
    from shared.usecases.sync.schedule_syncs import Scheduler

SCHEDULED_AT_ONCE = 16  # states that the scheduler processes concurrently, over pooled connections


def run_sync() -> "RunSync":
    """Runs syncs."""
    from shared.usecases.sync.run_sync import RunSync

    return RunSync(
        connections=container.connections(),
        credentials=container.credentials(),
        syncs=container.syncs(),
        paused=container.recently_paused(),
        plaid=container.plaid(),
        refresh=container.transactions_refresh(),
        vault=container.vault(),
        queue=container.sync_queue(),
        tasks=container.tasks(),
        status_events=container.status_events(),
        clock=container.clock(),
        executors=container.executors(),
        sleep=container.sleep,
        plan_products=products_container.plan_products().after_sync,
    )


def balance_history() -> "BalanceHistory":
    """Stores the history of balances."""
    from shared.usecases.sync.record_balances import BalanceHistory

    return BalanceHistory(connections=container.connections(), syncs=container.syncs(), clock=container.clock())


def scheduler() -> "Scheduler[SyncState]":
    """Requeues due syncs."""
    from shared.usecases.enqueue import enqueue_due
    from shared.usecases.sync.schedule_syncs import Scheduler

    return Scheduler(
        syncs=container.syncs(),
        paused=container.paused(),
        enqueue=partial(enqueue_due, container.sync_queue()),
        clock=container.clock(),
        executors=container.executors(),
        at_once=SCHEDULED_AT_ONCE,
    )


def sync_pauses() -> "SyncPauses":
    """Pauses and resumes syncs."""
    from shared.usecases.sync.pause_syncs import SyncPauses

    return SyncPauses(paused=container.paused(), clock=container.clock())
