"""All sealed access tokens: of connections, interrupted exchanges and tombstones.

The tokens in Hosted Link's results are excluded, because a public token expires after 30 minutes.
"""

from typing import TYPE_CHECKING, Any

from google.cloud.firestore_v1.base_query import FieldFilter
from pydantic import ValidationError

from shared.adapters.firestore.commit import READ_TIMEOUT_SECONDS, RETRY, Batch, version_of
from shared.adapters.firestore.credentials import CREDENTIALS
from shared.adapters.firestore.errors import translates_outages
from shared.adapters.firestore.exchange_intents import INTENTS
from shared.adapters.firestore.removal_tombstones import REMOVALS
from shared.domain.connection import SealedToken
from shared.log import log
from shared.ports import StoredSeal

if TYPE_CHECKING:
    from google.cloud import firestore

WHERE: dict[str, str] = {CREDENTIALS: "", INTENTS: "access_token", REMOVALS: "access_token"}
"""The field with the sealed token, by collection; in credentials, the document itself is the token."""


@translates_outages
class FirestoreSeals:
    """The port `Seals`."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def older(self, newest: str, *, after: StoredSeal | None, limit: int) -> list[StoredSeal]:
        """Finds tokens that an older key sealed, in at most one query per collection."""
        found: list[StoredSeal] = []
        begun = after is None
        for collection in WHERE:
            if after is not None and after.place.startswith(f"{collection}/"):
                begun = True
                found += self._page(collection, newest, limit=limit, after=after)
            elif begun:
                found += self._page(collection, newest, limit=limit - len(found))
            if len(found) >= limit:
                break
        return found

    def replace(self, stored: StoredSeal, sealed: SealedToken) -> None:
        """Replaces a sealed token, in one commit."""
        field = WHERE[stored.place.partition("/")[0]]
        batch = Batch(self._client)
        batch.update(
            stored.place, {field: sealed.model_dump()} if field else sealed.model_dump(), expected=stored.version
        )
        batch.commit()

    def _page(self, collection: str, newest: str, *, limit: int, after: StoredSeal | None = None) -> list[StoredSeal]:
        key_id = f"{WHERE[collection]}.key_id".removeprefix(".")
        documents = self._client.collection(collection)
        query = documents.where(filter=FieldFilter(key_id, "!=", newest)).order_by(key_id).order_by("__name__")
        if after is not None:
            query = query.start_after([after.sealed.key_id, documents.document(after.place.partition("/")[2])])
        snapshots = query.limit(limit).stream(retry=RETRY, timeout=READ_TIMEOUT_SECONDS)
        return [self._stored(snapshot, WHERE[collection]) for snapshot in snapshots]

    def _stored(self, snapshot: Any, field: str) -> StoredSeal:
        fields = snapshot.to_dict()
        sealed = fields[field] if field else fields
        return StoredSeal(
            place=snapshot.reference.path,
            app_user_id=str(fields.get("app_user_id")),
            connection_id=str(fields.get("connection_id")),
            sealed=_sealed(sealed, place=snapshot.reference.path),
            version=version_of(snapshot),
        )


def _sealed(fields: dict[str, Any], *, place: str) -> SealedToken:
    """The sealed token in a document; if the document is unreadable, logs it and returns an empty token."""
    try:
        return SealedToken.model_validate(fields)
    except ValidationError:
        log.error("credentials.unreadable", place=place)
        return SealedToken(ciphertext="", key_id=str(fields.get("key_id")))
