"""What is left of a connection while it is being removed: a tombstone, until nothing is left at all.

    begun ──purged──> our data is gone ──released──> the item is gone at Plaid ──finished──> no tombstone

Both halves are taken again from the start whenever they broke off: each finds done what is done. Plaid being down
holds up the second half only.
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

TRIES_IN_A_ROW = 3  # seconds apart, before it is left to the schedule


class RemovalReason(StrEnum):
    """Why a connection goes."""

    USER = "user"  # its user removed it
    REVOKED = "revoked"  # its user took the permission away at Plaid: the connection's document stays
    ERASURE = "erasure"  # its user deleted all their data
    OWNER_GONE = "owner_gone"  # its user was deleted
    OPERATOR = "operator"  # an operator deleted all data of its user
    RESTORED = "restored"  # it was removed at Plaid, and a restore of the store brought it back here
    DUPLICATE = "duplicate"  # a second item of the same accounts, which was never a connection
    ABANDONED = "abandoned"  # an exchange that nobody came back for, which was never a connection


class RemovalOutcome(StrEnum):
    """How an item left Plaid, for the audit log."""

    REMOVED = "removed"
    UNKNOWN = "unknown"  # Plaid did not know it (any more)
    LOST = "lost"  # Plaid did not know its token, for days or since a replacement broke off: it may be left there
    NO_TOKEN = "no_token"  # there was nothing to remove it with  # noqa: S105 (no secret)
    IN_USE = "in_use"  # another connection uses it, so it stays


class Removal(BaseModel):
    """A removal under way: first our data goes, then the item at Plaid, then this.

    Attributes:
        access_token: What the item is removed with.
        unknown_since: Since when Plaid says that it does not know the token, for which wrong keys of ours may be why.
        token_settles_at: Until then somebody may be replacing the token at Plaid, so that the one here is unknown
            there though the item is not. Later, nobody has another.
        purged: Our data is gone.
        attempts: How often Plaid was asked in vain.
        due_at: When the schedule must look.
        trace: Of the call that it began with: what is logged of both is one story.
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
        """The removal of a connection, beginning now, and found by the schedule if its task is lost."""
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
        """The removal of an item that was exchanged, and never became a connection."""
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
        """Whether all other connections of its user are removed with it."""
        return self.reason in (RemovalReason.ERASURE, RemovalReason.OWNER_GONE, RemovalReason.OPERATOR)

    @property
    def keeps_connection(self) -> bool:
        """Whether the connection's document stays, to tell its user what happened."""
        return self.reason is RemovalReason.REVOKED

    def holder(self) -> ItemHolder:
        """Whom the item belongs to until it is gone."""
        return ItemHolder(self.item_id, self.connection_id, self.app_user_id)

    def started(self, *, by: Actor) -> AuditEntry:
        """The entry of its first commit."""
        return self._entry(AuditAction.REMOVAL_STARTED, by, self.created_at)

    def finished(self, parting: RemovalOutcome, *, now: datetime) -> AuditEntry:
        """The entry of its last commit."""
        entry = self._entry(AuditAction.REMOVAL_DONE, Actor.BACKEND, now)
        return entry.model_copy(update={"details": entry.details | {"item": parting}})

    def instead_of(self, before: Self) -> Self:
        """Takes the place of a removal that keeps the connection: now that goes, too."""
        return self.model_copy(
            update={
                "access_token": self.access_token or before.access_token,
                "token_settles_at": self.token_settles_at or before.token_settles_at,
            }
        )

    def with_token(self, token: SealedToken, *, settles_at: datetime | None = None) -> Self:
        """The newest token: what was asked with another says nothing."""
        if self.access_token in (None, token):
            settles_at = settles_at or self.token_settles_at
        changes = {"access_token": token, "token_settles_at": settles_at, "unknown_since": None}
        return self.model_copy(update=changes)

    def is_unsettled(self, now: datetime) -> bool:
        """Whether the token may have been replaced by one that is still to come."""
        return self.token_settles_at is not None and now < self.token_settles_at

    def doubted(self, *, now: datetime) -> Self:
        """Plaid says that it does not know the token."""
        return self.model_copy(update={"unknown_since": self.unknown_since or now})

    def is_lost(self, now: datetime) -> bool:
        """Whether nobody has a token for the item: its replacement broke off, or it has been unknown for days."""
        return self.token_settles_at is not None or is_lost(self.unknown_since, now=now)

    def emptied(self) -> Self:
        """Our data is gone."""
        return self.model_copy(update={"purged": True})

    def queued(self, *, now: datetime) -> Self:
        """The schedule has seen to it."""
        return self.model_copy(update={"due_at": now + grace_periods.TASK})

    def postponed(self, *, now: datetime, at_least: timedelta = timedelta()) -> Self:
        """Plaid is down: again later, with growing delays."""
        return self.model_copy(
            update={
                "attempts": self.attempts + 1,
                "due_at": now + retry_delays.REMOVAL.after(self.attempts, at_least=at_least),
            }
        )

    def waiting(self) -> Self:
        """Not before it is certain which token is the last."""
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
