"""Sessions of Link and Hosted Link. Hosted Link runs on a page at Plaid, and reports its result by webhook.

Source: https://plaid.com/docs/link/hosted-link/ and https://plaid.com/docs/api/link/#link-webhooks
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.domain.connection import SealedToken
from shared.domain.region import Region

PUBLIC_TOKEN_LIVES = timedelta(minutes=30)  # https://plaid.com/docs/api/items/#itempublic_tokenexchange
MAX_PUBLIC_TOKENS = 20  # of one session: a user links a few banks at a time


@dataclass(frozen=True, slots=True)
class LinkSession:
    """The session of a link token.

    Attributes:
        app_user_id: The user whom the token was issued to.
        usable_until: When the token expires at Plaid.
        hosted: The public tokens arrive by webhook, and the backend exchanges them.
        updates: The session is in update mode, for an existing connection.
        region: The key pair of Plaid that made the link token.
    """

    app_user_id: str
    usable_until: datetime
    hosted: bool = False
    updates: bool = False
    region: Region = Region.US


class LinkOutcome(StrEnum):
    """The outcome of a public token that arrived by webhook."""

    CONNECTED = "connected"
    DUPLICATE = "duplicate"  # its accounts are already connected
    TOO_MANY = "too_many"  # the user has as many connections as allowed
    UNUSABLE = "unusable"  # expired, already used, or rejected by Plaid


@dataclass(frozen=True, slots=True)
class LinkResult:
    """A public token that arrived by webhook. After the exchange, only the outcome is kept."""

    result_id: str
    app_user_id: str
    public_token: SealedToken | None
    created_at: datetime
    outcome: LinkOutcome | None = None
    connection_id: str | None = None

    @property
    def sealed_for(self) -> str:
        """What the token is sealed for, together with its owner: there is no connection id yet."""
        return f"link-result-{self.result_id}"


def digest(token: str) -> str:
    """The hash that identifies a secret token."""
    return hashlib.sha256(token.encode()).hexdigest()


def public_tokens(body: dict[str, Any]) -> tuple[str, ...]:
    """The public tokens in a LINK webhook: one, several, or none if the user left Link."""
    many = body.get("public_tokens")
    named = [*(many if isinstance(many, list) else ()), body.get("public_token")]
    found = dict.fromkeys(token for token in named if isinstance(token, str) and token)
    return tuple(found)[:MAX_PUBLIC_TOKENS]
