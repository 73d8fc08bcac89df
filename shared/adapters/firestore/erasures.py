"""Erasures in Firestore: `bank_erasures/{uid}`, kept until only the user's audit log is left. Private."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.firestore.commit import Batch, version_of
from shared.adapters.firestore.due_documents import due_documents
from shared.adapters.firestore.errors import translates_outages
from shared.domain.audit import AuditEntry
from shared.domain.erasure import Erasure
from shared.log import log
from shared.ports import Version

if TYPE_CHECKING:
    from google.cloud import firestore

ERASURES = "bank_erasures"


@translates_outages
class FirestoreErasures:
    """The port `Erasures`."""

    def __init__(self, client: "firestore.Client", *, audit: FirestoreAudit) -> None:
        self._client = client
        self._audit = audit

    def begin(self, erasure: Erasure, *, audit: AuditEntry) -> Erasure:
        """Records an erasure, or extends the one that exists: one read and one commit."""
        found = self.find(erasure.app_user_id)
        batch = Batch(self._client)
        path = f"{ERASURES}/{erasure.app_user_id}"
        if found is None:
            batch.create(path, erasure.model_dump())
            self._audit.append(batch, [audit])
        else:
            erasure = found[0].extended(erasure)
            batch.replace(path, erasure.model_dump(), expected=found[1])
        batch.commit()
        return erasure

    def find(self, app_user_id: str) -> tuple[Erasure, Version] | None:
        """Finds a user's erasure, in one read."""
        snapshot = self._client.document(ERASURES, app_user_id).get()
        return (Erasure.model_validate(snapshot.to_dict()), version_of(snapshot)) if snapshot.exists else None

    def due(self, now: datetime, *, limit: int) -> list[tuple[Erasure, Version]]:
        """Finds erasures that are due, in one query."""

        def read(snapshot: Any) -> tuple[Erasure, Version]:
            return Erasure.model_validate(snapshot.to_dict()), version_of(snapshot)

        def unreadable(_: str) -> None:
            log.error("erasure.unreadable")

        return due_documents(self._client, ERASURES, now, limit=limit, read=read, unreadable=unreadable)

    def update(self, erasure: Erasure, *, expected: Version) -> Version:
        """Replaces an erasure, in one commit."""
        batch = Batch(self._client)
        batch.replace(f"{ERASURES}/{erasure.app_user_id}", erasure.model_dump(), expected=expected)
        return batch.commit()[0]

    def finish(self, erasure: Erasure, *, expected: Version, audit: AuditEntry) -> None:
        """Deletes an erasure and writes its audit entry, in one commit."""
        batch = Batch(self._client)
        batch.delete(f"{ERASURES}/{erasure.app_user_id}", expected=expected)
        self._audit.append(batch, [audit])
        batch.commit()
