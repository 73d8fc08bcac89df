"""Every 15 minutes: the orchestrator, and whatever else was left behind."""

from firebase_functions import scheduler_fn

from shared import service_accounts
from shared.serving import container
from shared.serving.guards import event_handler, run_steps
from shared.usecases.items.sweep_inbox import sweep_inbox
from shared.usecases.linking.sweep_exchanges import sweep_exchanges
from shared.usecases.measure_health import measure_health
from shared.usecases.removal.sweep_removals import sweep_removals
from shared.usecases.sync.schedule_syncs import schedule_syncs as schedule

AT_ONCE = 16  # waits side by side, on connections that are kept


@scheduler_fn.on_schedule(
    schedule="every 15 minutes", secrets=["PLAID_SECRET"], timeout_sec=540, service_account=service_accounts.SCHEDULE
)
@event_handler
def schedule_syncs(_event: scheduler_fn.ScheduledEvent) -> None:
    """An extra turn is harmless: only what is due is touched."""
    run_steps(_syncs, _inbox, _rotations, _removals, _intents, _health)


def _syncs() -> None:
    schedule(
        syncs=container.syncs(),
        paused=container.paused(),
        queue=container.sync_queue(),
        clock=container.clock(),
        at_once=AT_ONCE,
    )


def _inbox() -> None:
    sweep_inbox(inbox=container.inbox(), tasks=container.tasks(), clock=container.clock())


def _rotations() -> None:
    container.rotations().sweep()


def _removals() -> None:
    sweep_removals(
        removals=container.removals(), erasures=container.erasures(), tasks=container.tasks(), clock=container.clock()
    )


def _intents() -> None:
    sweep_exchanges(**container.for_sweep())


def _health() -> None:
    measure_health(figures=container.health_figures(), clock=container.clock())
