"""Issued link tokens, and the results of Hosted Link. Private; a TTL policy on `expires_at` deletes both.

bank_link_sessions/{hash of the link token}     the user whom the token was issued to
bank_link_results/{hash of the public token}    the sealed public token, until it is exchanged
"""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from google.cloud.firestore_v1.base_query import FieldFilter

from shared.adapters.firestore.commit import Batch
from shared.adapters.firestore.errors import translates_outages
from shared.domain import retention
from shared.domain.connection import SealedToken
from shared.domain.errors import Conflict
from shared.domain.hosted_link import LinkOutcome, LinkResult, LinkSession, digest
from shared.domain.region import Region

if TYPE_CHECKING:
    from google.cloud import firestore

SESSIONS = "bank_link_sessions"
RESULTS = "bank_link_results"
MAX_SESSIONS = 100


@translates_outages
class FirestoreLinks:
    """The port `Links`."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def remember(self, link_token: str, session: LinkSession, *, now: datetime) -> None:
        """Stores the session of a link token, in one write."""
        batch = Batch(self._client)
        batch.replace(
            f"{SESSIONS}/{digest(link_token)}", asdict(session) | {"expires_at": now + retention.LINK_SESSION}
        )
        batch.commit()

    def session(self, link_token: str) -> LinkSession | None:
        """Finds the session of a link token, in one read."""
        fields = self._read(SESSIONS, digest(link_token))
        if not fields:
            return None
        # Older versions stored only sessions of Hosted Link, with fewer fields.
        return LinkSession(
            fields["app_user_id"],
            fields.get("usable_until") or fields["expires_at"],
            fields.get("hosted", True),
            fields.get("updates", False),
            Region(fields.get("region", Region.US)),
        )

    def is_updating(self, app_user_id: str, *, now: datetime) -> bool:
        """Whether a user has an unexpired link token for update mode, in one query."""
        query = (
            self._client.collection(SESSIONS)
            .where(filter=FieldFilter("app_user_id", "==", app_user_id))
            .where(filter=FieldFilter("updates", "==", True))
            .where(filter=FieldFilter("usable_until", ">", now))
        )
        return any(query.limit(1).stream())

    def regions(self, app_user_id: str, *, usable_after: datetime) -> frozenset[Region]:
        """The key pairs of a user's link tokens, in one query; a user has a few. Too many count as all pairs."""
        query = (
            self._client.collection(SESSIONS)
            .where(filter=FieldFilter("app_user_id", "==", app_user_id))
            .where(filter=FieldFilter("updates", "in", [True, False]))
            .where(filter=FieldFilter("usable_until", ">", usable_after))
        )
        found = list(query.select(["region"]).limit(MAX_SESSIONS).stream())
        if len(found) == MAX_SESSIONS:
            return frozenset(Region)  # the ones that were not read may be of any pair
        return frozenset(Region((session.to_dict() or {}).get("region", Region.US)) for session in found)

    def keep(self, result: LinkResult) -> bool:
        """Stores a result of Hosted Link, in one write; False if it is already stored."""
        fields = asdict(result) | {"expires_at": result.created_at + retention.LINK_SESSION}
        fields["public_token"] = result.public_token.model_dump() if result.public_token else None
        batch = Batch(self._client)
        batch.create(f"{RESULTS}/{result.result_id}", fields)
        try:
            batch.commit()
        except Conflict:
            return False
        return True

    def result(self, result_id: str) -> LinkResult | None:
        """Finds a result of Hosted Link, in one read."""
        fields = self._read(RESULTS, result_id)
        if not fields:
            return None
        known: dict[str, Any] = {name: fields.get(name) for name in LinkResult.__dataclass_fields__}
        if known["public_token"] is not None:
            known["public_token"] = SealedToken.model_validate(known["public_token"])
        if known["outcome"] is not None:
            known["outcome"] = LinkOutcome(known["outcome"])
        return LinkResult(**known)

    def settle(self, result_id: str, outcome: LinkOutcome, *, connection_id: str | None) -> None:
        """Stores the outcome of a result, in one write; no effect if the result has expired."""
        batch = Batch(self._client)
        fields = {"public_token": None, "outcome": outcome, "connection_id": connection_id}
        batch.update(f"{RESULTS}/{result_id}", fields)
        try:
            batch.commit()
        except Conflict:
            return

    def _read(self, collection: str, name: str) -> dict[str, Any]:
        return self._client.document(collection, name).get().to_dict() or {}
