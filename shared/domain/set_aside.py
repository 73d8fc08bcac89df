"""Rows of a provider that cannot be stored as what they are: kept apart for operators, so that no other row waits."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from shared.domain.storable import is_document_id

MAX_KEPT = 500  # of one connection; beyond that, rows are only counted
MAX_ROW_CHARACTERS = 4_000  # of what is kept of a row


@dataclass(frozen=True, slots=True)
class SetAsideRow:
    """A row without something that it cannot do without.

    Attributes:
        key: Names the row among those of its connection: the same row has the same key whenever it comes.
        field: The field that cannot be used, `row` where it is the row as a whole.
        account_id: Of which account, where that can be told.
        transaction_id: The row's id, where it can name a document.
        text: The row as it came, cut: for operators only.
        run: The run that met it last; the store knows.
    """

    key: str
    field: str
    account_id: str | None
    transaction_id: str | None
    text: str
    run: int = 0

    @classmethod
    def of(cls, row: object, *, field: str) -> Self:
        """The record of a row as it was parsed.

        Args:
            row: The row, of any kind.
            field: What is unusable in it.
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
    """The key under which a row with this id, usable or not, is set aside."""
    return _hashed("id", transaction_id)


def _written(row: object) -> str:
    try:
        return json.dumps(row, sort_keys=True, default=str)
    except (ValueError, TypeError, RecursionError):
        return f"a {type(row).__name__} that cannot be written as JSON"


def _hashed(kind: str, text: str) -> str:
    return hashlib.sha256(f"{kind}:{text}".encode(errors="surrogatepass")).hexdigest()[:40]
