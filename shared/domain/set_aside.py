"""Provider rows that cannot be stored: set aside for operators, so that they do not block other rows."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from shared.domain.storable import is_document_id

MAX_KEPT = 500  # per connection; further rows are only counted
MAX_ROW_CHARACTERS = 4_000  # kept of each row


@dataclass(frozen=True, slots=True)
class SetAsideRow:
    """A row that lacks a required value.

    Attributes:
        key: Identifies the row within its connection; the same row always has the same key.
        field: The unusable field, or `row` for the whole row.
        account_id: The row's account, if known.
        transaction_id: The row's id, if it is a valid document id.
        text: The received row, truncated; for operators only.
        run: The last run that received the row; set by the store.
    """

    key: str
    field: str
    account_id: str | None
    transaction_id: str | None
    text: str
    run: int = 0

    @classmethod
    def of(cls, row: object, *, field: str) -> Self:
        """Creates the record of a parsed row.

        Args:
            row: The row, of any type.
            field: The unusable field.
        """
        fields: Mapping[str, Any] = row if isinstance(row, Mapping) else {}
        written = _written(row)
        given, account_id = fields.get("transaction_id"), fields.get("account_id")
        return cls(
            key=key_of(given) if isinstance(given, str) and given else _hashed("row", written),
            field=field,
            account_id=account_id if isinstance(account_id, str) and is_document_id(account_id) else None,
            transaction_id=given if isinstance(given, str) and is_document_id(given) else None,
            text=written[:MAX_ROW_CHARACTERS],
        )


def key_of(transaction_id: str) -> str:
    """The key of a set-aside row with this id, whether or not the id is usable."""
    return _hashed("id", transaction_id)


def _written(row: object) -> str:
    try:
        return json.dumps(row, sort_keys=True, default=str)
    except (ValueError, TypeError, RecursionError):
        return f"a {type(row).__name__} that cannot be written as JSON"


def _hashed(kind: str, text: str) -> str:
    return hashlib.sha256(f"{kind}:{text}".encode(errors="surrogatepass")).hexdigest()[:40]
