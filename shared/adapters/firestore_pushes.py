"""Push messages: `bank_pushes/{hash}` says which were sent; the devices' tokens are in `users/{uid}`.

The claim holds nothing of the user: only its name, a hash, says whose it is.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from google.api_core.exceptions import NotFound
from google.cloud.firestore_v1.transforms import ArrayRemove

from shared.adapters.firestore_commit import Batch
from shared.adapters.firestore_errors import translates_outages
from shared.domain.errors import Conflict

if TYPE_CHECKING:
    from google.cloud import firestore

PUSHES = "bank_pushes"
CLAIM_KEPT = timedelta(days=7)  # by a TTL policy on `expires_at`; triggers are delivered again for a day
TOKENS = "notification_tokens"


@translates_outages
class FirestorePushes:
    """The port `Pushes`."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def tokens(self, app_user_id: str) -> object:
        """One read."""
        return (self._client.document("users", app_user_id).get([TOKENS]).to_dict() or {}).get(TOKENS)

    def claim(self, app_user_id: str, notification_id: str, *, now: datetime) -> bool:
        """One write."""
        claim = hashlib.sha256(f"{len(app_user_id)}:{app_user_id}:{notification_id}".encode()).hexdigest()
        batch = Batch(self._client)
        batch.create(f"{PUSHES}/{claim}", {"expires_at": now + CLAIM_KEPT})
        try:
            batch.commit()
        except Conflict:
            return False
        return True

    def drop_tokens(self, app_user_id: str, tokens: Sequence[str]) -> None:
        """One write, of these tokens only: others may have been added meanwhile."""
        try:
            self._client.document("users", app_user_id).update({TOKENS: ArrayRemove(list(tokens))})
        except NotFound:
            return
