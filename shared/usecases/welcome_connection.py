"""A connection is new: start its first sync, and fetch what an app shows about its bank."""

from collections.abc import Callable

from shared import trace
from shared.domain.connection import BankConnection
from shared.domain.errors import Conflict
from shared.ports import Bank, Clock, Connections, Institutions, SyncQueue, Syncs, Vault
from shared.usecases.enqueue import enqueue
from shared.usecases.find_institution import find_institution

MAX_TRIES = 20


def start_first_sync(connection_id: str, *, syncs: Syncs, queue: SyncQueue) -> str | None:
    """Enqueues the run that the connection was created with (its state is `pending` already).

    Returns:
        The trace of the call that created it, if that is known.
    """
    loaded = syncs.load(connection_id)
    if loaded is None:
        return None
    if loaded.state.wanted:
        with trace.resumed(loaded.state.trace):
            enqueue(queue, connection_id, name=f"{connection_id}-q{loaded.state.requested}")
    return loaded.state.trace


def welcome_connection(
    connection_id: str,
    *,
    country_codes: tuple[str, ...],
    webhook_url: str | None,
    connections: Connections,
    institutions: Institutions,
    syncs: Syncs,
    bank: Bank,
    vault: Vault,
    clock: Clock,
    sleep: Callable[[float], None],
) -> None:
    """Fills in the institution, and sees to it that Plaid knows where to send webhooks. Twice is harmless.

    Raises:
        ProviderError: Plaid did not answer; the schedule will see to it again.
    """
    connection = connections.find(connection_id)
    sealed = connections.credentials(connection_id)
    if connection is None or sealed is None:
        return
    token = vault.open(sealed, app_user_id=connection.app_user_id, connection_id=connection_id)
    facts = bank.item(token)
    if webhook_url and facts.webhook_url != webhook_url:
        bank.set_webhook(token, webhook_url)
    institution_id = facts.institution_id or connection.institution_id
    learnt: dict[str, object] = {
        "institution_id": institution_id,
        "institution_name": facts.institution_name or connection.institution_name,
        "consent_expiration_time": facts.consent_expiration_time,
    }
    connections.describe(connection_id, learnt | {"updated_at": clock.now()})
    if institution_id is not None:
        info = find_institution(
            institution_id,
            country_codes=country_codes,
            institutions=institutions,
            bank=bank,
            clock=clock,
            sleep=sleep,
        )
        shown = {"institution_name": info.name, "institution": info.branding().model_dump()}
        connections.describe(connection_id, shown | {"updated_at": clock.now()})
    _mark_welcomed(connection, source=institution_id, syncs=syncs)


def _mark_welcomed(connection: BankConnection, *, source: str | None, syncs: Syncs) -> None:
    for _ in range(MAX_TRIES):
        loaded = syncs.load(connection.connection_id)
        if loaded is None or loaded.state.welcomed:
            return
        try:
            welcomed = loaded.state.model_copy(update={"welcomed": True, "source": source or loaded.state.source})
            syncs.save(welcomed, expected=loaded.version)
        except Conflict:
            continue
        return
