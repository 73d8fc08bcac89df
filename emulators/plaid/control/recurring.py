"""/_sim/items/<id>/recurring: create recurring streams, and change what Plaid reports of them."""

from datetime import date

from starlette.requests import Request

from emulators.plaid import extraction, series
from emulators.plaid.control.base import Json, Refused, Table, item_of, only
from emulators.plaid.items import Item
from emulators.plaid.product_data import RECURRING
from emulators.plaid.recurring import find_streams
from emulators.plaid.world import World


async def change_streams(world: World, request: Request, body: Json) -> Json:
    """Adds, changes, removes and ends streams, in this order.

    `add`: `description`, `amount`, `frequency` (MONTHLY), `account_id`, `bookings` (past ones, 3), `last_date` (today)
    and `left` (bookings that arrive with the clock: 0, null for no end). `change`: `stream_id` and any fields of the
    answer, `new_stream_id` replaces the id. `remove`: ids of streams that Plaid no longer reports, although their
    transactions stay. `end`: ids of streams whose bookings stop.
    """
    only(body, "add", "change", "remove", "end", "announce")
    item = item_of(world, request)
    before = len(item.log)
    booked = [_add(world, item, written) for written in body.get("add", [])]
    world.announce_changes(item, before, [])
    for change in body.get("change", []):
        _change(world, item, change)
    for stream_id in body.get("remove", []):
        stream = _stream(world, item, stream_id)
        item.other.stream_changes[_detected_id(item, stream_id)] = None
        item.other.unannounced.recurring(stream["account_id"])
    for stream_id in body.get("end", []):
        stream = _stream(world, item, stream_id)
        series.end(item, stream["account_id"], stream["description"])
    sent = extraction.announce(world, item, RECURRING) if body.get("announce", True) else []
    return {"booked": booked, "streams": streams_of(world, item), "sent": sent}


def streams_of(world: World, item: Item) -> list[Json]:
    """The streams that the Item's answer contains."""
    accounts = {account.account_id for account in item.accounts}
    found = find_streams(item, accounts, world.clock.now(), "v2")
    return [*found["inflow_streams"], *found["outflow_streams"]]


def _add(world: World, item: Item, written: Json) -> list[str]:
    only(written, "account_id", "description", "amount", "frequency", "bookings", "last_date", "left")
    covered = next((account.account_id for account in item.accounts if account.has_transactions), None)
    account_id = written.get("account_id", covered)
    if account_id is None:
        raise Refused("the Item has no account for transactions")
    repeated = {
        "account_id": item.account(account_id).account_id,
        "description": str(written.get("description", "Simulated subscription")),
        "amount": written.get("amount", 10),
        "frequency": written.get("frequency", "MONTHLY"),
        "left": written.get("left", 0),
    }
    last = date.fromisoformat(written.get("last_date", str(world.clock.today())))
    item.other.unannounced.recurring(account_id)
    return series.begin(world, item, repeated, int(written.get("bookings", 3)), last)


def _change(world: World, item: Item, change: Json) -> None:
    stream_id = str(change.pop("stream_id", ""))
    stream = _stream(world, item, stream_id)
    if "new_stream_id" in change:
        change["stream_id"] = change.pop("new_stream_id")
    known = _detected_id(item, stream_id)
    item.other.stream_changes[known] = {**(item.other.stream_changes.get(known) or {}), **change}
    item.other.unannounced.recurring(stream["account_id"])


def _stream(world: World, item: Item, stream_id: str) -> Json:
    for stream in streams_of(world, item):
        if stream["stream_id"] == stream_id:
            return stream
    raise Refused(f"no such stream: {stream_id}", 404)


def _detected_id(item: Item, stream_id: str) -> str:
    """The id under which the stream was detected, which a test may have replaced."""
    changes = item.other.stream_changes.items()
    return next((known for known, change in changes if change and change.get("stream_id") == stream_id), stream_id)


ROUTES: Table = [("POST", "/items/{item_id}/recurring", change_streams)]
