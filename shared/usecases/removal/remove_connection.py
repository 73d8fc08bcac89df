"""Removes a connection: one commit hides it from every client, and a task deletes its data and its item."""

from dataclasses import dataclass

from shared import trace
from shared.domain.audit import Actor
from shared.domain.connection import BankConnection
from shared.domain.errors import Conflict
from shared.domain.removal import Removal, RemovalReason
from shared.log import log
from shared.ports import Clock, Connections, EndedMove, Mark, Removals, Tasks, Version
from shared.ports.compare_and_set import retry_on_conflict
from shared.usecases.connection_access import no_connection, owned
from shared.usecases.enqueue import enqueue_removal
from shared.usecases.mark_duplicates import OwnedAccounts

MAX_TRIES = 20  # of the first commit, against a rotation of the token and other audit entries of the user


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRemover:
    """Begins removals of connections, and enqueues the deletion of their data and items."""

    connections: Connections
    removals: Removals
    tasks: Tasks
    clock: Clock

    def by_user(self, connection_id: str, *, app_user_id: str) -> None:
        """Removes a connection for its user.

        Raises:
            NotFound: The connection does not exist (any more), or belongs to another user.
            Unavailable: The connection is busy: try again.
        """
        connection = owned(self.connections.find(connection_id), app_user_id)
        if not self.begin(connection, reason=RemovalReason.USER, by=Actor.USER):
            raise no_connection()

    def begin(self, connection: BankConnection, *, reason: RemovalReason, by: Actor) -> bool:
        """Commits the removal and enqueues the rest; False if another caller did so first.

        Raises:
            Unavailable: The connection is busy: try again.
        """
        now = self.clock.now()
        removal = Removal.of(connection, token=None, reason=reason, now=now, trace=trace.carried())
        if not retry_on_conflict(lambda: self._commit(removal, by=by), tries=MAX_TRIES):
            return False
        log.info("removal.started", connection_id=connection.connection_id, reason=reason)
        enqueue_removal(self.tasks, removal)
        return True

    def replace(self, connection: BankConnection, *, move: EndedMove, state: Version) -> None:
        """Commits the removal of a replaced connection with the end of the move of its notes, and enqueues the rest.

        Raises:
            Conflict: The connection, its sync state or the record of the move changed.
        """
        now, reason = self.clock.now(), RemovalReason.REPLACED
        removal = Removal.of(connection, token=None, reason=reason, now=now, trace=trace.carried())
        marks = self._marks_without(removal)
        audit = removal.started(by=Actor.BACKEND)
        self.removals.begin(removal, audit=audit, marks=marks, move=move, state=state)
        log.info("removal.started", connection_id=connection.connection_id, reason=reason)
        enqueue_removal(self.tasks, removal)

    def _commit(self, removal: Removal, *, by: Actor) -> bool:
        """Commits the removal; False if another removal came first.

        Raises:
            Conflict: The connection still exists.
        """
        try:
            self.removals.begin(removal, audit=removal.started(by=by), marks=self._marks_without(removal))
        except Conflict:
            if self.connections.find(removal.connection_id) is not None:
                raise
            found = self.removals.find(removal.connection_id)
            # Created at the same moment: this is our own removal, and only the store's answer was lost.
            return found is not None and found[0].created_at == removal.created_at
        return True

    def _marks_without(self, removal: Removal) -> tuple[Mark, ...]:
        """Marks of other connections' accounts that count from now on. An erasure sets them when it completes."""
        if removal.is_of_all:
            return ()
        before = OwnedAccounts.read(removal.app_user_id, connections=self.connections, beside=removal.connection_id)
        return before.without(removal.connection_id).marks()
