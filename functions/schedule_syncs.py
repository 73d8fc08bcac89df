"""Every 15 minutes: starts syncs that are due, and resumes interrupted work."""

from firebase_functions import scheduler_fn

from shared import service_accounts
from shared.serving import (
    container,
    health_container,
    items_container,
    linking_container,
    products_container,
    removal_container,
    sync_container,
    tokens_container,
)
from shared.serving.guards import event_handler, run_steps
from shared.serving.sizes import SMALL_CPU
from shared.settings import PLAID_SECRETS


@scheduler_fn.on_schedule(
    cpu=SMALL_CPU,
    concurrency=1,
    schedule="every 15 minutes",
    secrets=PLAID_SECRETS,
    timeout_sec=540,
    service_account=service_accounts.SCHEDULE,
)
@event_handler
def schedule_syncs(_event: scheduler_fn.ScheduledEvent) -> None:
    """Idempotent: each step touches only what is due."""
    run_steps(_syncs, _products, _inbox, _rotations, _removals, _history_moves, _intents, _institutions, _health)


def _syncs() -> None:
    sync_container.scheduler().run()


def _products() -> None:
    if products_container.kinds():
        products_container.scheduler().run()


def _inbox() -> None:
    items_container.sweep_inbox()()


def _rotations() -> None:
    tokens_container.rotation_requests().sweep()


def _removals() -> None:
    removal_container.sweep_removals()()


def _history_moves() -> None:
    removal_container.sweep_history_moves()()


def _intents() -> None:
    linking_container.sweep_exchanges()()


def _institutions() -> None:
    health_container.watch_institutions()()


def _health() -> None:
    container.measure_health()()
