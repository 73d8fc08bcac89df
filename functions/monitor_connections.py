"""Every day: ends of consents, webhooks that never came, owners who are gone, broken exchanges, old keys."""

from firebase_functions import scheduler_fn

from shared import service_accounts
from shared.serving import audit_container, container, items_container, linking_container, tokens_container
from shared.serving.guards import event_handler, run_steps


@scheduler_fn.on_schedule(
    schedule="30 4 * * *",  # in this form Cloud Scheduler says for which time it fires
    secrets=["PLAID_SECRET", "AUDIT_KEYSET"],
    timeout_sec=540,
    service_account=service_accounts.SCHEDULE,
)
@event_handler
def monitor_connections(event: scheduler_fn.ScheduledEvent) -> None:
    """An extra run is harmless."""

    def _connections() -> None:
        items_container.daily_checks().start(event.schedule_time)

    # What nothing else makes up for comes first. Plaid, where it does not answer, takes the intents two minutes and the
    # institutions three; the tokens take one.
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
