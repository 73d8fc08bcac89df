"""A stored access token and its rotation: pure.

    at rest ──wanted──> wanted ──begun──> rotating ──replaced──> at rest, with the new token
                           ^                  │ │ │
                           ├──────refused─────┘ │ └─ the process died: interrupted ──begun──> rotating
                           │                    │                           └─────given_up──> at rest
                           └── due again later  └──given_up──> at rest

Plaid invalidates the old token as soon as it returns the new one (https://plaid.com/docs/api/items/, under
item/access_token/invalidate). So `rotating_since` is stored before the call to Plaid. If it is still set after the
longest time that a call can take, the rotation was interrupted: either the stored token still works, or the new one is
lost. `due_at` is when the scheduler must check the token.
"""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict

from shared.domain import grace_periods, retry_delays
from shared.domain.audit import Actor
from shared.domain.connection import BankConnection, SealedToken
from shared.domain.errors import ErrorKind, ProviderError, ServiceError
from shared.domain.item import ItemHolder

DOUBTED_ATTEMPTS = 6  # failed syncs (about ten hours) before an unknown token means that its item is gone
LOST_CODE = "ACCESS_TOKEN_LOST"  # the error of a connection whose token was lost in a rotation

LOST = ProviderError(
    "this connection cannot be used any more: link the bank again",
    kind=ErrorKind.UNUSABLE,
    error_type="BACKEND",
    error_code=LOST_CODE,
)
"""The error of such a connection."""


def may_be_our_keys(error: ServiceError) -> bool:
    """Whether wrong Plaid keys or a wrong environment would cause the same error for all items at once."""
    return error.kind is ErrorKind.UNKNOWN_TOKEN


def unless_our_keys(error: ProviderError, *, is_certain: bool = False) -> ProviderError:
    """The error to act on: an unknown token counts as a configuration error as long as wrong keys may be the cause.

    So it changes no status, bothers no user and discards no token; it alerts an operator.

    Args:
        error: An error from Plaid.
        is_certain: Whether the token has been unknown for so long, or so often, that wrong keys are not the cause:
            see DOUBTED_ATTEMPTS and `is_lost`.
    """
    return error.as_configuration_error() if may_be_our_keys(error) and not is_certain else error


def is_lost(unknown_since: datetime | None, *, now: datetime) -> bool:
    """Whether a token has been unknown for so long that wrong keys are not the cause: it cannot remove its item."""
    return unknown_since is not None and now - unknown_since >= grace_periods.UNKNOWN_TOKEN


class StoredAccessToken(BaseModel):
    """A connection's sealed access token and the state of its rotation.

    Attributes:
        token: The token for calls to Plaid.
        issued_at: When Plaid issued it.
        wanted_by: Who requested a rotation; None if no rotation is requested.
        rotating_since: When the running or interrupted rotation started.
        attempts: Rotation attempts since the request.
        due_at: When the scheduler must check it; None if no rotation is requested.
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
        """The token of a new connection."""
        return cls(
            connection_id=connection.connection_id,
            app_user_id=connection.app_user_id,
            item_id=connection.item_id,
            token=token,
            issued_at=connection.created_at,
        )

    def holder(self) -> ItemHolder:
        """The holder that the token's item must have."""
        return ItemHolder(self.item_id, self.connection_id, self.app_user_id)

    def is_under_way(self, now: datetime) -> bool:
        """Whether a process may be rotating the token now."""
        return self.rotating_since is not None and now - self.rotating_since <= grace_periods.ROTATION

    def wanted(self, *, by: Actor, now: datetime) -> Self:
        """Requests a rotation now. Changes nothing if one is running or due equally soon."""
        soon = now + grace_periods.TASK
        if self.rotating_since is not None or (self.due_at is not None and self.due_at <= soon):
            return self
        return self._with(wanted_by=by, due_at=soon)

    def requeued(self, *, now: datetime) -> Self:
        """The scheduler has enqueued the rotation again."""
        return self._with(due_at=now + grace_periods.TASK)

    def begun(self, *, now: datetime) -> Self:
        """Starts a rotation attempt, before the call to Plaid."""
        return self._with(rotating_since=now, attempts=self.attempts + 1, due_at=now + grace_periods.ROTATION)

    def replaced(self, token: SealedToken, *, now: datetime) -> Self:
        """Stores the new token and ends the rotation, even if its mark was cleared meanwhile."""
        return self._with(token=token, issued_at=now).given_up()

    def refused(self, *, now: datetime) -> Self:
        """Plaid refused for now: the old token still works, and the rotation is retried later."""
        delay = retry_delays.ROTATION.after(self.attempts - 1)
        return self._with(rotating_since=None, due_at=now + delay)

    def deferred(self, *, now: datetime) -> Self:
        """The token must not be rotated now: the request stays, with growing delays."""
        return self._with(attempts=self.attempts + 1).refused(now=now)

    def given_up(self) -> Self:
        """Ends the rotation without retrying it."""
        return self._with(wanted_by=None, rotating_since=None, attempts=0, due_at=None)

    def _with(self, **changes: object) -> Self:
        return self.model_copy(update=changes)
