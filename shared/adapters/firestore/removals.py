"""Removals in Firestore: `bank_removals/{connection_id}`, a tombstone until the removal completes. Private.

Deleting `bank_sync_state/{connection_id}` locks out all other writers: every commit of a run, a webhook or a request
compares that document, so all of them are refused.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from google.cloud.firestore_v1.base_query import FieldFilter

from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.firestore.commit import Batch, version_of
from shared.adapters.firestore.credentials import CREDENTIALS, stored_in
from shared.adapters.firestore.due_documents import due_documents
from shared.adapters.firestore.errors import translates_outages
from shared.adapters.firestore.exchange_intents import INTENTS
from shared.adapters.firestore.history_moves import put_end
from shared.adapters.firestore.item_holders import delete_holder
from shared.adapters.firestore.move_records import delete_move
from shared.adapters.firestore.product_documents import delete_products
from shared.adapters.firestore.removal_tombstones import REMOVALS, create_removal, put_removal, removal_in
from shared.adapters.firestore.sync_writes import CONNECTIONS, HANDOVERS, PROGRESS, STATES, put_marks
from shared.domain import grace_periods
from shared.domain.audit import AuditEntry
from shared.domain.exchange import Intent
from shared.domain.removal import Removal
from shared.log import log
from shared.ports import EndedMove, Mark, Version

if TYPE_CHECKING:
    from google.cloud import firestore


@translates_outages
class FirestoreRemovals:
    """The port `Removals`."""

    def __init__(self, client: "firestore.Client", *, audit: FirestoreAudit) -> None:
        self._client = client
        self._audit = audit

    def begin(
        self,
        removal: Removal,
        *,
        audit: AuditEntry,
        marks: Iterable[Mark] = (),
        move: EndedMove | None = None,
        state: Version | None = None,
    ) -> Removal:
        """Replaces a connection with its tombstone: two reads and one commit."""
        connection_id = removal.connection_id
        tombstone = self._client.document(REMOVALS, connection_id).get()
        batch = Batch(self._client)
        removal = self._move_credentials(batch, removal)
        if tombstone.exists:
            removal = removal.instead_of(removal_in(tombstone))
            put_removal(batch, removal, expected=version_of(tombstone))
        else:
            create_removal(batch, removal)
        batch.delete(f"{CONNECTIONS}/{connection_id}", must_exist=True)
        batch.delete(f"{STATES}/{connection_id}", expected=state)
        for collection in (PROGRESS, HANDOVERS):
            batch.delete(f"{collection}/{connection_id}")
        delete_products(batch, connection_id)
        delete_move(batch, connection_id, expected=move.older if move is not None else None)
        put_marks(batch, marks)
        if move is not None:
            put_end(batch, move)
        self._audit.append(batch, [audit, *(move.audit if move is not None else ())])
        batch.commit()
        return removal

    def begin_exchange(self, removal: Removal, intent: tuple[Intent, Version], *, audit: AuditEntry) -> None:
        """Replaces an intent with a tombstone, in one commit."""
        batch = Batch(self._client)
        create_removal(batch, removal)
        batch.delete(f"{INTENTS}/{intent[0].intent_id}", expected=intent[1])
        self._audit.append(batch, [audit])
        batch.commit()

    def take_credentials(self, removal: Removal, *, expected: Version) -> tuple[Removal, Version]:
        """Moves leftover credentials into the tombstone: one read, and one commit if there are any."""
        batch = Batch(self._client)
        taken = self._move_credentials(batch, removal)
        if not len(batch):
            return removal, expected
        put_removal(batch, taken, expected=expected)
        return taken, batch.commit()[-1]

    def find(self, connection_id: str) -> tuple[Removal, Version] | None:
        """Finds a removal, in one read."""
        snapshot = self._client.document(REMOVALS, connection_id).get()
        return (removal_in(snapshot), version_of(snapshot)) if snapshot.exists else None

    def due(self, now: datetime, *, limit: int) -> list[tuple[Removal, Version]]:
        """Finds removals that are due, in one query."""

        def read(snapshot: Any) -> tuple[Removal, Version]:
            return removal_in(snapshot), version_of(snapshot)

        def unreadable(name: str) -> None:
            log.error("removal.unreadable", connection_id=name)

        return due_documents(self._client, REMOVALS, now, limit=limit, read=read, unreadable=unreadable)

    def of_user(self, app_user_id: str) -> list[Removal]:
        """Finds the removals of a user, in one query."""
        query = self._client.collection(REMOVALS).where(filter=FieldFilter("app_user_id", "==", app_user_id))
        return [removal_in(snapshot) for snapshot in query.stream()]

    def update(self, removal: Removal, *, expected: Version) -> Version:
        """Replaces a tombstone, in one commit."""
        batch = Batch(self._client)
        put_removal(batch, removal, expected=expected)
        return batch.commit()[0]

    def finish(self, removal: Removal, *, expected: Version, audit: AuditEntry) -> None:
        """Deletes the tombstone, in one commit; releases the item (one more read) unless the connection is kept."""
        batch = Batch(self._client)
        batch.delete(f"{REMOVALS}/{removal.connection_id}", expected=expected)
        if not removal.keeps_connection:
            delete_holder(batch, self._client, removal.holder())
        self._audit.append(batch, [audit])
        batch.commit()

    def _move_credentials(self, batch: Batch, removal: Removal) -> Removal:
        """Adds the deletion of unchanged credentials, and returns the removal with their token."""
        path = f"{CREDENTIALS}/{removal.connection_id}"
        snapshot = self._client.document(path).get()
        if not snapshot.exists:
            return removal
        batch.delete(path, expected=version_of(snapshot))
        kept = stored_in(snapshot)
        settles_at = kept.rotating_since + grace_periods.ROTATION if kept.rotating_since is not None else None
        return removal.with_token(kept.token, settles_at=settles_at)
