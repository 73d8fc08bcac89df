"""Webhooks as they arrived: `bank_webhook_inbox/{delivery}`, each delivery once. Private."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.adapters.firestore_commit import Batch
from shared.adapters.firestore_errors import translates_outages
from shared.domain.errors import Conflict

if TYPE_CHECKING:
    from google.cloud import firestore

INBOX = "bank_webhook_inbox"
INBOX_KEPT = timedelta(days=30)  # by a TTL policy on `expires_at`


@translates_outages
class FirestoreInbox:
    """`bank_webhook_inbox/{delivery}`: each delivery once."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def record(self, delivery_id: str, body: dict[str, Any], *, now: datetime) -> bool:
        """One write."""
        batch = Batch(self._client)
        fields = {"delivery_id": delivery_id, "body": body, "received_at": now, "expires_at": now + INBOX_KEPT}
        batch.create(f"{INBOX}/{delivery_id}", fields)
        try:
            batch.commit()
        except Conflict:
            return False
        return True
