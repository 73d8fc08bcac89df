"""Our own detector of recurring streams, for banks and plans where Plaid's product is not available.

A stream is at least `LEAST` bookings of one account, merchant and sign whose gaps differ from their median by at most
`TOLERANCE`. It is the newest such series: a subscription that was paused or got another interval begins again. But
among purchases at any time there are such series by chance, so if older bookings do not belong to it, its amounts must
be as regular. Plaid does not publish its rules: https://plaid.com/docs/api/products/transactions/#transactionsrecurringget
"""

import hashlib
import re
from calendar import monthrange
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import reduce
from itertools import pairwise
from statistics import median
from typing import Any, Literal, NamedTuple

from shared.domain.products.kinds import ProductKind, ProductStatus
from shared.domain.products.recurring import MAX_TRANSACTION_IDS, RecurringStream, row_of
from shared.domain.products.rows import ProductRow

USED_FIELDS = (
    *("transaction_id", "account_id", "date", "amount", "iso_currency_code", "unofficial_currency_code", "pending"),
    *("name", "merchant_name", "merchant_entity_id", "category"),
)
"""The fields of a stored transaction that matter here; reading only these saves most of the memory."""
LEAST = 3
TOLERANCE = 0.4
SHORTEST_DAYS = 5  # of the median gap: what is booked more often is a habit, not a bill
OVERDUE = 1.5  # gaps without a booking, after which a stream has ended
_MATURE, _UNKNOWN = "MATURE", "UNKNOWN"
_FREQUENCIES = (
    (7, 1, "WEEKLY"),
    (14, 1, "BIWEEKLY"),
    (15, 2, "SEMI_MONTHLY"),
    (30, 4, "MONTHLY"),
    (365, 10, "ANNUALLY"),
)
"""Days between bookings, by how many they may differ, and Plaid's word for them."""
_MONTHS = {"MONTHLY": 1, "ANNUALLY": 12}
_NUMBERS = re.compile(r"[\W\d_]+")  # references and dates in the names of bookings
_EXACT = Context(prec=1_000)  # the sum of long amounts must not be rounded
_AHEAD = timedelta(days=1)  # a bank's day may be ahead of that of UTC


def uses_own(kind: ProductKind, status: ProductStatus) -> bool:
    """Whether our own detector replaces a product of this status."""
    return kind is ProductKind.RECURRING and status in (ProductStatus.NOT_ENABLED, ProductStatus.UNSUPPORTED)


@dataclass(frozen=True, slots=True)
class _Booking:
    """A booked transaction: the fields that matter, and the stored row."""

    day: date
    amount: Decimal
    row: Mapping[str, Any]


class _Payee(NamedTuple):
    """What is equal in all bookings of a stream."""

    account_id: str
    merchant: str
    direction: Literal["in", "out"]
    currency: str | None

    @property
    def stream_id(self) -> str:
        """The same in every run, also after a pause."""
        return f"own-{hashlib.sha256(repr(tuple(self)).encode()).hexdigest()[:32]}"


def detect(
    transactions: Iterable[Mapping[str, Any]], *, account_ids: Collection[str], today: date
) -> tuple[ProductRow, ...]:
    """Finds the streams in stored transactions.

    Args:
        transactions: Stored transactions, or their `USED_FIELDS`, in any order. Pending ones, and those of later days,
            are skipped.
        account_ids: The accounts that may have streams.
        today: The day that decides which streams are active.
    """
    groups: dict[_Payee, list[_Booking]] = defaultdict(list)
    for row in transactions:
        if row["account_id"] in account_ids and (booking := _booking(row, today)) is not None:
            direction: Literal["in", "out"] = "in" if booking.amount < 0 else "out"
            groups[_Payee(row["account_id"], _merchant(row), direction, _currency(row))].append(booking)
    found = (_stream(payee, bookings, today=today) for payee, bookings in groups.items())
    return tuple(sorted((row_of(stream) for stream in found if stream), key=lambda row: row.row_id))


def _booking(row: Mapping[str, Any], today: date) -> _Booking | None:
    amount, day = Decimal(row["amount"]), date.fromisoformat(row["date"])
    return _Booking(day, amount, row) if amount and day <= today + _AHEAD and not row["pending"] else None


def _currency(row: Mapping[str, Any]) -> str | None:
    return row.get("iso_currency_code") or row.get("unofficial_currency_code")


def _merchant(row: Mapping[str, Any]) -> str:
    """What is equal in all bookings of a merchant: its id, else its name, else the booking's name without numbers."""
    named = row.get("merchant_entity_id") or row.get("merchant_name")
    return str(named).casefold() if named else _NUMBERS.sub(" ", row["name"]).casefold().strip()


def _stream(payee: _Payee, bookings: list[_Booking], *, today: date) -> RecurringStream | None:
    series = _newest_series(sorted(bookings, key=lambda one: (one.day, one.row["transaction_id"])))
    if not payee.merchant or series is None:
        return None
    newest, days = series[-1].row, [one.day for one in series]
    gap = median(_gaps(days))
    frequency = _frequency(gap)
    is_active = (today - days[-1]).days <= gap * OVERDUE
    return {
        "stream_id": payee.stream_id,
        "account_id": payee.account_id,
        "direction": payee.direction,
        "description": newest["name"],
        "merchant_name": newest.get("merchant_name"),
        "category": newest.get("category"),
        "frequency": frequency,
        "status": _MATURE,
        "is_active": is_active,
        "first_date": days[0].isoformat(),
        "last_date": days[-1].isoformat(),
        "predicted_next_date": _next(days, gap, frequency).isoformat() if is_active else None,
        "average_amount": _average(series),
        "last_amount": newest["amount"],
        "currency": payee.currency,
        "transaction_ids": [one.row["transaction_id"] for one in series[-MAX_TRANSACTION_IDS:]],
        "source": "own",
    }


def _newest_series(bookings: Sequence[_Booking]) -> Sequence[_Booking] | None:
    """The longest regular series that ends with the newest booking."""
    days = [one.day for one in bookings]
    begin = len(days) - LEAST
    if begin < 0 or not _is_regular(days[begin:]):
        return None
    while begin > 0 and _is_regular(days[begin - 1 :]):
        begin -= 1
    amounts = [abs(float(one.amount)) for one in bookings[begin:]]
    return bookings[begin:] if begin == 0 or _are_alike(amounts) else None


def _is_regular(days: Sequence[date]) -> bool:
    gaps = _gaps(days)
    return median(gaps) >= SHORTEST_DAYS and _are_alike(gaps)


def _are_alike(values: Sequence[float]) -> bool:
    usual = median(values)
    return all(abs(value - usual) <= TOLERANCE * usual for value in values)


def _gaps(days: Sequence[date]) -> list[int]:
    return [(later - earlier).days for earlier, later in pairwise(days)]


def _frequency(gap: float) -> str:
    return next((name for days, slack, name in _nearest(gap) if abs(gap - days) <= slack), _UNKNOWN)


def _nearest(gap: float) -> list[tuple[int, int, str]]:
    return sorted(_FREQUENCIES, key=lambda known: abs(gap - known[0]))


def _next(days: Sequence[date], gap: float, frequency: str) -> date:
    """The day of the next booking: the same day of the month, or the usual number of days later."""
    last = days[-1]
    if (months := _MONTHS.get(frequency)) is None:
        return last + timedelta(days=round(gap))
    is_cut = last.day == _length_of_month(last.year, last.month)  # a bill of the 31st is booked earlier then
    usual = max(day.day for day in days[-LEAST:]) if is_cut else last.day
    years, month = divmod(last.month - 1 + months, 12)
    return date(last.year + years, month + 1, min(usual, _length_of_month(last.year + years, month + 1)))


def _length_of_month(year: int, month: int) -> int:
    return monthrange(year, month)[1]


def _average(series: Sequence[_Booking]) -> str:
    """The mean, with as many places as the newest amount, but at least the two of most currencies."""
    places = min(-2, int(series[-1].amount.as_tuple().exponent))
    total = reduce(_EXACT.add, (one.amount for one in series))
    mean = _EXACT.divide(total, Decimal(len(series)))
    return format(mean.quantize(Decimal(1).scaleb(places), rounding=ROUND_HALF_EVEN, context=_EXACT), "f")
