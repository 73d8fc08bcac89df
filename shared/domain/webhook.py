"""A webhook of Plaid's, and what it asks of us. Its codes are translated in shared/adapters/plaid/webhook_events.py."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.domain.errors import ProviderError
from shared.domain.storable import is_document_id, moment


class Meaning(StrEnum):
    """What a webhook asks of us. Payloads are hints: whatever Plaid can be asked again is asked again."""

    SYNC = "sync"
    SYNC_IF_INCOMPLETE = "sync_if_incomplete"
    LOGIN_ERROR = "login_error"
    LOGIN_REPAIRED = "login_repaired"
    EXPIRATION = "expiration"
    DISCONNECT = "disconnect"
    NEW_ACCOUNTS = "new_accounts"
    REVOKED = "revoked"
    ACCOUNT_REVOKED = "account_revoked"
    LINKED = "linked"
    NOTHING = "nothing"


# What is stored of a webhook that belongs to no connection, with which it would be deleted: it may identify a user, as
# those of Link's sessions do, and it could not be found again for an erasure. Nothing more is needed to prove arrival.
WITHOUT_CONNECTION = ("webhook_type", "webhook_code", "environment", "link_session_id")
SECRET = ("public_token", "public_tokens", "link_token", "new_webhook_url")  # never stored

AT_ONCE = (Meaning.SYNC, Meaning.SYNC_IF_INCOMPLETE)
"""Handled while Plaid waits for the answer, at the cost of one small commit."""


class Webhook(BaseModel):
    """A verified webhook.

    Attributes:
        webhook_type, webhook_code: Plaid's own, as data: for the log and for operators.
        environment: Plaid's environment that sent it.
        item_id: The item that it is about, if it is about one.
        body: All of it.
        meaning: What it asks of us; unknown codes ask for nothing.
        is_known: Whether its code is known, even if it asks for nothing.
        is_of_link: Whether it is about a session of Link, so that it may hold what belongs to no connection.
        error: What it reports of the item, where the webhook alone decides.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True, arbitrary_types_allowed=True)

    webhook_type: str
    webhook_code: str
    environment: str | None = None
    item_id: str | None = None
    body: dict[str, Any] = {}
    meaning: Meaning = Meaning.NOTHING
    is_known: bool = False
    is_of_link: bool = False
    error: ProviderError | None = None

    @property
    def consent_expiration_time(self) -> datetime | None:
        """When the consent ends, according to an announcement of its expiration; None if that cannot be read."""
        return moment(self.body.get("consent_expiration_time"))

    @property
    def disconnect_time(self) -> datetime | None:
        """When the item stops working, according to an announcement of its disconnect; None if that cannot be read."""
        return moment(self.body.get("disconnect_time"))

    @property
    def account_id(self) -> str | None:
        """The account that a revocation names; None if it is no usable id."""
        value = self.body.get("account_id")
        return value if is_document_id(value) else None

    def stored(self, body: dict[str, Any], *, with_connection: bool) -> dict[str, Any]:
        """What of the body is stored: no secret, and without a connection nothing that identifies a user."""
        if not with_connection or self.is_of_link:
            return {name: body[name] for name in WITHOUT_CONNECTION if isinstance(body.get(name), str)}
        return {name: value for name, value in body.items() if name not in SECRET}
