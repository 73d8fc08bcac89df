"""Received webhooks: `bank_webhook_inbox/{delivery}`, one document per delivery. Private."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from google.cloud.firestore_v1.base_query import FieldFilter

from shared.adapters.firestore.commit import Batch, version_of
from shared.adapters.firestore.errors import OUTAGES, translates_outages, unavailable
from shared.domain import retention
from shared.domain.errors import Conflict
from shared.ports import Delivery, Version

if TYPE_CHECKING:
    from google.cloud import firestore

INBOX = "bank_webhook_inbox"
_FIELDS = ("body", "received_at", "connection_id", "due_at", "trace", "sweeps")


@translates_outages
class FirestoreInbox:
    """The port `Inbox`."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def record(self, delivery: Delivery) -> bool:
        """Stores a delivery, in one write; False if it is already stored."""
        fields = {name: getattr(delivery, name) for name in _FIELDS}
        kept = {"delivery_id": delivery.delivery_id, "expires_at": delivery.received_at + retention.WEBHOOK}
        batch = Batch(self._client)
        batch.create(f"{INBOX}/{delivery.delivery_id}", fields | kept)
        try:
            batch.commit()
        except Conflict:
            return False
        return True

    def find(self, delivery_id: str) -> Delivery | None:
        """Finds a delivery, in one read."""
        snapshot = self._client.document(INBOX, delivery_id).get()
        return _delivery(snapshot) if snapshot.exists else None

    def waiting(self, connection_id: str) -> list[Delivery]:
        """Finds the unhandled deliveries of a connection, in one query."""
        query = (
            self._client.collection(INBOX)
            .where(filter=FieldFilter("connection_id", "==", connection_id))
            .where(filter=FieldFilter("due_at", ">", datetime.min.replace(tzinfo=UTC)))
        )
        return sorted(map(_delivery, query.order_by("due_at").stream()), key=lambda d: d.received_at)

    def of_connection(self, connection_id: str) -> list[Delivery]:
        """Finds all deliveries of a connection, in one query."""
        query = self._client.collection(INBOX).where(filter=FieldFilter("connection_id", "==", connection_id))
        return sorted(map(_delivery, query.stream()), key=lambda d: d.received_at)

    def due(self, now: datetime, *, limit: int) -> list[tuple[Delivery, Version]]:
        """Finds deliveries that are due, in one query."""
        query = self._client.collection(INBOX).where(filter=FieldFilter("due_at", "<=", now))
        found = query.order_by("due_at").limit(limit).stream()
        return [(_delivery(snapshot), version_of(snapshot)) for snapshot in found]

    def postpone(self, delivery: Delivery, *, expected: Version) -> None:
        """Moves the due time of a delivery, in one write."""
        batch = Batch(self._client)
        changes = {"due_at": delivery.due_at, "sweeps": delivery.sweeps}
        batch.update(f"{INBOX}/{delivery.delivery_id}", changes, expected=expected)
        batch.commit()

    def since(self, moment: datetime) -> Iterator[Delivery]:
        """Reads the deliveries since a moment, in one query."""
        query = self._client.collection(INBOX).where(filter=FieldFilter("received_at", ">=", moment))
        try:
            yield from map(_delivery, query.order_by("received_at").stream())
        except OUTAGES as error:  # a generator raises during the iteration, not in the call
            raise unavailable() from error

    def settle(self, delivery_id: str) -> None:
        """Marks a delivery as handled, in one write."""
        batch = Batch(self._client)
        settle_delivery(batch, delivery_id)
        try:
            batch.commit()
        except Conflict:
            return

    def forget(self, delivery_id: str) -> None:
        """Deletes a delivery, in one write."""
        batch = Batch(self._client)
        batch.delete(f"{INBOX}/{delivery_id}")
        batch.commit()


def settle_delivery(batch: Batch, delivery_id: str) -> None:
    """Adds the mark that a delivery is handled to the caller's commit."""
    batch.update(f"{INBOX}/{delivery_id}", {"due_at": None, "sweeps": 0})


def _delivery(snapshot: Any) -> Delivery:
    fields: dict[str, Any] = snapshot.to_dict() or {}
    kept: dict[str, Any] = {name: fields.get(name) for name in _FIELDS}
    return Delivery(delivery_id=snapshot.id, **kept | {"sweeps": kept["sweeps"] or 0})
