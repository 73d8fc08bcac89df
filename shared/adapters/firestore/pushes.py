"""Push messages and devices.

bank_pushes/{hash}          the messages that were sent
bank_device_tokens/{hash}   the owner of a device
users/{uid}                 the device tokens, written by the user's app

The private documents contain no user data, only hashes. So they need no erasure; they expire.
"""

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from google.api_core.exceptions import NotFound
from google.cloud.firestore_v1.transforms import ArrayRemove

from shared.adapters.firestore.commit import Batch
from shared.adapters.firestore.errors import translates_outages
from shared.domain import retention
from shared.domain.errors import Conflict
from shared.domain.push import TokenHolders
from shared.ports import Devices

if TYPE_CHECKING:
    from google.cloud import firestore

PUSHES = "bank_pushes"
OWNERS = "bank_device_tokens"
TOKENS = "notification_tokens"
MAX_HOLDERS = 50  # of a user's tokens; usually each token has one


@translates_outages
class FirestorePushes:
    """The port `Pushes`."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def devices(self, app_user_id: str) -> Devices:
        """Reads the device tokens and the language of a user, in one read."""
        found = self._client.document("users", app_user_id).get([TOKENS, "language"]).to_dict() or {}
        return Devices(found.get(TOKENS), found.get("language"))

    def holders(self, tokens: Sequence[str]) -> dict[str, TokenHolders]:
        """Finds the users who store each token: one query, which reads a document per user, and one read per token."""
        from google.cloud.firestore_v1.base_query import FieldFilter

        storing = FieldFilter(TOKENS, "array_contains_any", list(tokens))
        users = list(
            self._client.collection("users").where(filter=storing).select([TOKENS]).limit(MAX_HOLDERS).stream()
        )
        decided = self._client.get_all([self._client.document(OWNERS, _hash(token)) for token in tokens])
        owners = {one.id: one.get("owner") for one in decided if one.exists}
        holders = {}
        for token in tokens:
            listed = {user.id: user.update_time for user in users if token in user.get(TOKENS)}
            owner = owners.get(_hash(token))
            holders[token] = TokenHolders(next((uid for uid in listed if _owner(uid, token) == owner), None), listed)
        return holders

    def hand_over(self, token: str, *, to: str, others: Collection[str], now: datetime) -> None:
        """Makes a user the only one who stores a token: one write per other user, and one for the owner.

        The order matters: after an interruption the new owner stores the token, and the previous one does not.
        """
        for other in others:
            self.drop_tokens(other, [token])
        owner = {"owner": _owner(to, token), "expires_at": now + retention.DEVICE_OWNER}
        self._client.document(OWNERS, _hash(token)).set(owner)

    def claim(self, app_user_id: str, notification_id: str, *, now: datetime) -> bool:
        """Claims the sending of a push message, in one write; False if it was claimed before."""
        claim = _hash(f"{len(app_user_id)}:{app_user_id}:{notification_id}")
        batch = Batch(self._client)
        batch.create(f"{PUSHES}/{claim}", {"expires_at": now + retention.PUSH_CLAIM})
        try:
            batch.commit()
        except Conflict:
            return False
        return True

    def drop_tokens(self, app_user_id: str, tokens: Sequence[str]) -> None:
        """Removes tokens of a user, in one write; tokens that were added meanwhile are kept."""
        try:
            self._client.document("users", app_user_id).update({TOKENS: ArrayRemove(list(tokens))})
        except NotFound:
            return


def _owner(app_user_id: str, token: str) -> str:
    """A hash of user and token: it identifies the owner only to callers who know both."""
    return _hash(f"{len(app_user_id)}:{app_user_id}:{token}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
