"""What is left of a connection while it is being removed: a tombstone, until nothing is left at all."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict

from shared.domain.connection import BankConnection, SealedToken

TASK_GRACE = timedelta(minutes=1)  # a task not seen for this long is taken for lost
RETRY_DELAYS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=6),
)


class RemovalReason(StrEnum):
    """Why a connection goes."""

    USER = "user"  # its user removed it
    REVOKED = "revoked"  # its user took the permission away at Plaid: the connection's document stays
    ERASURE = "erasure"  # its user deleted all their data
    OWNER_GONE = "owner_gone"  # its user was deleted
    DUPLICATE = "duplicate"  # a second item of the same accounts, which was never a connection
    ABANDONED = "abandoned"  # an exchange that nobody came back for, which was never a connection


class Removal(BaseModel):
    """A removal under way: first our data goes, then the item at Plaid, then this.

    `access_token` is what the item is removed with. `purged` and `released` say what is done: here, and at Plaid.
    """

    model_config = ConfigDict(frozen=True)

    connection_id: str
    app_user_id: str
    item_id: str
    institution_id: str | None = None
    access_token: SealedToken | None = None
    reason: RemovalReason
    purged: bool = False
    released: bool = False
    attempts: int = 0
    created_at: datetime
    due_at: datetime

    @classmethod
    def of(cls, connection: BankConnection, *, token: SealedToken | None, reason: RemovalReason, now: datetime) -> Self:
        """The removal of a connection, beginning now, and found by the schedule if its task is lost."""
        return cls(
            connection_id=connection.connection_id,
            app_user_id=connection.app_user_id,
            item_id=connection.item_id,
            institution_id=connection.institution_id,
            access_token=token,
            reason=reason,
            created_at=now,
            due_at=now + TASK_GRACE,
        )

    @property
    def keeps_connection(self) -> bool:
        """Whether the connection's document stays, to tell its user what happened."""
        return self.reason is RemovalReason.REVOKED

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self.purged and self.released

    def postponed(self, *, now: datetime) -> Self:
        """Plaid is down: again later, with growing delays."""
        delay = RETRY_DELAYS[min(self.attempts, len(RETRY_DELAYS) - 1)]
        return self.model_copy(update={"attempts": self.attempts + 1, "due_at": now + delay})
