"""A connection goes: with one commit it is gone for everybody, and what it leaves behind is the queue's to remove."""

from shared import trace
from shared.domain.audit import Actor
from shared.domain.connection import BankConnection
from shared.domain.errors import Conflict, Unavailable
from shared.domain.removal import Removal, RemovalReason
from shared.log import log
from shared.ports import Clock, Connections, Mark, Removals, Tasks
from shared.usecases.connection_access import no_connection, owned
from shared.usecases.enqueue import enqueue_removal
from shared.usecases.mark_duplicates import OwnedAccounts

MAX_TRIES = 20  # of the first commit, against a rotation of the token and other audit entries of the user


def remove_connection(
    connection_id: str,
    *,
    app_user_id: str,
    connections: Connections,
    removals: Removals,
    tasks: Tasks,
    clock: Clock,
) -> None:
    """Removes a connection for its user.

    Raises:
        NotFound: No such connection (any more), or somebody else's.
        Unavailable: The connection is busy: try again.
    """
    connection = owned(connections.find(connection_id), app_user_id)
    begun = begin_removal(
        connection,
        reason=RemovalReason.USER,
        by=Actor.USER,
        connections=connections,
        removals=removals,
        tasks=tasks,
        clock=clock,
    )
    if not begun:
        raise no_connection()


def begin_removal(
    connection: BankConnection,
    *,
    reason: RemovalReason,
    by: Actor,
    connections: Connections,
    removals: Removals,
    tasks: Tasks,
    clock: Clock,
) -> bool:
    """Takes the connection away and enqueues the rest; False if somebody else did so first.

    Raises:
        Unavailable: The connection is busy: try again.
    """
    removal = Removal.of(connection, token=None, reason=reason, now=clock.now(), trace=trace.carried())
    for _ in range(MAX_TRIES):
        try:
            marks = _marks_without(removal, connections=connections)
            removals.begin(removal, audit=removal.started(by=by), marks=marks)
        except Conflict:
            if connections.find(connection.connection_id) is not None:
                continue
            found = removals.find(connection.connection_id)
            if found is None or found[0].created_at != removal.created_at:
                return False
            # It was ours that took it away: only the answer was lost.
        log.info("removal.started", connection_id=connection.connection_id, reason=reason)
        enqueue_removal(tasks, removal)
        return True
    raise Unavailable("the connection is busy", code="connection_busy", retry_after_seconds=1)


def _marks_without(removal: Removal, *, connections: Connections) -> tuple[Mark, ...]:
    """Other connections' accounts that are counted from now on. An erasure marks what is left when it is done."""
    if removal.is_of_all:
        return ()
    before = OwnedAccounts.read(removal.app_user_id, connections=connections, beside=removal.connection_id)
    return before.without(removal.connection_id).marks()
