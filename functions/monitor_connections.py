"""Every day: ends of consents, webhooks that never came, owners who are gone, broken exchanges, old keys."""

from firebase_functions import scheduler_fn

from shared import service_accounts
from shared.serving import container
from shared.serving.guards import event_handler, run_steps
from shared.usecases.audit.drop_audit import drop_ended_audits
from shared.usecases.audit.sign_audit import sign_audit
from shared.usecases.linking.refresh_institutions import refresh_institutions
from shared.usecases.linking.sweep_exchanges import sweep_exchanges


@scheduler_fn.on_schedule(
    schedule="30 4 * * *",  # in this form Cloud Scheduler says for which time it fires
    secrets=["PLAID_SECRET", "AUDIT_KEYSET"],
    timeout_sec=540,
    service_account=service_accounts.SCHEDULE,
)
@event_handler
def monitor_connections(event: scheduler_fn.ScheduledEvent) -> None:
    """An extra turn is harmless."""

    def _connections() -> None:
        container.daily_checks().begin(event.schedule_time)

    # What nothing else makes up for comes first. Plaid, where it does not answer, takes the intents two minutes and the
    # institutions three; the tokens take one.
    run_steps(_connections, _audit, _keys, _intents, _institutions, _tokens)


def _intents() -> None:
    sweep_exchanges(**container.for_sweep())


def _institutions() -> None:
    refresh_institutions(**container.for_institutions())


def _tokens() -> None:
    container.rotations().ask_aged(container.settings().rotate_tokens_after)


def _audit() -> None:
    audit, clock = container.audit_log(), container.clock()
    sign_audit(audit=audit, signer=container.signer(), clock=clock)
    drop_ended_audits(audit=audit, clock=clock)


def _keys() -> None:
    container.reencryption()()
