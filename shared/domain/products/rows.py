"""A row of product data: a document below a connection, and how a new version is compared with the stored one."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

USER = "user"
"""The map that clients may write; no sync writes it, except to carry it to a row that replaces another."""

_OWNERS = frozenset({"connection_id", "app_user_id"})
MOVED_AT = "moved_at"
"""On a recurring stream that keeps the note of a replaced connection until the bank reports the stream again."""

NOT_COMPARED = frozenset({*_OWNERS, USER, MOVED_AT, "updated_at", "amount_before", "amount_changed_at"})
"""Fields that do not come from an answer, so that a difference in them is no change."""


@dataclass(frozen=True, slots=True)
class ProductRow:
    """A row to be stored.

    Attributes:
        row_id: The document's id.
        account_id: The row's account.
        fields: The document without its owners (`connection_id`, `app_user_id`) and without `user`.
    """

    row_id: str
    account_id: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredProductRow:
    """A stored row.

    Attributes:
        row_id: The document's id.
        account_id: The row's account.
        digest: The digest of its compared fields.
        user: What the user wrote on it, if anything.
        fields: The stored document; used to compare a row with the one that it replaces.
    """

    row_id: str
    account_id: str
    digest: str
    user: dict[str, Any] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, row_id: str, document: Mapping[str, Any]) -> Self:
        """Creates it from a stored document."""
        return cls(row_id, document["account_id"], digest_of(document), document.get(USER), document)

    @property
    def is_moved(self) -> bool:
        """Whether it came from a replaced connection, so that no answer can contain it."""
        return self.fields.get(MOVED_AT) is not None


def digest_of(fields: Mapping[str, Any]) -> str:
    """A digest of the compared fields. It is the same for every order of names, and for None and an absent value."""
    compared = {name: value for name, value in fields.items() if name not in NOT_COMPARED}
    return hashlib.sha256(json.dumps(_present(compared), sort_keys=True, default=str).encode()).hexdigest()


def _present(value: Any) -> Any:
    match value:
        case Mapping():
            return {name: _present(inner) for name, inner in value.items() if inner is not None}
        case list() | tuple():
            return [_present(inner) for inner in value]
        case _:
            return value
