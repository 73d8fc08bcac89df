"""The holders of items: `bank_items/{item_id}`. Private.

A holder is created with an item's first stored token and deleted with the item, so that no second connection can be
created for the item.
"""

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from shared.adapters.firestore.commit import Batch, version_of
from shared.adapters.firestore.errors import translates_outages
from shared.domain import retention
from shared.domain.errors import Conflict, Unavailable
from shared.domain.item import ItemHolder
from shared.ports import Version
from shared.ports.compare_and_set import retry_on_conflict

if TYPE_CHECKING:
    from google.cloud import firestore

ITEMS = "bank_items"


@translates_outages
class FirestoreItems:
    """The port `Items`."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def claim(self, holder: ItemHolder, *, now: datetime) -> tuple[ItemHolder, Version]:
        """Claims an item, or finds its holder: one read, and one commit if it has none."""

        def claim() -> tuple[ItemHolder, Version]:
            snapshot = self._client.document(_path(holder.item_id)).get()
            if snapshot.exists:
                return _holder(snapshot), version_of(snapshot)
            batch = Batch(self._client)
            put_holder(batch, holder, now=now, expected=None)
            return holder, batch.commit()[0]

        busy = Unavailable("another call is using the item; retry later", code="connection_busy", retry_after_seconds=1)
        return retry_on_conflict(claim, busy=busy)

    def release(self, holder: ItemHolder) -> None:
        """Releases an item: one read, and one commit if this is its holder."""
        batch = Batch(self._client)
        delete_holder(batch, self._client, holder)
        if not len(batch):
            return
        try:
            batch.commit()
        except Conflict:  # the connection was just created, or another call released the item
            return


def put_holder(batch: Batch, holder: ItemHolder, *, now: datetime, expected: Version | None) -> None:
    """Writes a holder: creates it, or replaces the version that was read."""
    fields = asdict(holder) | {"expires_at": now + retention.ITEM_OF_EXCHANGE if holder.intent_id is not None else None}
    if expected is None:
        batch.create(_path(holder.item_id), fields)
    else:
        batch.replace(_path(holder.item_id), fields, expected=expected)


def delete_holder(batch: Batch, client: "firestore.Client", holder: ItemHolder) -> None:
    """Adds the deletion of the holder if it is this one, which takes a read."""
    snapshot = client.document(_path(holder.item_id)).get() if holder.item_id else None
    if snapshot is not None and snapshot.exists and _holder(snapshot).is_same(holder):
        batch.delete(_path(holder.item_id), expected=version_of(snapshot))


def _path(item_id: str) -> str:
    return f"{ITEMS}/{quote(item_id, safe='')}"


def _holder(snapshot: Any) -> ItemHolder:
    fields: dict[str, Any] = snapshot.to_dict() or {}
    known: dict[str, Any] = {name: fields.get(name) for name in ItemHolder.__dataclass_fields__}
    return ItemHolder(**known)
