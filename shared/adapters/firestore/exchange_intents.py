"""Open and completed exchanges: `bank_exchange_intents/{sha256 of the public token}`. Private."""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from google.cloud.firestore_v1.base_query import FieldFilter

from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.firestore.commit import Batch, version_of
from shared.adapters.firestore.due_documents import due_documents
from shared.adapters.firestore.errors import translates_outages
from shared.adapters.firestore.item_holders import put_holder
from shared.adapters.firestore.sync_writes import put_notification
from shared.domain import retention
from shared.domain.audit import AuditEntry
from shared.domain.connection import SealedToken
from shared.domain.errors import Conflict, Unavailable
from shared.domain.exchange import Intent
from shared.domain.item import ItemHolder
from shared.domain.notification import Notification
from shared.domain.region import Region
from shared.log import log
from shared.ports import Version
from shared.ports.compare_and_set import retry_on_conflict

if TYPE_CHECKING:
    from google.cloud import firestore

INTENTS = "bank_exchange_intents"


@translates_outages
class FirestoreIntents:
    """The port `Intents`."""

    def __init__(self, client: "firestore.Client", *, audit: FirestoreAudit) -> None:
        self._client = client
        self._audit = audit

    def begin(self, intent: Intent) -> tuple[Intent, Version, bool]:
        """Stores a new intent, in one commit; if one exists, reads and returns it."""

        def begin() -> tuple[Intent, Version, bool]:
            batch = Batch(self._client)
            put_intent(batch, intent, expected=None)
            try:
                return intent, batch.commit()[0], True
            except Conflict:
                found = self.find(intent.intent_id)
                if found is None:  # it was deleted between the commit and the read
                    raise
                # The intent may be this attempt's own, if the response to the first commit was lost.
                return *found, found[0].attempt == intent.attempt

        busy = Unavailable(
            "another call is exchanging this token; retry later", code="exchange_in_progress", retry_after_seconds=1
        )
        return retry_on_conflict(begin, tries=3, busy=busy)

    def find(self, intent_id: str) -> tuple[Intent, Version] | None:
        """Finds an intent, in one read."""
        snapshot = self._client.document(INTENTS, intent_id).get()
        return (_intent(snapshot.to_dict() or {}), version_of(snapshot)) if snapshot.exists else None

    def update(
        self,
        intent: Intent,
        *,
        expected: Version,
        audit: AuditEntry | None = None,
        tells: Notification | None = None,
    ) -> Version:
        """Replaces an intent, in one commit; with an audit entry, one more read."""
        batch = Batch(self._client)
        put_intent(batch, intent, expected=expected)
        self._audit.append(batch, [audit] if audit is not None else [])
        if tells is not None:
            put_notification(batch, tells, app_user_id=intent.app_user_id)
        return batch.commit()[0]

    def store_token(
        self, intent: Intent, *, expected: Version, holder: ItemHolder, held: Version | None = None
    ) -> tuple[Version, Version]:
        """Stores the sealed token in the intent and claims the item, in one commit."""
        batch = Batch(self._client)
        put_intent(batch, intent, expected=expected)
        put_holder(batch, holder, now=intent.created_at, expected=held)
        stored, holds = batch.commit()
        return stored, holds

    def forget(self, intent_id: str, *, expected: Version) -> None:
        """Deletes an intent, in one commit."""
        batch = Batch(self._client)
        batch.delete(f"{INTENTS}/{intent_id}", expected=expected)
        batch.commit()

    def due(self, now: datetime, *, limit: int) -> list[tuple[Intent, Version]]:
        """Finds intents that are due, in one query."""

        def read(snapshot: Any) -> tuple[Intent, Version]:
            return _intent(snapshot.to_dict() or {}), version_of(snapshot)

        def unreadable(name: str) -> None:
            log.error("exchange_intent.unreadable", intent_id=name)

        return due_documents(self._client, INTENTS, now, limit=limit, read=read, unreadable=unreadable)

    def of_user(self, app_user_id: str) -> list[tuple[Intent, Version]]:
        """Finds the intents of a user, in one query; a user has only a few, for days."""
        query = self._client.collection(INTENTS).where(filter=FieldFilter("app_user_id", "==", app_user_id))
        return [(_intent(snapshot.to_dict() or {}), version_of(snapshot)) for snapshot in query.stream()]


def put_intent(batch: Batch, intent: Intent, *, expected: Version | None) -> None:
    """Writes an intent; creates it if `expected` is None."""
    fields = asdict(intent) | {"access_token": intent.access_token.model_dump() if intent.access_token else None}
    # An intent that is due or has a token is kept.
    done = intent.answer is not None and intent.access_token is None and intent.due_at is None
    fields["expires_at"] = intent.created_at + retention.ANSWERED_EXCHANGE if done else None
    path = f"{INTENTS}/{intent.intent_id}"
    if expected is None:
        batch.create(path, fields)
    else:
        batch.replace(path, fields, expected=expected)


def _intent(fields: dict[str, Any]) -> Intent:
    known: dict[str, Any] = {name: fields.get(name) for name in Intent.__dataclass_fields__}
    if known["access_token"] is not None:
        known["access_token"] = SealedToken.model_validate(known["access_token"])
    known["region"] = Region(known["region"] or Region.US)
    return Intent(**known)
