"""A push message: it announces a notification on the user's devices; the app shows the details.

Other people can read a lock screen, so a push message contains no bank, merchant, amount, account or note. Its text
depends only on the notification's kind and the user's language. The details stay in the notification's document.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.domain.locales import DEFAULT_LANGUAGE, Locale
from shared.domain.notification import NotificationKind

MAX_TOKENS = 20  # as many as the Firestore rules let a user write
MAX_TOKEN_LENGTH = 4096

# Title and body by language; to add a language, add one entry to each.
_ATTENTION = {
    "en": ("Your bank connection needs attention", "Open the app to fix it."),
    "es": ("Tu conexión bancaria necesita atención", "Abre la app para solucionarlo."),
    "fr": ("Votre connexion bancaire requiert votre attention", "Ouvrez l’application pour y remédier."),
    "de": ("Ihre Bankverbindung braucht Ihre Aufmerksamkeit", "Öffnen Sie die App, um das Problem zu beheben."),
}
_NEWS = {
    "en": ("Your bank connection has an update", "Open the app to see the details."),
    "es": ("Hay novedades en tu conexión bancaria", "Abre la app para ver los detalles."),
    "fr": ("Votre connexion bancaire a du nouveau", "Ouvrez l’application pour voir les détails."),
    "de": ("Neuigkeiten zu Ihrer Bankverbindung", "Öffnen Sie die App, um die Einzelheiten zu sehen."),
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
"""The kinds that need an action of the user."""


class PushMessage(BaseModel):
    """One message for all devices of a user."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, defer_build=True)

    notification_id: str
    kind: str
    connection_id: str
    language: str = DEFAULT_LANGUAGE

    @classmethod
    def of(cls, notification_id: str, document: Mapping[str, Any]) -> Self | None:
        """The message for a notification's document; None if the document is not a valid notification."""
        named = {name: document.get(name) for name in ("kind", "connection_id")}
        try:
            return cls.model_validate({**named, "notification_id": notification_id})
        except ValidationError:
            return None

    def in_language(self, language: object) -> Self:
        """The same message in another language; English if there are no texts in it."""
        return self.model_copy(update={"language": Locale.of(language).language})

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
        """The data that the app receives with the text: ids and the kind only."""
        return self.model_dump(include={"notification_id", "kind", "connection_id"})

    @property
    def collapse_id(self) -> str:
        """Devices show messages with the same id only once, even if a message is delivered twice.

        It has 64 characters, the longest that Apple allows.
        """
        return hashlib.sha256(self.notification_id.encode()).hexdigest()


class PushOutcome(StrEnum):
    """The outcome of sending a message to one device."""

    SENT = "sent"
    GONE = "gone"  # the token is permanently invalid
    LATER = "later"  # a temporary failure: a retry may succeed
    REFUSED = "refused"  # a permanent failure, although the token may be valid


@dataclass(frozen=True, slots=True)
class Receipt:
    """The result for one device. `error_code` is FCM's own, for operators."""

    outcome: PushOutcome
    error_code: str | None = None
    retry_after_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class TokenHolders:
    """The users who have stored a device's token.

    Attributes:
        owner: The device's owner at the last decision, if that user still stores the token.
        listed: All users who store the token now, with the time of the last write to their document.
    """

    owner: str | None
    listed: Mapping[str, datetime]

    @property
    def latest(self) -> str | None:
        """The device's owner: the user who stored the token last.

        Each decision about the owner removes the token from all other users, so any other user who has it now stored it
        later. With several such users, or before the first decision, the owner is the user whose document was written
        last.
        """
        later = {uid: at for uid, at in self.listed.items() if uid != self.owner}
        return max(later, key=lambda uid: (later[uid], uid), default=self.owner)


def usable_tokens(written: object) -> tuple[str, ...]:
    """The valid device tokens in the unchecked list that the user's app wrote; keeps the newest, which are the last."""
    if not isinstance(written, list | tuple):
        return ()
    usable = (token for token in written if isinstance(token, str) and 0 < len(token) <= MAX_TOKEN_LENGTH)
    return tuple(dict.fromkeys(usable))[-MAX_TOKENS:]
