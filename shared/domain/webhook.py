"""What Plaid's webhooks mean. Codes: https://plaid.com/docs/api/webhooks/"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from shared.domain.storable import is_document_id, moment


class Meaning(StrEnum):
    """What a webhook asks of us. Payloads are hints: what can be read again at Plaid is."""

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


MEANINGS = {
    ("TRANSACTIONS", "SYNC_UPDATES_AVAILABLE"): Meaning.SYNC,
    # Sent for the older endpoint too; they help only while the history is still coming in.
    ("TRANSACTIONS", "INITIAL_UPDATE"): Meaning.SYNC_IF_INCOMPLETE,
    ("TRANSACTIONS", "HISTORICAL_UPDATE"): Meaning.SYNC_IF_INCOMPLETE,
    # What these tell comes with SYNC_UPDATES_AVAILABLE, too.
    ("TRANSACTIONS", "DEFAULT_UPDATE"): Meaning.NOTHING,
    ("TRANSACTIONS", "TRANSACTIONS_REMOVED"): Meaning.NOTHING,
    ("TRANSACTIONS", "RECURRING_TRANSACTIONS_UPDATE"): Meaning.NOTHING,
    ("ITEM", "ERROR"): Meaning.LOGIN_ERROR,
    ("ITEM", "LOGIN_REPAIRED"): Meaning.LOGIN_REPAIRED,
    ("ITEM", "PENDING_EXPIRATION"): Meaning.EXPIRATION,
    ("ITEM", "PENDING_DISCONNECT"): Meaning.DISCONNECT,
    ("ITEM", "NEW_ACCOUNTS_AVAILABLE"): Meaning.NEW_ACCOUNTS,
    ("ITEM", "USER_PERMISSION_REVOKED"): Meaning.REVOKED,
    ("ITEM", "USER_ACCOUNT_REVOKED"): Meaning.ACCOUNT_REVOKED,
    ("ITEM", "WEBHOOK_UPDATE_ACKNOWLEDGED"): Meaning.NOTHING,
    ("LINK", "SESSION_FINISHED"): Meaning.LINKED,
    ("LINK", "ITEM_ADD_RESULT"): Meaning.LINKED,
    ("LINK", "EVENTS"): Meaning.NOTHING,
    # Products that are not asked for.
    ("HOLDINGS", "DEFAULT_UPDATE"): Meaning.NOTHING,
    ("INVESTMENTS_TRANSACTIONS", "DEFAULT_UPDATE"): Meaning.NOTHING,
    ("LIABILITIES", "DEFAULT_UPDATE"): Meaning.NOTHING,
}

AT_ONCE = (Meaning.SYNC, Meaning.SYNC_IF_INCOMPLETE)
"""What is done while Plaid waits for the answer: it costs one small commit."""


class Webhook(BaseModel):
    """A verified webhook; only what every code has, the rest stays in `body`."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    webhook_type: str
    webhook_code: str
    environment: str | None = None
    item_id: str | None = None
    body: dict[str, Any] = {}

    @classmethod
    def of(cls, body: dict[str, Any]) -> Self:
        """The webhook in a parsed body.

        Raises:
            pydantic.ValidationError: Type or code is missing or not a string.
        """
        known = {name: body[name] for name in cls.model_fields if name != "body" and name in body}
        return cls.model_validate({**known, "body": body})

    @property
    def is_known(self) -> bool:
        """Whether its code has a meaning here, be it that there is nothing to do."""
        return (self.webhook_type, self.webhook_code) in MEANINGS

    @property
    def meaning(self) -> Meaning:
        """What to do about it; unknown codes ask for nothing."""
        return MEANINGS.get((self.webhook_type, self.webhook_code), Meaning.NOTHING)

    @property
    def consent_expiration_time(self) -> datetime | None:
        """When PENDING_EXPIRATION says that the consent ends, if that can be read."""
        return moment(self.body.get("consent_expiration_time"))

    @property
    def disconnect_time(self) -> datetime | None:
        """When PENDING_DISCONNECT says that the item stops working, if that can be read."""
        return moment(self.body.get("disconnect_time"))

    @property
    def account_id(self) -> str | None:
        """The account that USER_ACCOUNT_REVOKED names."""
        value = self.body.get("account_id")
        return value if is_document_id(value) else None
