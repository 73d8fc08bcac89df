"""An access token as it is kept, and its replacement by a new one: pure.

    at rest ──wanted──> wanted ──begun──> under way ──replaced──> at rest, with the new token
                           ^                  │ │ │
                           ├──────refused─────┘ │ └─ nobody is at it any more: broken off ──begun──> under way
                           │                    │                                    └─────given_up──> at rest
                           └── due again later  └──given_up──> at rest

The old token is dead the moment that Plaid hands out the new one (https://plaid.com/docs/api/items/, under
item/access_token/invalidate). So `rotating_since` is stored before Plaid is called: where it is found later than any
call may take, the stored token works still, or nobody has one. `due_at` is when the schedule must look.
"""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict

from shared.domain import grace_periods, retry_delays
from shared.domain.audit import Actor
from shared.domain.connection import BankConnection, SealedToken
from shared.domain.errors import ErrorKind, ProviderError, ServiceError
from shared.domain.item import ItemHolder

DOUBTED_ATTEMPTS = 6  # failed syncs, some ten hours, before an unknown token is believed to be the end of its item
LOST_CODE = "ACCESS_TOKEN_LOST"  # the error of a connection whose token was lost in its replacement


def may_be_our_keys(error: ServiceError) -> bool:
    """Whether Plaid would answer just like this, for every item at once, if our keys or environment were wrong."""
    return error.kind is ErrorKind.UNKNOWN_TOKEN


def unless_our_keys(error: ProviderError, *, is_certain: bool = False) -> ProviderError:
    """The error to act on: an unknown token is taken for a configuration error of ours as long as it may be one.

    So no status changes, no user is blamed and no token is given up for it; an operator is alerted.

    Args:
        error: An error of Plaid's.
        is_certain: Whether the token has been unknown for so long, or so often, that our keys are not the reason:
            see DOUBTED_ATTEMPTS and `is_lost`.
    """
    return error.as_configuration_error() if may_be_our_keys(error) and not is_certain else error


def is_lost(unknown_since: datetime | None, *, now: datetime) -> bool:
    """Whether a token has been unknown for so long that our keys are not the reason: it cannot remove its item."""
    return unknown_since is not None and now - unknown_since >= grace_periods.UNKNOWN_TOKEN


class StoredAccessToken(BaseModel):
    """A connection's access token, sealed.

    Attributes:
        token: What Plaid is called with.
        issued_at: When Plaid handed it out.
        wanted_by: Who wants it replaced; None while nobody does.
        rotating_since: When the replacement began that is under way, or was broken off.
        attempts: How often it was begun since it was wanted.
        due_at: When the schedule must look; None while nothing is wanted.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    connection_id: str
    app_user_id: str
    item_id: str
    token: SealedToken
    issued_at: datetime
    wanted_by: Actor | None = None
    rotating_since: datetime | None = None
    attempts: int = 0
    due_at: datetime | None = None

    @classmethod
    def new(cls, connection: BankConnection, token: SealedToken) -> Self:
        """The token of a connection that is made."""
        return cls(
            connection_id=connection.connection_id,
            app_user_id=connection.app_user_id,
            item_id=connection.item_id,
            token=token,
            issued_at=connection.created_at,
        )

    def holder(self) -> ItemHolder:
        """Whom the token's item must belong to."""
        return ItemHolder(self.item_id, self.connection_id, self.app_user_id)

    def is_under_way(self, now: datetime) -> bool:
        """Whether somebody may be replacing it at this moment."""
        return self.rotating_since is not None and now - self.rotating_since <= grace_periods.ROTATION

    def wanted(self, *, by: Actor, now: datetime) -> Self:
        """Somebody wants it replaced now. If it is being replaced, or is wanted as soon already, nothing changes."""
        soon = now + grace_periods.TASK
        if self.rotating_since is not None or (self.due_at is not None and self.due_at <= soon):
            return self
        return self._with(wanted_by=by, due_at=soon)

    def requeued(self, *, now: datetime) -> Self:
        """The schedule has seen to it."""
        return self._with(due_at=now + grace_periods.TASK)

    def begun(self, *, now: datetime) -> Self:
        """Plaid is about to be called."""
        return self._with(rotating_since=now, attempts=self.attempts + 1, due_at=now + grace_periods.ROTATION)

    def replaced(self, token: SealedToken, *, now: datetime) -> Self:
        """The new token takes the place of the old one, whatever has become of the mark."""
        return self._with(token=token, issued_at=now).given_up()

    def refused(self, *, now: datetime) -> Self:
        """Plaid did not do it, and may another time: the old token is as it was."""
        delay = retry_delays.ROTATION.after(self.attempts - 1)
        return self._with(rotating_since=None, due_at=now + delay)

    def deferred(self, *, now: datetime) -> Self:
        """It may not be replaced now: the replacement stays wanted, with growing delays."""
        return self._with(attempts=self.attempts + 1).refused(now=now)

    def given_up(self) -> Self:
        """Nothing more is to be done."""
        return self._with(wanted_by=None, rotating_since=None, attempts=0, due_at=None)

    def _with(self, **changes: object) -> Self:
        return self.model_copy(update=changes)
