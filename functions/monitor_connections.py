"""Daily: connection checks, audit signatures, exchange sweep, institution refresh, token re-encryption and rotation."""

from firebase_functions import scheduler_fn

from shared import service_accounts
from shared.serving import audit_container, container, items_container, linking_container, tokens_container
from shared.serving.guards import event_handler, run_steps
from shared.serving.sizes import SMALL_CPU
from shared.settings import PLAID_SECRETS


@scheduler_fn.on_schedule(
    cpu=SMALL_CPU,
    concurrency=1,
    schedule="30 4 * * *",  # a cron expression, so that Cloud Scheduler sends the time that it fires for
    secrets=[*PLAID_SECRETS, "AUDIT_KEYSET"],
    timeout_sec=540,
    service_account=service_accounts.SCHEDULE,
)
@event_handler
def monitor_connections(event: scheduler_fn.ScheduledEvent) -> None:
    """Idempotent."""

    def _connections() -> None:
        items_container.daily_checks().start(event.schedule_time)

    # The steps that no other schedule repeats come first. While Plaid does not answer, the intents take two minutes
    # and the institutions three; the tokens take one.
    run_steps(_connections, _audit, _keys, _intents, _institutions, _tokens)


def _intents() -> None:
    linking_container.sweep_exchanges()()


def _institutions() -> None:
    linking_container.refresh_institutions()()


def _tokens() -> None:
    tokens_container.rotation_requests().request_all_older_than(container.settings().rotate_tokens_after)


def _audit() -> None:
    audit_container.sign_audit()()
    audit_container.drop_audit()()


def _keys() -> None:
    tokens_container.reencryption()()
