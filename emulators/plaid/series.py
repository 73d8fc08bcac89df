"""Series: bookings of an account that repeat with the clock, from which recurring streams arise, mature and end.

A series is plain JSON, so a state file keeps it. Its first bookings are in the past; every later one arrives when the
clock reaches its date. `left` counts them, None for no end; a series that ends announces the end of its stream.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from emulators.plaid import extraction
from emulators.plaid.ids import derive
from emulators.plaid.items import Item
from emulators.plaid.merchants import recognise
from emulators.plaid.product_data import RECURRING
from emulators.plaid.recurring import FREQUENCIES, overdue
from emulators.plaid.transactions import Booking
from emulators.plaid.world import World

Json = dict[str, Any]
_DAYS = {"WEEKLY": 7, "BIWEEKLY": 14, "SEMI_MONTHLY": 15}
_MONTHS = {"MONTHLY": 1, "ANNUALLY": 12}


def begin(world: World, item: Item, series: Json, past: int, last: date) -> list[str]:
    """Books the past bookings of a series and waits for the others; returns the ids of the past ones."""
    if series["frequency"] not in FREQUENCIES:
        raise ValueError(f"frequency must be one of: {', '.join(FREQUENCIES)}")
    item.other.series.append(series)
    last = step(last, series["frequency"], 0)
    booked = [_book(item, series, step(last, series["frequency"], -ago)) for ago in reversed(range(past))]
    series["last"] = str(last)
    _arm(world, item, series)
    return booked


def end(item: Item, account_id: str, description: str) -> None:
    """No more bookings arrive of the series of a stream."""
    item.other.series = [
        series
        for series in item.other.series
        if (series["account_id"], series["description"]) != (account_id, description)
    ]


def arm_all(world: World, item: Item) -> None:
    """Sets the timers of all series."""
    for series in item.other.series:
        _arm(world, item, series)


def step(day: date, frequency: str, count: int) -> date:
    """The day so many intervals later; at most the 28th of a month."""
    if frequency in _DAYS:
        return day + timedelta(days=_DAYS[frequency] * count)
    years, month = divmod(day.month - 1 + _MONTHS[frequency] * count, 12)
    return date(day.year + years, month + 1, min(day.day, 28))


def _arm(world: World, item: Item, series: Json) -> None:
    last = date.fromisoformat(series["last"])
    due = overdue(last, series["frequency"]) if series["left"] == 0 else step(last, series["frequency"], 1)
    _at(world, item, series, due, due)


def _at(world: World, item: Item, series: Json, due: date, when: date) -> None:
    world.clock.at(datetime.combine(when, time(), UTC), lambda: _arrive(world, item, series, due, when))


def _arrive(world: World, item: Item, series: Json, due: date, when: date) -> None:
    """Books what is due. While Plaid cannot read the account, it tries again every day."""
    gone = item.removed or item.revoked or world.items.get(item.item_id) is not item
    if gone or not any(series is known for known in item.other.series):
        return
    if item.error or series["account_id"] not in {account.account_id for account in item.accounts}:
        _at(world, item, series, due, when + timedelta(days=1))
        return
    if series["left"] == 0:
        item.other.series = [known for known in item.other.series if known is not series]
    else:
        before = len(item.log)
        _book(item, series, due)
        series["last"], series["left"] = str(due), None if series["left"] is None else series["left"] - 1
        world.announce_changes(item, before, [])
        _arm(world, item, series)
    item.other.unannounced.recurring(series["account_id"])
    if item.other.recurring_read:
        extraction.announce(world, item, RECURRING)


def _book(item: Item, series: Json, day: date) -> str:
    name = str(series["description"])
    account = item.account(series["account_id"])
    booking = Booking(
        derive(item.item_id, "series", item.other.next_number()),
        account.account_id,
        series["amount"],
        day,
        name,
        authorized=day,
        currency=account.currency,
        unofficial_currency=account.unofficial_currency,
        merchant=recognise(name),
    )
    item.log.put(booking.as_row())
    return booking.transaction_id
