"""A push message: it says on the user's devices that there is a notification, and the app says what it is.

Lock screens are read by other people. So a push message names no bank, merchant, amount, account or note: its text
depends on the notification's kind and the user's language alone. The details stay in the notification's document.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.domain.notification import DEFAULT_LANGUAGE, NotificationKind

MAX_TOKENS = 20  # as many as the rules let a user write
MAX_TOKEN_LENGTH = 4096

# Title and body by language; another language is one more entry in each.
_ATTENTION = {
    "en": ("Your bank connection needs attention", "Open the app to see what to do."),
    "es": ("Tu conexión bancaria necesita atención", "Abre la app para ver qué hacer."),
}
_NEWS = {
    "en": ("There is news about your bank connection", "Open the app to see the details."),
    "es": ("Hay novedades sobre tu conexión bancaria", "Abre la app para ver los detalles."),
}
NEED_THE_USER = frozenset(
    {
        NotificationKind.NEEDS_REPAIR,
        NotificationKind.NEEDS_RELINK,
        NotificationKind.EXPIRING,
        NotificationKind.DISCONNECTING,
        NotificationKind.LINK_AGAIN,
    }
)
"""The kinds after which the user has to do something."""


class PushMessage(BaseModel):
    """One message for all devices of a user."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, defer_build=True)

    notification_id: str
    kind: str
    connection_id: str
    language: str = DEFAULT_LANGUAGE

    @classmethod
    def of(cls, notification_id: str, document: Mapping[str, Any]) -> Self | None:
        """The message for a notification's document; None if that is not one of ours."""
        named = {name: document.get(name) for name in ("kind", "connection_id")}
        try:
            return cls.model_validate({**named, "notification_id": notification_id})
        except ValidationError:
            return None

    def in_language(self, language: object) -> Self:
        """The same message in a language, if there is a text in it."""
        known = language if isinstance(language, str) and language in _NEWS else DEFAULT_LANGUAGE
        return self.model_copy(update={"language": known})

    @property
    def title(self) -> str:
        """The first line that devices show."""
        return self._text[0]

    @property
    def body(self) -> str:
        """The second line that devices show."""
        return self._text[1]

    @property
    def _text(self) -> tuple[str, str]:
        return (_ATTENTION if self.kind in NEED_THE_USER else _NEWS)[self.language]

    @property
    def data(self) -> dict[str, str]:
        """What the app gets besides the text: which notification, about what. Ids only."""
        return self.model_dump(include={"notification_id", "kind", "connection_id"})

    @property
    def collapse_id(self) -> str:
        """By this devices know the same message again: should it reach one twice, it is shown once.

        64 characters, which is as long as Apple allows.
        """
        return hashlib.sha256(self.notification_id.encode()).hexdigest()


class PushOutcome(StrEnum):
    """What became of a message to one device."""

    SENT = "sent"
    GONE = "gone"  # the token is no device's (any more), and never will be again
    LATER = "later"  # not now: trying again may help
    REFUSED = "refused"  # neither


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer for one device. `error_code` is the service's own, for operators."""

    outcome: PushOutcome
    error_code: str | None = None
    retry_after_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class TokenHolders:
    """Who has stored a device's token.

    Attributes:
        owner: The user whom the device belonged to when that was decided last, if they still store the token.
        listed: The users who store the token by now, with the time of the last write to their document.
    """

    owner: str | None
    listed: Mapping[str, datetime]

    @property
    def latest(self) -> str | None:
        """The user whom the device belongs to: the one who stored the token last.

        When an owner is decided, the token is taken from everybody else. So any other user who stores it has stored it
        later. Of several, or where no owner was decided yet, it is the one whose document was written last.
        """
        later = {uid: at for uid, at in self.listed.items() if uid != self.owner}
        return max(later, key=lambda uid: (later[uid], uid), default=self.owner)


def usable_tokens(written: object) -> tuple[str, ...]:
    """The devices' tokens in what a user's app wrote: that may be anything. The newest are last, and the ones kept."""
    if not isinstance(written, list | tuple):
        return ()
    usable = (token for token in written if isinstance(token, str) and 0 < len(token) <= MAX_TOKEN_LENGTH)
    return tuple(dict.fromkeys(usable))[-MAX_TOKENS:]
