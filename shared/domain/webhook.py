"""What Plaid's webhooks mean. Codes: https://plaid.com/docs/api/webhooks/"""

from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Effect(StrEnum):
    """What a webhook asks of us. Payloads are hints: what is true is read again at Plaid."""

    SYNC = "sync"
    SYNC_IF_INCOMPLETE = "sync_if_incomplete"
    NONE = "none"


EFFECTS = {
    ("TRANSACTIONS", "SYNC_UPDATES_AVAILABLE"): Effect.SYNC,
    # Sent for the older endpoint too; they help only while the history is still coming in.
    ("TRANSACTIONS", "INITIAL_UPDATE"): Effect.SYNC_IF_INCOMPLETE,
    ("TRANSACTIONS", "HISTORICAL_UPDATE"): Effect.SYNC_IF_INCOMPLETE,
}


class Webhook(BaseModel):
    """A verified webhook; only what every code has, the rest stays in `body`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

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
    def effect(self) -> Effect:
        """What to do about it; unknown codes ask for nothing."""
        return EFFECTS.get((self.webhook_type, self.webhook_code), Effect.NONE)
