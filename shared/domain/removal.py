"""The removal of a connection: a tombstone that is kept until the data and the item are removed.

    begun ──purged──> our data is deleted ──released──> the item is removed at Plaid ──finished──> no tombstone

Both halves are idempotent: after an interruption, each is repeated from its start. An outage of Plaid delays only the
second half.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict

from shared.domain import grace_periods, retry_delays
from shared.domain.audit import Actor, AuditAction, AuditEntry
from shared.domain.connection import BankConnection, SealedToken
from shared.domain.credentials import LOST_CODE, is_lost
from shared.domain.exchange import Intent
from shared.domain.item import ItemHolder

TRIES_IN_A_ROW = 3  # seconds apart, before the scheduler retries it


class RemovalReason(StrEnum):
    """Why a connection is removed."""

    USER = "user"  # the user removed it
    REVOKED = "revoked"  # the user withdrew the permission at Plaid: the connection's document is kept
    ERASURE = "erasure"  # the user deleted all their data
    OWNER_GONE = "owner_gone"  # the user was deleted
    OPERATOR = "operator"  # an operator deleted all data of the user
    RESTORED = "restored"  # a restore of the store brought it back, but it was removed at Plaid
    REPLACED = "replaced"  # a new connection has all its notes
    DUPLICATE = "duplicate"  # a second item with the same accounts, which never became a connection
    ABANDONED = "abandoned"  # the item of an abandoned exchange, which never became a connection


class RemovalOutcome(StrEnum):
    """The outcome of an item's removal at Plaid, for the audit log."""

    REMOVED = "removed"
    UNKNOWN = "unknown"  # Plaid did not know it
    LOST = "lost"  # Plaid did not know its token (for days, or after an interrupted rotation): it may be orphaned
    NO_TOKEN = "no_token"  # no token was stored to remove it with  # noqa: S105 (no secret)
    IN_USE = "in_use"  # another connection uses it, so it is kept


class Removal(BaseModel):
    """A running removal: it deletes our data, then the item at Plaid, then this tombstone.

    Attributes:
        access_token: The token that removes the item.
        unknown_since: Since when Plaid does not know the token; wrong Plaid keys may be the cause.
        token_settles_at: Until then a process may be rotating the token, so Plaid may not know this token although it
            knows the item. After it, no newer token exists.
        purged: Our data is deleted.
        attempts: Failed attempts to remove the item at Plaid.
        due_at: When the scheduler must check it.
        trace: Of the call that started it, so that both log to the same trace.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    connection_id: str
    app_user_id: str
    item_id: str
    institution_id: str | None = None
    access_token: SealedToken | None = None
    token_settles_at: datetime | None = None
    unknown_since: datetime | None = None
    reason: RemovalReason
    purged: bool = False
    attempts: int = 0
    created_at: datetime
    due_at: datetime
    trace: str | None = None

    @classmethod
    def of(
        cls,
        connection: BankConnection,
        *,
        token: SealedToken | None,
        reason: RemovalReason,
        now: datetime,
        trace: str | None = None,
    ) -> Self:
        """A new removal of a connection; if its task is lost, the scheduler finds it."""
        return cls(
            connection_id=connection.connection_id,
            app_user_id=connection.app_user_id,
            item_id=connection.item_id,
            institution_id=connection.institution_id,
            access_token=token,
            token_settles_at=connection.updated_at if connection.error_code == LOST_CODE else None,
            reason=reason,
            created_at=now,
            due_at=now + grace_periods.TASK,
            trace=trace,
        )

    @classmethod
    def of_exchange(cls, intent: Intent, *, now: datetime, trace: str | None = None) -> Self:
        """The removal of an exchanged item that never became a connection."""
        return cls(
            connection_id=intent.connection_id,
            app_user_id=intent.app_user_id,
            item_id=intent.item_id or "",
            access_token=intent.access_token,
            reason=RemovalReason.DUPLICATE if intent.duplicate else RemovalReason.ABANDONED,
            created_at=now,
            due_at=now + grace_periods.TASK,
            trace=trace,
        )

    @property
    def is_of_all(self) -> bool:
        """Whether all other connections of the user are removed, too."""
        return self.reason in (RemovalReason.ERASURE, RemovalReason.OWNER_GONE, RemovalReason.OPERATOR)

    @property
    def keeps_connection(self) -> bool:
        """Whether the connection's document is kept, so that the user sees what happened."""
        return self.reason is RemovalReason.REVOKED

    def holder(self) -> ItemHolder:
        """The item's holder until it is removed."""
        return ItemHolder(self.item_id, self.connection_id, self.app_user_id)

    def started(self, *, by: Actor) -> AuditEntry:
        """The audit entry of the removal's first commit."""
        return self._entry(AuditAction.REMOVAL_STARTED, by, self.created_at)

    def finished(self, parting: RemovalOutcome, *, now: datetime) -> AuditEntry:
        """The audit entry of the removal's last commit."""
        entry = self._entry(AuditAction.REMOVAL_DONE, Actor.BACKEND, now)
        return entry.model_copy(update={"details": entry.details | {"item": parting}})

    def instead_of(self, before: Self) -> Self:
        """Replaces a removal that keeps the connection's document: this one deletes it, too."""
        return self.model_copy(
            update={
                "access_token": self.access_token or before.access_token,
                "token_settles_at": self.token_settles_at or before.token_settles_at,
            }
        )

    def with_token(self, token: SealedToken, *, settles_at: datetime | None = None) -> Self:
        """Sets the newest token; what Plaid said about an older one no longer counts."""
        if self.access_token in (None, token):
            settles_at = settles_at or self.token_settles_at
        changes = {"access_token": token, "token_settles_at": settles_at, "unknown_since": None}
        return self.model_copy(update=changes)

    def is_unsettled(self, now: datetime) -> bool:
        """Whether a running rotation may still store a newer token."""
        return self.token_settles_at is not None and now < self.token_settles_at

    def doubted(self, *, now: datetime) -> Self:
        """Records that Plaid does not know the token."""
        return self.model_copy(update={"unknown_since": self.unknown_since or now})

    def is_lost(self, now: datetime) -> bool:
        """Whether the item's token is lost: its rotation was interrupted, or Plaid has not known it for days."""
        return self.token_settles_at is not None or is_lost(self.unknown_since, now=now)

    def emptied(self) -> Self:
        """Records that our data is deleted."""
        return self.model_copy(update={"purged": True})

    def queued(self, *, now: datetime) -> Self:
        """The scheduler has enqueued the removal again."""
        return self.model_copy(update={"due_at": now + grace_periods.TASK})

    def postponed(self, *, now: datetime, at_least: timedelta = timedelta()) -> Self:
        """Plaid is down: the removal is retried later, with growing delays."""
        return self.model_copy(
            update={
                "attempts": self.attempts + 1,
                "due_at": now + retry_delays.REMOVAL.after(self.attempts, at_least=at_least),
            }
        )

    def waiting(self) -> Self:
        """Waits until no rotation can store a newer token."""
        return self.model_copy(update={"due_at": self.token_settles_at or self.due_at})

    def _entry(self, action: AuditAction, by: Actor, at: datetime) -> AuditEntry:
        return AuditEntry(
            app_user_id=self.app_user_id,
            connection_id=self.connection_id,
            action=action,
            actor=by,
            details={"reason": self.reason},
            at=at,
        )
