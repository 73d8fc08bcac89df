"""A connection is new: start its first sync, and fetch what an app shows about its bank."""

from collections.abc import Callable

from shared import trace
from shared.domain.connection import BankConnection
from shared.domain.errors import Conflict, ErrorClass, ErrorKind, ProviderError
from shared.domain.status import is_revoked, moment_of
from shared.log import log
from shared.ports import Clock, Connections, Institutions, Plaid, SyncQueue, Syncs, Vault
from shared.usecases.enqueue import enqueue
from shared.usecases.linking.find_institution import find_institution
from shared.usecases.linking.follow_institution import follow_institution
from shared.usecases.mark_duplicates import settle_after_commit

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


def set_up_connection(
    connection_id: str,
    *,
    country_codes: tuple[str, ...],
    webhook_url: str | None,
    connections: Connections,
    institutions: Institutions,
    syncs: Syncs,
    plaid: Plaid,
    vault: Vault,
    clock: Clock,
    sleep: Callable[[float], None],
) -> None:
    """Fills in the institution, and sees to it that Plaid knows where to send webhooks. Twice is harmless.

    What differs from what is there is written, and nothing else. An institution that Plaid will not tell of is no
    reason to try again in minutes, as every connection is that was not welcomed: the next day sees to it.

    Raises:
        ProviderError: Plaid did not answer; the schedule will see to it again.
        Unavailable: The connection is busy; the schedule will see to it again.
    """
    connection = connections.find(connection_id)
    sealed = connections.credentials(connection_id)
    if connection is None or sealed is None or is_revoked(connection):
        return
    token = vault.open(sealed, app_user_id=connection.app_user_id, connection_id=connection_id)
    facts = plaid.item(token)
    followed = follow_institution(connection, facts, syncs=syncs, clock=clock)
    if followed is None:
        return
    has_moved = followed.institution_id != connection.institution_id
    connection, institution_id = followed, followed.institution_id
    learnt: dict[str, object] = {
        "institution_name": connection.institution_name or facts.institution_name,
        "consent_expiration_time": facts.consent_expiration_time,
    }
    unanswered: ProviderError | None = None
    if institution_id is not None:
        try:
            info = find_institution(
                institution_id,
                country_codes=country_codes,
                institutions=institutions,
                plaid=plaid,
                clock=clock,
                sleep=sleep,
            )
        except ProviderError as error:
            if _may_be_had_later(error):
                unanswered = error
            else:
                log.warning("institution.refused", institution_id=institution_id, error_code=error.error_code)
        else:
            learnt |= {"institution_name": info.name, "institution": info.branding()}
    _describe(connection, learnt, connections=connections, clock=clock)
    if has_moved:  # accounts are compared within an institution
        settle_after_commit(connection.app_user_id, connections=connections)
    if webhook_url and facts.webhook_url != webhook_url:
        plaid.set_webhook(token, webhook_url)
    if unanswered is not None:
        raise unanswered
    _mark_set_up(connection, connections=connections, syncs=syncs)


def _may_be_had_later(error: ProviderError) -> bool:
    """Whether asking for an institution again in minutes may help: an outage ends, and an operator repairs our keys."""
    if error.kind in (ErrorKind.INSTITUTION_UNKNOWN, ErrorKind.INSTITUTION_NOT_ENABLED):
        return False  # all countries were named already; and Plaid enables an institution in days
    return error.error_class in (ErrorClass.CONFIGURATION, ErrorClass.TRANSIENT)


def _describe(before: BankConnection, learnt: dict[str, object], *, connections: Connections, clock: Clock) -> None:
    after = before.model_copy(update=learnt)
    if after == before:
        return
    known = before.model_dump()
    changes = {name: value for name, value in after.model_dump().items() if value != known[name]}
    changes["updated_at"] = moment_of(before, before.status, now=clock.now())
    connections.describe(before.connection_id, changes)


def _mark_set_up(connection: BankConnection, *, connections: Connections, syncs: Syncs) -> None:
    """Marks it set up, unless it moved to another institution since that was looked up."""
    for _ in range(MAX_TRIES):
        loaded, now = syncs.load(connection.connection_id), connections.find(connection.connection_id)
        if loaded is None or now is None or now.institution_id != connection.institution_id:
            return
        source = connection.institution_id or loaded.state.source
        after = loaded.state.model_copy(update={"is_set_up": True, "source": source})
        if after == loaded.state:
            return
        try:
            syncs.save(after, expected=loaded.version)
        except Conflict:
            continue
        return
