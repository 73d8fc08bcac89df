"""The ids of Plaid's verification keys that webhooks have used: one document, `bank_webhook_keys/seen`. Private.

An id without a region is of the first key pair.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from google.api_core import exceptions

from shared.adapters.firestore.errors import translates_outages
from shared.adapters.firestore.limits import FirestoreLimits
from shared.domain.errors import Conflict
from shared.domain.region import Region

if TYPE_CHECKING:
    from google.cloud import firestore

KEYS = "bank_webhook_keys/seen"
BUCKETS = "__webhooks"  # stored among the users' limits, under this name
READ_TIMEOUT_SECONDS = 2.0  # a webhook waits for this read, and can be verified without it


@translates_outages
class FirestoreWebhookKeys:
    """The port `WebhookKeys`. Plaid has a handful of keys and replaces them rarely, so no id is ever deleted."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client
        self._limits = FirestoreLimits(client)

    def seen(self) -> dict[str, Region]:
        """Reads the known key ids and their key pairs, in one read."""
        found = self._client.document(KEYS).get(retry=None, timeout=READ_TIMEOUT_SECONDS).to_dict() or {}
        regions = found.get("regions", {})
        return {key_id: Region(regions.get(key_id, Region.US)) for key_id in found.get("since", {})}

    def spend(self, bucket: str, *, per_minute: int, now: datetime) -> int | None:
        """Counts a look-up of an unknown key: one read, and one write if it is allowed."""
        return self._limits.spend(BUCKETS, bucket, per_minute=per_minute, now=now)

    def add(self, key_id: str, region: Region, *, now: datetime) -> None:
        """Adds a key id, in one write."""
        added = {"since": {key_id: now}, "regions": {key_id: region.value}}
        try:
            self._client.document(KEYS).set(added, merge=True, retry=None, timeout=READ_TIMEOUT_SECONDS)
        except exceptions.Aborted:
            raise Conflict from None
