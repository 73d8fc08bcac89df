"""The move of a user's notes from a replaced connection to the new one that replaces it.

    waiting ──(the new history is complete)──> moving ──(no row is left)──> the old connection is removed, no record

The record is created with the new connection and deleted with the old one, so every interruption in between leaves a
record that is due.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from shared.domain import retry_delays
from shared.domain.audit import Actor, AuditAction, AuditEntry
from shared.domain.transaction import Transaction


class MoveState(StrEnum):
    """How far a move is."""

    WAITING = "waiting"  # for the history of the new connection
    MOVING = "moving"  # some rows are moved or archived


class HistoryMove(BaseModel):
    """A move that is not complete.

    Attributes:
        connection_id: The new connection.
        from_connection_id: The old connection. None if Plaid named no accounts of the new one at its creation; then
            the move looks for the old connection when it starts.
        asked: Whether the user chose the old connection; else it is moved only if it is still unusable.
        moved: Notes that are on their new rows.
        archived: Notes that are in the archive.
        attempts: How often the scheduler has started it.
        due_at: When the scheduler must start it again, whatever happens to tasks in between.
        trace: Of the exchange, so that both log to the same trace.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    connection_id: str
    from_connection_id: str | None
    app_user_id: str
    asked: bool = False
    state: MoveState = MoveState.WAITING
    moved: int = 0
    archived: int = 0
    attempts: int = 0
    created_at: datetime
    due_at: datetime
    trace: str | None = None

    @classmethod
    def new(
        cls,
        *,
        connection_id: str,
        from_connection_id: str | None,
        app_user_id: str,
        asked: bool,
        now: datetime,
        trace: str | None = None,
    ) -> Self:
        """A new move; the sync that completes the history starts it, or else the scheduler."""
        return cls(
            connection_id=connection_id,
            from_connection_id=from_connection_id,
            app_user_id=app_user_id,
            asked=asked,
            created_at=now,
            due_at=now + retry_delays.HISTORY_MOVE.after(0),
            trace=trace,
        )

    def queued(self, *, now: datetime) -> Self:
        """The scheduler has enqueued the move: it is due again later, with growing delays and without an end."""
        due_at = now + retry_delays.HISTORY_MOVE.after(self.attempts)
        return self.model_copy(update={"attempts": self.attempts + 1, "due_at": due_at})

    def progressed(self, *, moved: int, archived: int) -> Self:
        """Counts the notes of one commit."""
        counts = {"moved": self.moved + moved, "archived": self.archived + archived}
        return self.model_copy(update={"state": MoveState.MOVING, **counts})

    def from_older(self, older: Self, *, now: datetime) -> Self:
        """The old connection was waiting for notes of an older one, which now move to the new connection."""
        return self.model_copy(
            update={
                "from_connection_id": older.from_connection_id,
                "asked": older.asked,
                "state": MoveState.WAITING,
                "moved": 0,
                "archived": 0,
                "attempts": 0,
                "due_at": now,
            }
        )

    def ended(self, *, now: datetime) -> AuditEntry:
        """The audit entry of the move's last commit."""
        return AuditEntry(
            app_user_id=self.app_user_id,
            connection_id=self.connection_id,
            action=AuditAction.HISTORY_MOVED,
            actor=Actor.BACKEND,
            details={
                "from": self.from_connection_id or "unknown",
                "moved": str(self.moved),
                "archived": str(self.archived),
            },
            at=now,
        )


class ArchivedTransaction(Transaction):
    """A transaction of a replaced connection whose note has no transaction in the new one.

    Only the user writes `user` and `moved_to`, the transaction of the new connection to which the user has moved the
    note; the archive keeps its copy. `account_id` is the account in the new connection, if it has that account.
    """

    user: dict[str, Any]
    archived_at: datetime
    from_connection_id: str
    moved_to: str | None
