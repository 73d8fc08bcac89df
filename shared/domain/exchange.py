"""The exchange of a public token, as far as it must be remembered."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.domain.connection import SealedToken


@dataclass(frozen=True, slots=True)
class Intent:
    """What is known of one public token: that its exchange began, and how it ended.

    An intent precedes the call to Plaid, so that no exchanged token is ever forgotten without a trace.
    """

    intent_id: str
    app_user_id: str
    connection_id: str
    created_at: datetime
    attempt: str
    item_id: str | None = None
    access_token: SealedToken | None = None
    answer: dict[str, Any] | None = None
