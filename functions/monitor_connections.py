"""Every day: consents that end, webhooks that never came, owners who are gone, exchanges that broke off."""

from firebase_functions import scheduler_fn

from shared import container
from shared.entry import guarded_event
from shared.usecases.sign_audit import sign_audit


@scheduler_fn.on_schedule(schedule="every 24 hours", secrets=["PLAID_SECRET", "AUDIT_KEYSET"], timeout_sec=540)
@guarded_event
def monitor_connections(_event: scheduler_fn.ScheduledEvent) -> None:
    """An extra turn is harmless."""
    container.connections_monitor().begin()
    container.rotations().ask_aged(container.settings().rotate_tokens_after)
    sign_audit(audit=container.audit_log(), signer=container.signer(), clock=container.clock())
