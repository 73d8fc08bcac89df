"""The history of balances: a document per account and month, with the balances of its days.

A day is recorded once, when balances were read anyway. A day without an entry is unknown: never count it as 0, and
never assume that nothing changed. Days before the account was linked are derived: the current balance without the
transactions booked since. Only balances of accounts that hold or owe cash follow from their transactions.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import TypedDict

from shared.domain.account import Account, Balances

MAX_DERIVED_DAYS = 800  # Plaid delivers 730 days of transactions
_SIGNS = {"depository": 1, "credit": -1}
"""By type of account: how a positive amount (money out) changed the balance, seen from today backwards.

Source: https://plaid.com/docs/api/accounts/#accounts-get-response-accounts-balances-current: the balance of a card is
what is owed, so a purchase increases it.
"""
_EXACT = Context(prec=100, traps=[Inexact, InvalidOperation])


class DayBalances(TypedDict):
    """The balances of one day as decimal strings, exactly as the bank sent them; None if the bank sent none."""

    current: str | None
    available: str | None
    limit: str | None


class BalanceMonth(TypedDict):
    """The balances of one account in one month (`YYYY-MM`), by day of the month (`01` to `31`).

    `derived` has the days that were computed from the transactions.
    """

    account_id: str
    month: str
    currency: str | None
    days: dict[str, DayBalances]
    derived: dict[str, bool]


@dataclass(frozen=True, slots=True)
class Booking:
    """A posted transaction: positive amounts are money out."""

    day: str
    amount: str
    currency: str | None


@dataclass(frozen=True, slots=True)
class MonthChange:
    """Days of one account and month to be stored; days that are not named stay as they are."""

    account_id: str
    month: str
    currency: str | None
    days: Mapping[str, DayBalances]
    is_derived: bool = False


def document_id(account_id: str, month: str) -> str:
    """The id of a month's document."""
    return f"{account_id}-{month}"


def recorded(account: Account, day: str) -> MonthChange | None:
    """The entry for the balances of an account; None if the bank sent none."""
    balances = account["balances"]
    entry = DayBalances(current=balances["current"], available=balances["available"], limit=balances["limit"])
    if entry["current"] is None and entry["available"] is None:
        return None
    return MonthChange(account["account_id"], day[:7], currency_of(balances), {day[8:]: entry})


def derived(
    account: Account, bookings: Iterable[Booking], *, recorded_days: Collection[str], today: str
) -> list[MonthChange]:
    """The balances at the end of each day from the first transaction until yesterday.

    Args:
        account: The account with its current balance.
        bookings: All its posted transactions.
        recorded_days: Days that the bank's own balances are known for; they are not derived.
        today: The current day.

    Returns:
        The days by month. None if they do not follow from the transactions: for other types of accounts, without a
        current balance, and if any transaction has another currency.
    """
    currency = currency_of(account["balances"])
    sign, current = _SIGNS.get(account["type"]), account["balances"]["current"]
    known = list(bookings)
    if sign is None or current is None or not known or any(one.currency != currency for one in known):
        return []
    try:
        balances = _backwards(_number(current), sign, known, today=date.fromisoformat(today))
    except (InvalidOperation, Inexact, ValueError):
        return []
    months: defaultdict[str, dict[str, DayBalances]] = defaultdict(dict)
    for day, balance in balances.items():
        if day not in recorded_days:
            months[day[:7]][day[8:]] = DayBalances(current=format(balance, "f"), available=None, limit=None)
    return [
        MonthChange(account["account_id"], month, currency, days, is_derived=True)
        for month, days in sorted(months.items())
    ]


def _backwards(current: Decimal, sign: int, bookings: Iterable[Booking], *, today: date) -> dict[str, Decimal]:
    """The balance at the end of each day before today, back to the first transaction."""
    sums: defaultdict[date, Decimal] = defaultdict(Decimal)
    for one in bookings:
        day = date.fromisoformat(one.day)
        sums[day] = _EXACT.add(sums[day], _number(one.amount))
    first = max(min(sums), today - timedelta(days=MAX_DERIVED_DAYS))
    undo = _EXACT.add if sign > 0 else _EXACT.subtract
    balance, balances = current, dict[str, Decimal]()
    for later in [day for day in sums if day > today]:  # the bank's day may be ahead of UTC's
        balance = undo(balance, sums[later])
    day = today
    while day > first:
        balance = undo(balance, sums[day])
        day -= timedelta(days=1)
        balances[day.isoformat()] = balance
    return balances


def _number(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite():
        raise ValueError(text)
    return number


def day_of(moment: datetime) -> str:
    """The day that the balances of a moment are recorded for. Every moment of the backend is in UTC."""
    return moment.date().isoformat()


def recorded_days(months: Iterable[BalanceMonth]) -> set[str]:
    """The days with the bank's own balances."""
    return {f"{one['month']}-{day}" for one in months for day in one["days"] if day not in one["derived"]}


def currency_of(balances: Balances) -> str | None:
    """The currency of an account, official or not."""
    return balances["iso_currency_code"] or balances["unofficial_currency_code"]
