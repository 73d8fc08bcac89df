"""Sealed access tokens: `bank_credentials/{connection_id}`. Private."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from google.cloud.firestore_v1.base_query import FieldFilter
from pydantic import ValidationError

from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.firestore.commit import READ_TIMEOUT_SECONDS, RETRY, Batch, version_of
from shared.adapters.firestore.due_documents import due_documents
from shared.adapters.firestore.errors import OUTAGES, translates_outages, unavailable
from shared.adapters.firestore.removal_tombstones import REMOVALS
from shared.domain.audit import AuditEntry
from shared.domain.connection import SealedToken
from shared.domain.credentials import StoredAccessToken
from shared.log import log
from shared.ports import Version

if TYPE_CHECKING:
    from google.cloud import firestore

CREDENTIALS = "bank_credentials"


@translates_outages
class FirestoreCredentials:
    """The port `Credentials`."""

    def __init__(self, client: "firestore.Client", *, audit: FirestoreAudit) -> None:
        self._client = client
        self._audit = audit

    def load(self, connection_id: str) -> tuple[StoredAccessToken, Version] | None:
        """Loads a connection's access token, in one read."""
        document = self._client.document(CREDENTIALS, connection_id)
        snapshot = document.get(retry=RETRY, timeout=READ_TIMEOUT_SECONDS)
        return (stored_in(snapshot), version_of(snapshot)) if snapshot.exists else None

    def save(self, kept: StoredAccessToken, *, expected: Version, audit: Sequence[AuditEntry] = ()) -> Version:
        """Replaces a connection's access token, in one commit; with an audit entry, one more read."""
        batch = Batch(self._client)
        put_credentials(batch, kept, expected=expected)
        self._audit.append(batch, audit)
        return batch.commit()[0]

    def bury(self, connection_id: str, token: SealedToken, *, now: datetime) -> None:
        """Moves a new token into the tombstone of a removed connection, in one write."""
        batch = Batch(self._client)
        changes = {"access_token": token.model_dump(), "token_settles_at": None, "due_at": now}
        batch.update(f"{REMOVALS}/{connection_id}", changes)
        batch.commit()

    def due(self, now: datetime, *, limit: int) -> list[tuple[StoredAccessToken, Version]]:
        """Finds access tokens whose rotation is due, in one query."""

        def read(snapshot: Any) -> tuple[StoredAccessToken, Version]:
            return stored_in(snapshot), version_of(snapshot)

        def unreadable(name: str) -> None:
            log.error("credentials.unreadable", connection_id=name)

        return due_documents(self._client, CREDENTIALS, now, limit=limit, read=read, unreadable=unreadable)

    def issued_before(self, moment: datetime) -> Iterator[StoredAccessToken]:
        """Finds access tokens that were issued before a moment, in one query."""
        query = self._client.collection(CREDENTIALS).where(filter=FieldFilter("issued_at", "<", moment))
        try:
            yield from (kept for kept, _ in _stored_tokens(query.order_by("issued_at").stream()))
        except OUTAGES as error:
            raise unavailable() from error

    def of_user(self, app_user_id: str) -> list[StoredAccessToken]:
        """Finds the access tokens of a user, in one query."""
        query = self._client.collection(CREDENTIALS).where(filter=FieldFilter("app_user_id", "==", app_user_id))
        return [kept for kept, _ in _stored_tokens(query.stream())]


def put_credentials(batch: Batch, kept: StoredAccessToken, *, expected: Version | None) -> None:
    """Writes an access token; creates it if `expected` is None."""
    fields = kept.model_dump(exclude={"token"}) | kept.token.model_dump()
    path = f"{CREDENTIALS}/{kept.connection_id}"
    if expected is None:
        batch.create(path, fields)
    else:
        batch.replace(path, fields, expected=expected)


def _stored_tokens(snapshots: Any) -> Iterator[tuple[StoredAccessToken, Version]]:
    """The access tokens in documents; unreadable documents are logged and skipped."""
    for snapshot in snapshots:
        try:
            yield stored_in(snapshot), version_of(snapshot)
        except ValidationError:
            log.error("credentials.unreadable", connection_id=snapshot.id)


def stored_in(snapshot: Any) -> StoredAccessToken:
    """The access token in a document, with its rotation state."""
    fields = snapshot.to_dict()
    return StoredAccessToken.model_validate(fields | {"token": SealedToken.model_validate(fields)})
