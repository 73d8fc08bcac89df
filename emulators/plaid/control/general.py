"""/_sim/health, reset, clock, settings, counters."""

from dataclasses import asdict, fields

from starlette.requests import Request

from emulators.plaid import wire
from emulators.plaid.billing import PARTS
from emulators.plaid.clock import iso, parse_iso
from emulators.plaid.control.base import Json, Refused, Table, only
from emulators.plaid.fields import PRODUCTS
from emulators.plaid.world import World


async def health(world: World, _: Request, __: Json) -> Json:
    return {"ok": True, "now": iso(world.clock.now()), "items": len(world.items)}


async def reset(world: World, _: Request, __: Json) -> Json:
    world.reset()
    return {"ok": True}


async def read_clock(world: World, _: Request, __: Json) -> Json:
    return {"now": iso(world.clock.now()), "ahead_seconds": world.clock.offset.total_seconds()}


async def move_clock(world: World, request: Request, body: Json) -> Json:
    """{"advance_seconds": n} or {"to": "<ISO date-time>"}; never backwards."""
    if "to" in body:
        try:
            seconds = (parse_iso(str(body["to"])) - world.clock.now()).total_seconds()
        except ValueError as error:
            raise Refused("to must be an ISO 8601 date-time") from error
    else:
        number = wire.decimal(body.get("advance_seconds"))
        if number is None:
            raise Refused("advance_seconds or to is needed")
        seconds = float(number)
    if seconds < 0:
        raise Refused("the clock only moves forward; POST /_sim/reset returns it to now")
    await world.clock.advance(seconds, world.webhooks.settle)
    return await read_clock(world, request, body)


async def read_settings(world: World, _: Request, __: Json) -> Json:
    return asdict(world.settings)


async def change_settings(world: World, request: Request, body: Json) -> Json:
    only(body, *(field.name for field in fields(world.settings) if field.name != "seed"))
    if body.get("rate_limits") not in {None, "sandbox", "production"}:
        raise Refused("rate_limits must be sandbox, production or null")
    if "product_delays" in body:
        body["product_delays"] = _delays(body["product_delays"] or {})
    for name, value in body.items():
        setattr(world.settings, name, float(value) if name.endswith("_after") else value)
    return await read_settings(world, request, body)


def _delays(written: Json) -> dict[str, float]:
    known = {*PRODUCTS, *PARTS} - {"transactions", "balance"}
    if unknown := sorted(set(written) - known):
        raise Refused(f"product_delays has no {', '.join(unknown)}; transactions use initial_after and history_after")
    return {product: float(seconds) for product, seconds in written.items()}


async def counters(world: World, _: Request, __: Json) -> Json:
    return {
        "endpoints": dict(world.calls),
        "items": {item_id: dict(calls) for item_id, calls in world.calls_of_item.items()},
        "errors": dict(world.errors),
        "misdirected": dict(world.misdirected),
        "billed": {item.item_id: item.bill.units(world.clock.today()) for item in world.items.values()},
    }


ROUTES: Table = [
    ("GET", "/health", health),
    ("POST", "/reset", reset),
    ("GET", "/clock", read_clock),
    ("POST", "/clock", move_clock),
    ("GET", "/settings", read_settings),
    ("POST", "/settings", change_settings),
    ("GET", "/counters", counters),
]
