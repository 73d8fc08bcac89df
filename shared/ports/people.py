"""Who calls, what they set for themselves, what they may, and how they are told."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.domain.caller import Caller
from shared.domain.push import PushMessage, Receipt, TokenHolders


class Profiles(Protocol):
    """What users set for themselves."""

    def find(self, app_user_id: str) -> "Profile": ...  # noqa: D102
    def exists(self, app_user_id: str) -> bool:
        """Whether the user has a document."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A user's language and countries, as they wrote them: anything at all. None means the default."""

    language: object = None
    country_codes: object = None


class Limits(Protocol):
    """Rate limits per user."""

    def spend(self, app_user_id: str, action: str, *, per_minute: int, now: datetime) -> int | None:
        """Counts one call. None if it passes, else the seconds to wait; a refused call is not counted."""


class Callers(Protocol):
    """Who calls."""

    def verify(self, id_token: str) -> Caller:
        """The user that Firebase vouches for.

        Raises:
            Unauthenticated: It does not; or the user is disabled, or signed out everywhere since.
            Unavailable: Firebase could not be asked.
        """

    def verify_app(self, app_token: str) -> str:
        """The id of the app that Firebase App Check vouches for.

        Raises:
            Unauthenticated: It does not.
            Unavailable: Firebase could not be asked.
        """


@dataclass(frozen=True, slots=True)
class Devices:
    """A user's devices and language, as their app wrote them: anything at all."""

    tokens: object = None
    language: object = None


class Pushes(Protocol):
    """Which push messages were sent, and the devices of users."""

    def devices(self, app_user_id: str) -> Devices:
        """What the user's app wrote of their devices."""

    def holders(self, tokens: Sequence[str]) -> dict[str, TokenHolders]:
        """Which users store these tokens, of which there is at least one."""

    def hand_over(self, token: str, *, to: str, others: Collection[str], now: datetime) -> None:
        """Takes a token from other users' documents, then records whom its device belongs to."""

    def claim(self, app_user_id: str, notification_id: str, *, now: datetime) -> bool:
        """Notes that a message is being sent, for good; False if that was noted before."""

    def drop_tokens(self, app_user_id: str, tokens: Sequence[str]) -> None:
        """Takes these tokens, and no others, from the user's document."""


class Messaging(Protocol):
    """Push messages to devices."""

    def send(self, message: PushMessage, *, tokens: Sequence[str]) -> list[Receipt]:
        """Tries once per token, of which there is at least one; what became of each, in their order. Never raises."""
