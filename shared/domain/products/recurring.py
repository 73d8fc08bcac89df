"""Recurring streams: subscriptions, bills and income, as Plaid or our own detector reports them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, TypedDict

from shared.domain.products.rows import MOVED_AT, ProductRow, StoredProductRow
from shared.domain.transaction import Category

MAX_TRANSACTION_IDS = 300
"""The newest bookings that a stream names: almost six years of a weekly one. More long ids would fit no document."""


class RecurringStream(TypedDict):
    """A stream. Fields: https://plaid.com/docs/api/products/transactions/#transactionsrecurringget

    Amounts are decimal strings as sent; days are `YYYY-MM-DD`. `is_active` says whether the next booking is still
    expected; `status` says how certain the stream is. `source` is `own` for streams of our own detector.
    """

    stream_id: str
    account_id: str
    direction: Literal["in", "out"]
    description: str
    merchant_name: str | None
    category: Category | None
    frequency: str
    status: str
    is_active: bool
    first_date: str
    last_date: str
    predicted_next_date: str | None
    average_amount: str | None
    last_amount: str | None
    currency: str | None
    transaction_ids: list[str]
    source: Literal["plaid", "own"]


def row_of(stream: RecurringStream) -> ProductRow:
    """The row of a stream."""
    return ProductRow(stream["stream_id"], stream["account_id"], {**stream})


def with_price_change(row: ProductRow, before: StoredProductRow | None, *, now: datetime) -> ProductRow:
    """Adds the previous amount and when it changed, compared with the stored version or the replaced stream.

    A change that was noticed earlier is kept until the next one.
    """
    if before is None:
        return row
    known = {name: before.fields.get(name) for name in ("amount_before", "amount_changed_at")}
    old, new = _number(before.fields.get("last_amount")), _number(row.fields.get("last_amount"))
    if old is not None and new is not None and old != new:
        known = {"amount_before": before.fields["last_amount"], "amount_changed_at": now}
    return replace(row, fields={**row.fields, **{name: value for name, value in known.items() if value is not None}})


def replaced(new: Iterable[ProductRow], gone: Iterable[StoredProductRow]) -> dict[str, str]:
    """Finds the streams that got another id: same account, direction and merchant.

    Among several of the same merchant, those with the same frequency and the nearest amounts belong together.

    Args:
        new: Streams that are not stored yet.
        gone: Stored streams that are deleted now.

    Returns:
        By id of a new stream the id of the one that it replaces.
    """
    olds: dict[tuple[str, ...], list[StoredProductRow]] = defaultdict(list)
    for row in gone:
        olds[_identity(row.account_id, row.fields)].append(row)
    pairs = sorted(
        (*_distance(made.fields, old.fields), made.row_id, old.row_id)
        for made in new
        for old in olds.get(_identity(made.account_id, made.fields), ())
    )
    found: dict[str, str] = {}
    for *_, new_id, old_id in pairs:
        if new_id not in found and old_id not in found.values():
            found[new_id] = old_id
    return found


def kept_note(row: StoredProductRow, *, account_id: str, now: datetime) -> ProductRow:
    """The stream of a replaced connection as a stream of the new one, which only keeps its note.

    It expects no booking, and names no transaction, because those of the new connection have other ids. The next
    stream of the same account, direction and merchant replaces it, and gets its note.
    """
    names = (*RecurringStream.__annotations__, "amount_before", "amount_changed_at")
    fields = {name: row.fields.get(name) for name in names if name in row.fields}
    ended = {"account_id": account_id, "is_active": False, "predicted_next_date": None, "transaction_ids": []}
    return ProductRow(row.row_id, account_id, {**fields, **ended, MOVED_AT: now})


def _identity(account_id: str, fields: Mapping[str, Any]) -> tuple[str, ...]:
    merchant = fields.get("merchant_name") or fields.get("description") or ""
    return account_id, str(fields.get("direction")), " ".join(str(merchant).casefold().split())


def _distance(new: Mapping[str, Any], old: Mapping[str, Any]) -> tuple[bool, Decimal]:
    amounts = [_number(fields.get("average_amount")) for fields in (new, old)]
    unlike = new.get("frequency") != old.get("frequency")
    if amounts[0] is None or amounts[1] is None:
        return unlike, Decimal("Infinity")
    return unlike, abs(amounts[0] - amounts[1])


def _number(text: Any) -> Decimal | None:
    try:
        number = Decimal(text) if isinstance(text, str) else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() else None
