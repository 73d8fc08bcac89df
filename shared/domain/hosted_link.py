"""Link's sessions; and Hosted Link: Plaid shows Link on a page of its own, and tells us, not the app, how it ended.

Source: https://plaid.com/docs/link/hosted-link/ and https://plaid.com/docs/api/link/#link-webhooks
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.domain.connection import SealedToken

MAX_PUBLIC_TOKENS = 20  # of one session: a user links a few banks at a time


@dataclass(frozen=True, slots=True)
class LinkSession:
    """To whom a link token was issued.

    Attributes:
        app_user_id: The user who asked for it.
        usable_until: When Plaid stops to take it.
        hosted: Its public tokens come by webhook, and are exchanged by the backend.
        updates: It is for update mode, of an item that is connected already.
    """

    app_user_id: str
    usable_until: datetime
    hosted: bool = False
    updates: bool = False


class LinkOutcome(StrEnum):
    """What became of a public token that came by webhook."""

    CONNECTED = "connected"
    DUPLICATE = "duplicate"  # its accounts were connected already
    TOO_MANY = "too_many"  # its user has as many connections as allowed
    UNUSABLE = "unusable"  # expired, used before, or Plaid does not want it


@dataclass(frozen=True, slots=True)
class LinkResult:
    """A public token that came by webhook, until it is exchanged; from then on only what became of it."""

    result_id: str
    app_user_id: str
    public_token: SealedToken | None
    created_at: datetime
    outcome: LinkOutcome | None = None
    connection_id: str | None = None

    @property
    def sealed_for(self) -> str:
        """In place of a connection's id, which there is none of yet: what the token is sealed for, with its owner."""
        return f"link-result-{self.result_id}"


def digest(token: str) -> str:
    """Names a token that is too secret to be named."""
    return hashlib.sha256(token.encode()).hexdigest()


def public_tokens(body: dict[str, Any]) -> tuple[str, ...]:
    """The public tokens in a LINK webhook: one, several, or none where the user went away."""
    many = body.get("public_tokens")
    named = [*(many if isinstance(many, list) else ()), body.get("public_token")]
    found = dict.fromkeys(token for token in named if isinstance(token, str) and token)
    return tuple(found)[:MAX_PUBLIC_TOKENS]
