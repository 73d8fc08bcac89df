"""Somebody wants a sync: an app's user, or a webhook."""

import math
from collections.abc import Callable
from datetime import timedelta

from shared import trace
from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.errors import Conflict, FailedPrecondition, ResourceExhausted, Unavailable
from shared.domain.progress import SyncProgress, SyncStatus
from shared.domain.sync_state import IllegalTransition, SyncState
from shared.log import log
from shared.ports import Clock, Connections, SyncQueue, Syncs
from shared.usecases.connection_access import no_connection, owned
from shared.usecases.enqueue import enqueue

MAX_TRIES = 20  # of a compare-and-set against a run that commits a few times a second


def sync_by_user(
    connection_id: str,
    *,
    app_user_id: str,
    spacing: timedelta,
    count: Callable[[], None],
    connections: Connections,
    syncs: Syncs,
    queue: SyncQueue,
    clock: Clock,
) -> SyncProgress:
    """A user asks for a sync of one of their connections.

    Args:
        connection_id: Which.
        app_user_id: Who asks.
        spacing: Between two requests for one connection.
        count: Counts the request against the user's limit, once, where nothing else refuses it.
        connections, syncs, queue, clock: The outside.

    Returns:
        The progress after the request: `pending`, or `in_progress` if a run is working (one more will follow).

    Raises:
        NotFound: No such connection, or somebody else's.
        FailedPrecondition: The connection will never work again; the user has to link anew.
        ResourceExhausted: Asked again within `spacing`, or what `count` raises.
    """
    _usable(owned(connections.find(connection_id), app_user_id))
    counted = False

    def asked(state: SyncState) -> SyncState:
        nonlocal counted
        now = clock.now()
        if state.last_manual_sync_at is not None and now - state.last_manual_sync_at < spacing:
            wait = spacing - (now - state.last_manual_sync_at)
            raise ResourceExhausted(
                "this connection was asked to sync a moment ago",
                code="sync_too_soon",
                retry_after_seconds=max(1, math.ceil(wait.total_seconds())),
                connection_id=connection_id,
            )
        if not counted:
            count()
            counted = True
        return state.request(now=now, refresh=True, trace=trace.carried()).model_copy(
            update={"last_manual_sync_at": now}
        )

    return _request(connection_id, asked, syncs=syncs, queue=queue).progress()


def sync_by_event(
    connection_id: str, *, only_if_incomplete: bool, syncs: Syncs, queue: SyncQueue, clock: Clock
) -> None:
    """An event says there is something new.

    Args:
        connection_id: The connection it is about.
        only_if_incomplete: The event matters only while the history is still coming in.
        syncs: Sync states.
        queue: Where the run is enqueued.
        clock: The time.

    Raises:
        NotFound: No such connection.
    """

    def told(state: SyncState) -> SyncState:
        served = only_if_incomplete and state.history_complete
        return state if served else state.request(now=clock.now(), trace=trace.carried())

    _request(connection_id, told, syncs=syncs, queue=queue)


def sync_by_operator(
    connection_id: str, *, refresh: bool, connections: Connections, syncs: Syncs, queue: SyncQueue, clock: Clock
) -> SyncProgress:
    """An operator wants a run, now.

    Args:
        connection_id: Of which connection.
        refresh: The bank itself is to be asked first: slow, and Plaid may charge for it.
        connections, syncs, queue, clock: The outside.

    Raises:
        NotFound: No such connection.
        FailedPrecondition: It will never work again; its user has to link anew.
    """
    connection = connections.find(connection_id)
    if connection is None:
        raise no_connection()
    _usable(connection)

    def wanted(state: SyncState) -> SyncState:
        return state.request(now=clock.now(), refresh=refresh, trace=trace.carried())

    return _request(connection_id, wanted, syncs=syncs, queue=queue).progress()


def reconcile_connection(
    connection_id: str, *, syncs: Syncs, queue: SyncQueue, clock: Clock, forgets_revocations: bool = False
) -> None:
    """An operator wants the store proven: the next run reads everything again and repairs what differs.

    Args:
        connection_id: Of which connection.
        syncs, queue, clock: The outside.
        forgets_revocations: Accounts that were revoked come back, if Plaid lists them.

    Raises:
        NotFound: No such connection.
        Unavailable: A run is working: try again when it has ended.
    """

    def again(state: SyncState) -> SyncState:
        try:
            listed = state.reselect_accounts() if forgets_revocations else state
            return listed.reconcile(now=clock.now(), trace=trace.carried())
        except IllegalTransition:
            raise Unavailable("a run is working", code="connection_busy", retry_after_seconds=30) from None

    _request(connection_id, again, syncs=syncs, queue=queue)


def _is_written(state: SyncState, *, before: SyncState, found: SyncState) -> bool:
    """Whether what is found is a user's own write, or another's on top of it: their moment tells.

    Of events nothing tells: two at once make the same of one state. Counted again, one of them is no harm.
    """
    return (
        state.last_manual_sync_at != before.last_manual_sync_at
        and found.last_manual_sync_at == state.last_manual_sync_at
    )


def _usable(connection: BankConnection) -> None:
    if connection.status is ItemStatus.ERROR:
        raise FailedPrecondition(
            "this connection cannot be used any more: link the bank again",
            code="relink_required",
            connection_id=connection.connection_id,
        )


def _request(
    connection_id: str, change: Callable[[SyncState], SyncState], *, syncs: Syncs, queue: SyncQueue
) -> SyncState:
    loaded = syncs.load(connection_id)
    for _ in range(MAX_TRIES):
        if loaded is None:
            raise no_connection()
        state = change(loaded.state)
        if state == loaded.state:
            return state
        try:
            syncs.save(state, expected=loaded.version)
        except Conflict:
            before, loaded = loaded.state, syncs.load(connection_id)
            if loaded is None or not _is_written(state, before=before, found=loaded.state):
                continue
            state = loaded.state  # only the answer was lost
        story = trace.Trace.parse(state.trace if state.status is SyncStatus.PENDING else state.next_trace)
        log.info(
            "sync.requested",
            connection_id=connection_id,
            status=state.status,
            served_in=story.trace_id if story else None,
        )
        if state.status is SyncStatus.PENDING:
            enqueue(queue, connection_id, name=f"{connection_id}-q{state.requested}")
        return state
    raise Unavailable("the connection is busy", code="connection_busy", retry_after_seconds=1)
