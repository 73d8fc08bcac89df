"""Who calls, what they set for themselves, what they may, and how they are told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.domain.caller import Caller
from shared.domain.push import PushMessage, Receipt


class Profiles(Protocol):
    """What users set for themselves."""

    def find(self, app_user_id: str) -> "Profile": ...  # noqa: D102


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


class Pushes(Protocol):
    """Which push messages were sent, and the devices of a user."""

    def tokens(self, app_user_id: str) -> object:
        """The devices' tokens as the user's app wrote them: anything at all."""

    def claim(self, app_user_id: str, notification_id: str, *, now: datetime) -> bool:
        """Notes that a message is being sent, for good; False if that was noted before."""

    def drop_tokens(self, app_user_id: str, tokens: Sequence[str]) -> None:
        """Takes these tokens, and no others, from the user's document."""


class Messaging(Protocol):
    """Push messages to devices."""

    def send(self, message: PushMessage, *, tokens: Sequence[str]) -> list[Receipt]:
        """Tries once per token, of which there is at least one; what became of each, in their order. Never raises."""
