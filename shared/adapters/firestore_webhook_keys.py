"""The ids of the keys that Plaid has signed webhooks with: one document, `bank_webhook_keys/seen`. Private."""

from datetime import datetime
from typing import TYPE_CHECKING

from shared.adapters.firestore_commit import READ_TIMEOUT_SECONDS, RETRY
from shared.adapters.firestore_errors import translates_outages

if TYPE_CHECKING:
    from google.cloud import firestore

KEYS = "bank_webhook_keys/seen"


@translates_outages
class FirestoreWebhookKeys:
    """The port `WebhookKeys`. Plaid has a handful of keys and replaces them rarely, so none is ever taken out."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def seen(self) -> frozenset[str]:
        """One read."""
        found = self._client.document(KEYS).get(retry=RETRY, timeout=READ_TIMEOUT_SECONDS).to_dict() or {}
        return frozenset(found.get("since", {}))

    def add(self, key_id: str, *, now: datetime) -> None:
        """One write."""
        self._client.document(KEYS).set({"since": {key_id: now}}, merge=True)
