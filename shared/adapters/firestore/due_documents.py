"""Finds documents whose `due_at` has passed, the longest due first."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from google.cloud.firestore_v1.base_query import FieldFilter
from pydantic import ValidationError

from shared.adapters.firestore.commit import Batch, version_of
from shared.domain.errors import Conflict

if TYPE_CHECKING:
    from google.cloud import firestore

T = TypeVar("T")
UNREADABLE_AGAIN = timedelta(days=1)


def due_documents(
    client: "firestore.Client",
    collection: str,
    now: datetime,
    *,
    limit: int,
    read: Callable[[Any], T],
    unreadable: Callable[[str], None],
) -> list[T]:
    """Finds due documents, in one query. An unreadable document is postponed, so that it does not block others.

    Args:
        client: Firestore.
        collection: The collection of the documents.
        now: The current time.
        limit: The maximum number of documents.
        read: Converts a snapshot to the returned value; raises ValidationError if it is unreadable.
        unreadable: Called with the id of each unreadable document.
    """
    query = client.collection(collection).where(filter=FieldFilter("due_at", "<=", now))
    found: list[T] = []
    for snapshot in query.order_by("due_at").limit(limit).stream():
        try:
            found.append(read(snapshot))
        except ValidationError:
            unreadable(snapshot.id)
            # Counted from the read time, because operators' lists pass a `now` that is years ahead.
            batch = Batch(client)
            changes = {"due_at": snapshot.read_time + UNREADABLE_AGAIN}
            batch.update(f"{collection}/{snapshot.id}", changes, expected=version_of(snapshot))
            with suppress(Conflict):
                batch.commit()
    return found
