"""A connection is new: start its first sync, and fetch what an app shows about its bank."""

from shared.domain.connection import BankConnection
from shared.domain.errors import Conflict, ProviderError
from shared.domain.institution import InstitutionInfo
from shared.domain.link import COUNTRIES
from shared.log import log
from shared.ports import Bank, Clock, Connections, Institutions, SyncQueue, Syncs, Vault
from shared.usecases.enqueue import enqueue

MAX_TRIES = 20


def start_first_sync(connection_id: str, *, syncs: Syncs, queue: SyncQueue) -> None:
    """Enqueues the run that the connection was created with (its state is `pending` already)."""
    loaded = syncs.load(connection_id)
    if loaded is not None and loaded.state.wanted:
        enqueue(queue, connection_id, name=f"{connection_id}-q{loaded.state.requested}")


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
            institution_id, country_codes=country_codes, institutions=institutions, bank=bank, clock=clock
        )
        shown = {"institution_name": info.name, "institution": info.branding().model_dump()}
        connections.describe(connection_id, shown | {"updated_at": clock.now()})
    _mark_welcomed(connection, syncs=syncs)


def find_institution(
    institution_id: str, *, country_codes: tuple[str, ...], institutions: Institutions, bank: Bank, clock: Clock
) -> InstitutionInfo:
    """The institution from the shared cache, or from Plaid; what is stale is better than nothing.

    Raises:
        ProviderError: It is not in the cache, and Plaid did not answer.
    """
    cached = institutions.find(institution_id)
    if cached is not None and cached.is_fresh(clock.now()):
        return cached
    try:
        fetched = _fetched(institution_id, country_codes, bank=bank)
    except ProviderError as error:
        if cached is None:
            raise
        log.warning("institution.stale", institution_id=institution_id, error_code=error.error_code)
        return cached
    institutions.put(fetched)
    log.info("institution.fetched", institution_id=institution_id)
    return fetched


def _fetched(institution_id: str, country_codes: tuple[str, ...], *, bank: Bank) -> InstitutionInfo:
    """From Plaid, which knows an institution only by one of its own countries: the user's may be another than ours."""
    try:
        return bank.institution(institution_id, country_codes=country_codes)
    except ProviderError as error:
        if error.error_code != "INVALID_INSTITUTION":
            raise
    return bank.institution(institution_id, country_codes=tuple(sorted(COUNTRIES)))


def _mark_welcomed(connection: BankConnection, *, syncs: Syncs) -> None:
    for _ in range(MAX_TRIES):
        loaded = syncs.load(connection.connection_id)
        if loaded is None or loaded.state.welcomed:
            return
        try:
            syncs.save(loaded.state.model_copy(update={"welcomed": True}), expected=loaded.version)
        except Conflict:
            continue
        return
