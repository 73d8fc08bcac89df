"""One run of one connection's sync: claim, read the change log to its end, write, say how it went.

Plaid's rules for the loop: https://plaid.com/docs/transactions/sync-migration/ and /docs/api/products/transactions/.
The cursor that is kept is the one of the loop's first page until the loop is at its end, so that a run that dies, or
whose data changed while it paged, begins where the last complete one ended.
"""

import random
from datetime import timedelta
from enum import StrEnum

from shared.domain.errors import Conflict, Fault, ProviderError
from shared.domain.progress import TRIES_PER_ATTEMPT, ErrorSummary, IllegalTransition, Stage, SyncStatus
from shared.log import log
from shared.ports import Bank, Clock, Connections, Loaded, SyncQueue, Syncs, Vault, Writes
from shared.usecases.enqueue import enqueue
from shared.usecases.fenced_run import FencedRun, LeaseLost
from shared.usecases.read_changes import ChangeReader


class Outcome(StrEnum):
    """What the task handler does with a delivery."""

    DONE = "done"  # acknowledge
    AGAIN = "again"  # not now: deliver again in seconds


def sync_transactions(
    connection_id: str,
    *,
    delivery: str,
    connections: Connections,
    syncs: Syncs,
    bank: Bank,
    vault: Vault,
    queue: SyncQueue,
    clock: Clock,
) -> Outcome:
    """Runs one sync, if one is wanted and nobody else is running it.

    Args:
        connection_id: Whose transactions.
        delivery: Names this delivery of the task, as `<task>#<anything unique>`: two deliveries of one task are told
            apart, and known for the same task's.
        connections, syncs, bank, vault, queue, clock: The outside.

    Returns:
        DONE when there is nothing more to do for this delivery; AGAIN when the queue should deliver it again.
    """
    claimed = _claim(connection_id, delivery=delivery, syncs=syncs, clock=clock)
    if isinstance(claimed, Outcome):
        return claimed
    run = FencedRun(claimed, syncs=syncs)
    with log.bound(connection_id=connection_id, run=run.state.run):
        log.info("sync.started", attempt=run.state.attempt)
        try:
            outcome = _read_and_settle(run, connections=connections, syncs=syncs, bank=bank, vault=vault, clock=clock)
        except LeaseLost as lost:
            log.warning("sync.lease_lost", reason=str(lost))
            return Outcome.DONE
        state = run.state
        log.info("sync.ended", status=state.status, added=state.added, modified=state.modified, removed=state.removed)
        if state.status is SyncStatus.COMPLETED and state.wanted:
            _run_once_more(run.state.connection_id, syncs=syncs, queue=queue, clock=clock)
        return outcome


def _claim(connection_id: str, *, delivery: str, syncs: Syncs, clock: Clock) -> Loaded | Outcome:
    """Takes the lease, or says what to do with the delivery."""
    for _ in range(5):
        loaded = syncs.load(connection_id)
        if loaded is None:
            return Outcome.DONE  # removed meanwhile
        now = clock.now()
        try:
            state = loaded.state.claim(now=now, owner=delivery)
        except IllegalTransition:
            # A delivery of the very task that holds the lease: that one died, or is still at work. Whoever asks for a
            # run under another name was counted, and the run that works now will make one more.
            same_task = _task(loaded.state.lease_owner) == _task(delivery)
            return Outcome.AGAIN if loaded.state.is_leased(now) and same_task else Outcome.DONE
        try:
            return Loaded(state=state, version=syncs.save(state, expected=loaded.version))
        except Conflict:
            continue
    return Outcome.AGAIN


def _task(delivery: str | None) -> str:
    return (delivery or "").partition("#")[0]


def _read_and_settle(
    run: FencedRun, *, connections: Connections, syncs: Syncs, bank: Bank, vault: Vault, clock: Clock
) -> Outcome:
    """Reads the change log and ends the run, well or badly."""
    state = run.state
    try:
        sealed = connections.credentials(state.connection_id)
        if sealed is None:
            raise LeaseLost("the connection has no credentials: it is being removed")
        token = vault.open(sealed, app_user_id=state.app_user_id, connection_id=state.connection_id)
        read = ChangeReader(run=run, token=token, syncs=syncs, bank=bank, clock=clock).read()
        return Outcome.DONE if read else _not_ready(run, clock=clock)
    except ProviderError as error:
        return _failed(run, error, clock=clock)


def _not_ready(run: FencedRun, *, clock: Clock) -> Outcome:
    """Plaid has nothing yet: look again in seconds, a few times; then a webhook or the next tick will."""
    if run.state.tries + 1 < TRIES_PER_ATTEMPT:
        run.commit(lambda s: s.pause(now=clock.now(), stage=Stage.WAITING_FOR_BANK))
        return Outcome.AGAIN
    run.commit(lambda s: s.wait_for_bank(now=clock.now()))
    return Outcome.DONE


def _failed(run: FencedRun, error: ProviderError, *, clock: Clock) -> Outcome:
    """Retried in seconds while that may help, else recorded with its reason, and the connection with its status."""
    log.warning(
        "sync.provider_error",
        fault=error.fault,
        error_type=error.error_type,
        error_code=error.error_code,
        request_id=error.request_id,
    )
    summary = ErrorSummary.of(error)
    if error.fault is Fault.TRANSIENT and run.state.tries + 1 < TRIES_PER_ATTEMPT:
        run.commit(lambda s: s.pause(now=clock.now(), error=summary))
        return Outcome.AGAIN
    jitter = random.random()  # noqa: S311 (spreads retries, guards nothing)
    at_least = timedelta(seconds=error.retry_after_seconds or 0)
    connection = None
    if error.item_status is not None:
        connection = {
            "status": error.item_status,
            "error_type": error.error_type,
            "error_code": error.error_code,
            "action": error.action,
            "updated_at": clock.now(),
        }
    run.commit(
        lambda s: s.fail(now=clock.now(), error=summary, fault=error.fault, jitter=jitter, at_least=at_least),
        lambda: Writes(connection=connection),
    )
    return Outcome.DONE


def _run_once_more(connection_id: str, *, syncs: Syncs, queue: SyncQueue, clock: Clock) -> None:
    """Requests came in while the run worked. If this is lost, the schedule finds the state due at once."""
    loaded = syncs.load(connection_id)
    if loaded is None or loaded.state.status is not SyncStatus.COMPLETED or not loaded.state.wanted:
        return
    state = loaded.state.requeue(now=clock.now())
    try:
        syncs.save(state, expected=loaded.version)
    except Conflict:
        return
    enqueue(queue, connection_id, name=f"{connection_id}-n{state.run}")
