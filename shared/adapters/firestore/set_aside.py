"""Rows that cannot be stored as transactions: `bank_set_aside/{connection_id}-{key}`. Private: for operators."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from google.cloud.firestore_v1.base_query import FieldFilter

from shared.adapters.firestore.commit import Batch
from shared.domain.set_aside import SetAsideRow

if TYPE_CHECKING:
    from google.cloud import firestore

SET_ASIDE = "bank_set_aside"
_FIELDS = ("key", "field", "account_id", "transaction_id", "text")


def put_set_aside(batch: Batch, row: SetAsideRow, *, owner: Mapping[str, str], run: int, now: datetime) -> None:
    """Sets a row aside, with the last run that received it."""
    fields = {name: getattr(row, name) for name in _FIELDS} | {"run": run, "seen_at": now}
    batch.replace(_path(owner["connection_id"], row.key), {**fields, **owner})


def delete_set_aside(batch: Batch, connection_id: str, key: str) -> None:
    """Deletes a row that was set aside."""
    batch.delete(_path(connection_id, key))


def set_aside_of(client: "firestore.Client", connection_id: str) -> list[SetAsideRow]:
    """The rows of a connection that are set aside, ordered by key."""
    found = (snapshot.to_dict() or {} for snapshot in set_aside_query(client, connection_id).stream())
    return sorted((SetAsideRow(**{name: one[name] for name in (*_FIELDS, "run")}) for one in found), key=_key)


def set_aside_query(client: "firestore.Client", connection_id: str) -> Any:
    """The query for all rows of a connection that are set aside."""
    return client.collection(SET_ASIDE).where(filter=FieldFilter("connection_id", "==", connection_id))


def _path(connection_id: str, key: str) -> str:
    return f"{SET_ASIDE}/{connection_id}-{key}"


def _key(row: SetAsideRow) -> str:
    return row.key
