"""Recurring streams: transactions that repeat at regular intervals.

Source: plaid.com/docs/api/products/transactions/#transactionsrecurringget. Plaid does not publish how it detects
them; here a stream is three or more bookings of one account with the same name, direction and interval.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice, pairwise
from statistics import median
from typing import Any

from emulators.plaid import wire
from emulators.plaid.clock import iso
from emulators.plaid.ids import derive
from emulators.plaid.items import Item, Readiness
from emulators.plaid.synclog import Row

Json = dict[str, Any]
_LEAST = 3
_READ_AT_MOST = 20_000
_FREQUENCIES = (
    (7, 1, "WEEKLY"),
    (14, 1, "BIWEEKLY"),
    (15, 2, "SEMI_MONTHLY"),
    (30, 4, "MONTHLY"),
    (365, 10, "ANNUALLY"),
)


def find_streams(item: Item, account_ids: set[str], now: datetime, version: str) -> Json:
    groups: defaultdict[tuple[str, str, bool], list[Json]] = defaultdict(list)
    for row in islice(_known_rows(item), _READ_AT_MOST):
        if row.account_id in account_ids:
            transaction = wire.loads(row.body)
            if not transaction["pending"]:
                groups[row.account_id, transaction["name"], transaction["amount"] < 0].append(transaction)
    inflow: list[Json] = []
    outflow: list[Json] = []
    for (account_id, name, incoming), members in groups.items():
        if stream := _stream(item, account_id, name, members, now.date(), version):
            (inflow if incoming else outflow).append(stream)
    return {
        "inflow_streams": inflow,
        "outflow_streams": outflow,
        "updated_datetime": iso(item.last_update or now),
        "personal_finance_category_version": version,
    }


def _known_rows(item: Item) -> Iterator[Row]:
    """The Item's transactions. While its history is being loaded, those of the bank: the Sandbox answers at once."""
    history = item.portfolio.history
    if item.readiness is Readiness.HISTORICAL or item.history_stops_at is not None:
        return item.log.current()
    return (history.row(index) for index in range(len(history)))


def _stream(item: Item, account_id: str, name: str, members: list[Json], today: date, version: str) -> Json | None:
    members.sort(key=lambda transaction: str(transaction["date"]))
    days = [date.fromisoformat(transaction["date"]) for transaction in members]
    gaps = [(later - earlier).days for earlier, later in pairwise(days)]
    if len(members) < _LEAST or any(abs(gap - median(gaps)) > max(_tolerance(median(gaps)), 1) for gap in gaps):
        return None
    distance = median(gaps)
    frequency = next((word for length, slack, word in _FREQUENCIES if abs(distance - length) <= slack), "UNKNOWN")
    if frequency == "UNKNOWN":
        return None
    active = (today - days[-1]).days <= distance * 1.5
    last = members[-1]
    category = last["personal_finance_category"]
    average = sum((Decimal(member["amount"]) for member in members), Decimal()) / len(members)
    return {
        "account_id": account_id,
        "stream_id": derive(item.item_id, "stream", account_id, name),
        "category": None,
        "category_id": None,
        "description": name,
        "merchant_name": last["merchant_name"],
        "first_date": str(days[0]),
        "last_date": str(days[-1]),
        "predicted_next_date": str(days[-1] + timedelta(days=int(distance))) if active else None,
        "frequency": frequency,
        "transaction_ids": [member["transaction_id"] for member in members],
        "average_amount": _amount(round(average, 2), last),
        "last_amount": _amount(last["amount"], last),
        "is_active": active,
        "status": "MATURE" if active else "TOMBSTONED",
        "personal_finance_category": {**category, "version": version} if category else None,
        "is_user_modified": False,
    }


def _tolerance(distance: float) -> float:
    return next((slack for length, slack, _ in _FREQUENCIES if abs(distance - length) <= slack), 0)


def _amount(amount: Decimal | int, like: Json) -> Json:
    return {
        "amount": amount,
        "iso_currency_code": like["iso_currency_code"],
        "unofficial_currency_code": like["unofficial_currency_code"],
    }
