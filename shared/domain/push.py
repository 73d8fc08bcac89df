"""A push message: what a notification shows on the user's devices. The notification's document stays the truth."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

MAX_TOKENS = 20  # as many as the rules let a user write
MAX_TOKEN_LENGTH = 4096
# A message has 4,096 bytes in all (https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode), a character up
# to four; whoever wants the rest opens the app.
MAX_TITLE, MAX_BODY = 100, 500


class PushMessage(BaseModel):
    """One message for all devices of a user."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, defer_build=True)

    notification_id: str
    kind: str
    connection_id: str
    title: str = Field(repr=False)
    body: str = Field(repr=False)

    @classmethod
    def of(cls, notification_id: str, document: Mapping[str, Any]) -> Self | None:
        """The message for a notification's document; None if that is not one of ours."""
        try:
            given = cls.model_validate({**document, "notification_id": notification_id})
        except ValidationError:
            return None
        shown = {"title": _shortened(given.title, MAX_TITLE), "body": _shortened(given.body, MAX_BODY)}
        return given.model_copy(update=shown)

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


class Fate(StrEnum):
    """What became of a message to one device."""

    SENT = "sent"
    GONE = "gone"  # the token is no device's (any more), and never will be again
    LATER = "later"  # not now: trying again may help
    REFUSED = "refused"  # neither


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer for one device. `error_code` is the service's own, for operators."""

    fate: Fate
    error_code: str | None = None
    retry_after_seconds: int | None = None


def usable_tokens(written: object) -> tuple[str, ...]:
    """The devices' tokens in what a user's app wrote: that may be anything. The newest are last, and the ones kept."""
    if not isinstance(written, list | tuple):
        return ()
    usable = (token for token in written if isinstance(token, str) and 0 < len(token) <= MAX_TOKEN_LENGTH)
    return tuple(dict.fromkeys(usable))[-MAX_TOKENS:]


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
