"""Callers and their limits, users' profiles, and push messages to their devices."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.domain.caller import Caller
from shared.domain.push import PushMessage, Receipt, TokenHolders


class Profiles(Protocol):
    """The settings of users."""

    def find(self, app_user_id: str) -> "Profile": ...  # noqa: D102
    def exists(self, app_user_id: str) -> bool:
        """Whether the user's document exists."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A user's language and countries. Users write them freely, so any value is possible. None means the default."""

    language: object = None
    country_codes: object = None


class Limits(Protocol):
    """Rate limits per user."""

    def spend(self, app_user_id: str, action: str, *, per_minute: int, now: datetime) -> int | None:
        """Counts one call. None if it is allowed, else the seconds to wait; a refused call is not counted."""


class Callers(Protocol):
    """Verifies callers."""

    def verify(self, id_token: str) -> Caller:
        """The user of an ID token, verified by Firebase.

        Raises:
            Unauthenticated: The token is invalid or revoked, or the user is disabled.
            Unavailable: Firebase did not answer.
        """

    def verify_app(self, app_token: str) -> str:
        """The id of the app of an App Check token, verified by Firebase.

        Raises:
            Unauthenticated: The token is invalid.
            Unavailable: Firebase did not answer.
        """


@dataclass(frozen=True, slots=True)
class Devices:
    """A user's devices and language. Apps write them freely, so any value is possible."""

    tokens: object = None
    language: object = None


class Pushes(Protocol):
    """Which push messages were sent, and the devices of users."""

    def devices(self, app_user_id: str) -> Devices:
        """The devices that the user's apps have stored."""

    def holders(self, tokens: Sequence[str]) -> dict[str, TokenHolders]:
        """The users that store each of these tokens (at least one token)."""

    def hand_over(self, token: str, *, to: str, others: Collection[str], now: datetime) -> None:
        """Removes a token from other users' documents, then records the owner of its device."""

    def claim(self, app_user_id: str, notification_id: str, *, now: datetime) -> bool:
        """Claims the sending of a message, permanently; False if it was claimed before."""

    def drop_tokens(self, app_user_id: str, tokens: Sequence[str]) -> None:
        """Removes only these tokens from the user's document."""


class Messaging(Protocol):
    """Push messages to devices."""

    def send(self, message: PushMessage, *, tokens: Sequence[str]) -> list[Receipt]:
        """Tries once per token (at least one), and returns a receipt for each, in order. Never raises."""
