"""A Plaid webhook and its meaning. shared/adapters/plaid/webhook_events.py translates its codes."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.domain.errors import ProviderError
from shared.domain.products.kinds import ProductKind
from shared.domain.storable import is_document_id, moment


class Meaning(StrEnum):
    """The meaning of a webhook. Payloads are only hints: the backend fetches the current state from Plaid if it can."""

    SYNC = "sync"
    SYNC_IF_INCOMPLETE = "sync_if_incomplete"
    LOGIN_ERROR = "login_error"
    LOGIN_REPAIRED = "login_repaired"
    EXPIRATION = "expiration"
    DISCONNECT = "disconnect"
    NEW_ACCOUNTS = "new_accounts"
    REVOKED = "revoked"
    ACCOUNT_REVOKED = "account_revoked"
    INSTITUTION = "institution"
    LINKED = "linked"
    NOTHING = "nothing"


# What is stored of a webhook that belongs to no connection, with which it would be deleted: it may identify a user, as
# those of Link's sessions do, and it could not be found again for an erasure. Nothing more is needed to prove arrival.
WITHOUT_CONNECTION = ("webhook_type", "webhook_code", "environment", "link_session_id")
SECRET = ("public_token", "public_tokens", "link_token", "new_webhook_url")  # never stored

AT_ONCE = (Meaning.SYNC, Meaning.SYNC_IF_INCOMPLETE)
"""Meanings that are handled before the response to Plaid, because they cost only one small commit."""


WITHOUT_TASK = (Meaning.NOTHING, Meaning.LINKED, Meaning.INSTITUTION)
"""Meanings without an effect on their connection, except for the product that they may name."""


class Webhook(BaseModel):
    """A verified webhook.

    Attributes:
        webhook_type, webhook_code: Plaid's own values, for the log and for operators.
        environment: The Plaid environment that sent it.
        item_id: The item that it concerns, if any.
        body: The complete body.
        meaning: What the backend must do; NOTHING for unknown codes.
        is_known: Whether its code is known, even if its meaning is NOTHING.
        is_of_link: Whether it concerns a Link session, so that it may contain data of no connection.
        institution_id: The institution that an alert is about.
        product: The product that has new data, if it is about one.
        error: The error that it reports, if the webhook alone decides.
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
    institution_id: str | None = None
    product: ProductKind | None = None
    error: ProviderError | None = None

    @property
    def consent_expiration_time(self) -> datetime | None:
        """When the consent ends, according to its announced expiration; None if unreadable."""
        return moment(self.body.get("consent_expiration_time"))

    @property
    def disconnect_time(self) -> datetime | None:
        """When the item stops working, according to its announced disconnect; None if unreadable."""
        return moment(self.body.get("disconnect_time"))

    @property
    def account_id(self) -> str | None:
        """The account that a revocation names; None if it is not a valid id."""
        value = self.body.get("account_id")
        return value if is_document_id(value) else None

    def stored(self, body: dict[str, Any], *, with_connection: bool) -> dict[str, Any]:
        """What of the body is stored: no secret, and without a connection nothing that identifies a user."""
        if not with_connection or self.is_of_link:
            return {name: body[name] for name in WITHOUT_CONNECTION if isinstance(body.get(name), str)}
        return {name: value for name, value in body.items() if name not in SECRET}
