"""A transaction as clients see it, and a page of changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypedDict

from shared.domain.account import Account
from shared.domain.set_aside import SetAsideRow


class Category(TypedDict):
    """Plaid's personal finance category (https://plaid.com/docs/api/products/transactions/).

    `version` is that of the taxonomy, `v2`; it is absent in rows that an earlier version of this backend stored.
    """

    primary: str
    detailed: str
    confidence_level: str | None
    version: str | None


class Transaction(TypedDict):
    """One transaction. A plain dictionary with a type, because one run may process tens of thousands of them.

    `amount` is a decimal string, exactly as the bank sent it; positive means money out of the account.
    `amount_value` is the amount as a double, for sorting only. Days are `YYYY-MM-DD`.
    """

    transaction_id: str
    account_id: str
    date: str
    authorized_date: str | None
    datetime: datetime | None
    authorized_datetime: datetime | None
    amount: str
    amount_value: float
    iso_currency_code: str | None
    unofficial_currency_code: str | None
    name: str
    merchant_name: str | None
    merchant_entity_id: str | None
    pending: bool
    pending_transaction_id: str | None
    payment_channel: str | None
    category: Category | None
    category_icon_url: str | None
    counterparties: list[dict[str, Any]]
    location: dict[str, Any] | None
    logo_url: str | None
    website: str | None
    check_number: str | None
    original_description: str | None
    transaction_code: str | None
    account_owner: str | None


class History(StrEnum):
    """How much of an item's history Plaid has fetched so far."""

    NOT_READY = "not_ready"
    RECENT = "recent"  # about the last 30 days
    COMPLETE = "complete"


@dataclass(frozen=True, slots=True)
class Page:
    """One response of the sync loop.

    `next_cursor` is None if Plaid sent none or an empty one: "" must never replace a real cursor. `size` is the
    response's length in bytes, a cheap estimate of its rows' size in the store. `ready` has the rows by id that were
    already converted to their stored form. `set_aside` are rows that cannot be stored, `removed_aside` the ids of
    removed rows that could not have been stored. `oddities` counts the omitted optional values by field.
    """

    added: list[Transaction]
    modified: list[Transaction]
    removed: list[str]
    accounts: list[Account]
    next_cursor: str | None
    has_more: bool
    history: History
    size: int = 0
    request_id: str | None = None
    ready: Mapping[str, Any] = field(default_factory=dict)
    set_aside: tuple[SetAsideRow, ...] = ()
    removed_aside: tuple[str, ...] = ()
    oddities: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class ChangeSet:
    """The changes that a run still has to write, by id; the latest change of each id wins."""

    upserts: dict[str, Transaction] = field(default_factory=dict)
    new: set[str] = field(default_factory=set)  # ids that came as `added`
    removed: set[str] = field(default_factory=set)
    ready: dict[str, Any] = field(default_factory=dict)
    size: int = 0

    def take(self, page: Page) -> None:
        """Adds a page: a row that is removed later is not written; a row that is added again after a removal is."""
        for row in (*page.added, *page.modified):
            self.upserts[row["transaction_id"]] = row
            self.ready.pop(row["transaction_id"], None)
            self.removed.discard(row["transaction_id"])
        self.new.update(row["transaction_id"] for row in page.added)
        for transaction_id in page.removed:
            self.upserts.pop(transaction_id, None)
            self.removed.add(transaction_id)
        changed = {row["transaction_id"] for row in page.modified}
        self.ready.update((i, row) for i, row in page.ready.items() if i not in changed)
        self.size += page.size

    def clear_rows(self) -> None:
        """Clears the written rows; the removals are kept."""
        self.upserts.clear()
        self.new.clear()
        self.ready.clear()
        self.size = 0

    def __len__(self) -> int:
        return len(self.upserts) + len(self.removed)
