"""Recurring streams: transactions that repeat at regular intervals.

Source: plaid.com/docs/api/products/transactions/#transactionsrecurringget. A stream is EARLY_DETECTION until it has
three bookings (two if annual), then MATURE; an early one whose next booking does not come is TOMBSTONED. Plaid does not
publish how it detects streams; here they are the bookings of one account with the same name, direction and interval,
and two bookings are a stream only if their amounts are similar.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import islice, pairwise
from statistics import median
from typing import Any

from emulators.plaid import wire
from emulators.plaid.clock import iso
from emulators.plaid.ids import derive
from emulators.plaid.items import Item, Readiness
from emulators.plaid.people.reading import day
from emulators.plaid.synclog import Row

Json = dict[str, Any]
_LEAST, _MATURE, _MATURE_ANNUAL = 2, 3, 2
_SIMILAR = Decimal("0.1")
_READ_AT_MOST = 20_000
_FREQUENCIES = (
    (7, 1, "WEEKLY"),
    (14, 1, "BIWEEKLY"),
    (15, 2, "SEMI_MONTHLY"),
    (30, 4, "MONTHLY"),
    (365, 10, "ANNUALLY"),
)
FREQUENCIES = tuple(name for _, _, name in _FREQUENCIES)
_OVERDUE = 1.5  # intervals without a booking, after which a stream is no longer active


def find_streams(item: Item, account_ids: set[str], now: datetime, version: str) -> Json:
    """The answer of /transactions/recurring/get, with the changes that tests made."""
    inflow: list[Json] = []
    outflow: list[Json] = []
    for stream, incoming in _detected(item, account_ids, now.date(), version):
        change = item.other.stream_changes.get(stream["stream_id"], {})
        if change is not None:
            (inflow if incoming else outflow).append({**stream, **change})
    return {
        "inflow_streams": inflow,
        "outflow_streams": outflow,
        "updated_datetime": iso(item.last_update or now),
        "personal_finance_category_version": version,
    }


def overdue(last: date, frequency: str) -> date:
    """The first day on which a stream with this last booking is no longer active."""
    distance = next(length for length, _, name in _FREQUENCIES if name == frequency)
    return last + timedelta(days=int(distance * _OVERDUE) + 1)


def _detected(item: Item, account_ids: set[str], today: date, version: str) -> Iterator[tuple[Json, bool]]:
    groups: defaultdict[tuple[str, str, bool], list[Json]] = defaultdict(list)
    for row in islice(_known_rows(item), _READ_AT_MOST):
        if row.account_id in account_ids and (transaction := _regular(row.body)) is not None:
            groups[row.account_id, transaction["name"], transaction["amount"] < 0].append(transaction)
    for (account_id, name, incoming), members in groups.items():
        if stream := _stream(item, account_id, name, members, today, version):
            yield stream, incoming


def _known_rows(item: Item) -> Iterator[Row]:
    """The Item's transactions, and those that its bank has not delivered yet: the Sandbox answers at once."""
    yield from item.log.current()
    if item.readiness is not Readiness.HISTORICAL and item.history_stops_at is None:
        history = item.portfolio.history
        first = 0 if item.readiness is Readiness.NOT_READY else item.portfolio.recent
        yield from (history.row(index) for index in range(first, len(history)))


@lru_cache(maxsize=_READ_AT_MOST)
def _regular(body: bytes) -> Json | None:
    """The transaction, if it can belong to a stream. Callers share it and must not change it."""
    transaction = wire.loads(body)
    return transaction if _is_regular(transaction) else None


def _is_regular(transaction: Json) -> bool:
    """Whether it is booked and valid; tests can give a row fields of any type."""
    kinds = {"amount": int | Decimal, "name": str, "date": str, "personal_finance_category": dict | None}
    valid = all(isinstance(transaction[name], kind) for name, kind in kinds.items())
    return valid and transaction["pending"] is False and day(transaction["date"]) == transaction["date"]


def _stream(item: Item, account_id: str, name: str, members: list[Json], today: date, version: str) -> Json | None:
    members.sort(key=lambda transaction: str(transaction["date"]))
    days = [date.fromisoformat(transaction["date"]) for transaction in members]
    distance = _interval(days)
    frequency = _frequency(distance) if distance else None
    mature = len(members) >= (_MATURE_ANNUAL if frequency == "ANNUALLY" else _MATURE)
    if distance is None or frequency is None or not (mature or _similar(members)):
        return None
    active = (today - days[-1]).days <= distance * _OVERDUE
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
        "status": _status(mature=mature, active=active),
        "personal_finance_category": {**category, "version": version} if category else None,
        "is_user_modified": False,
    }


def _status(*, mature: bool, active: bool) -> str:
    if mature:
        return "MATURE"
    return "EARLY_DETECTION" if active else "TOMBSTONED"


def _interval(days: list[date]) -> float | None:
    """The days between bookings, if they are regular."""
    if len(days) < _LEAST:
        return None
    gaps = [(later - earlier).days for earlier, later in pairwise(days)]
    usual = median(gaps)
    tolerance = next((slack for length, slack, _ in _FREQUENCIES if abs(usual - length) <= slack), 0)
    return usual if all(abs(gap - usual) <= max(tolerance, 1) for gap in gaps) else None


def _frequency(distance: float) -> str | None:
    """The nearest of Plaid's frequencies, if one is near enough."""
    length, slack, name = min(_FREQUENCIES, key=lambda known: abs(distance - known[0]))
    return name if abs(distance - length) <= slack else None


def _similar(members: list[Json]) -> bool:
    amounts = [abs(Decimal(member["amount"])) for member in members]
    return max(amounts) - min(amounts) <= _SIMILAR * max(amounts)


def _amount(amount: Decimal | int, like: Json) -> Json:
    return {
        "amount": amount,
        "iso_currency_code": like["iso_currency_code"],
        "unofficial_currency_code": like["unofficial_currency_code"],
    }
