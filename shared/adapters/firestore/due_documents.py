"""Documents whose `due_at` has come, those that have been due longest first."""

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
    """One query; reads what it returns. A document that cannot be read is put off, so that it does not hold up others.

    Args:
        client: Firestore.
        collection: Where the documents are.
        now: What is due at this moment.
        limit: The most documents.
        read: Makes of a snapshot what is returned; raises ValidationError if it cannot.
        unreadable: Is called with the id of each document that cannot be read.
    """
    query = client.collection(collection).where(filter=FieldFilter("due_at", "<=", now))
    found: list[T] = []
    for snapshot in query.order_by("due_at").limit(limit).stream():
        try:
            found.append(read(snapshot))
        except ValidationError:
            unreadable(snapshot.id)
            # From the time of the read: operators' lists ask for what is due in years.
            batch = Batch(client)
            changes = {"due_at": snapshot.read_time + UNREADABLE_AGAIN}
            batch.update(f"{collection}/{snapshot.id}", changes, expected=version_of(snapshot))
            with suppress(Conflict):
                batch.commit()
    return found
