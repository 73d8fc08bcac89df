"""The simulator's own API under /_sim/: look inside, change what banks say, move time, order faults.

Nothing here exists at Plaid. See README.md for each route with an example.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, fields
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from emulators.plaid import wire
from emulators.plaid.clock import iso, parse_iso
from emulators.plaid.errors import PlaidError
from emulators.plaid.items import Item
from emulators.plaid.world import World

Json = dict[str, Any]
Action = Callable[[World, Request, Json], Awaitable[Any]]
JSON_TYPE = "application/json"
_ROWS_PER_CHUNK = 500


class Refused(Exception):
    """A control call that makes no sense; says why."""

    def __init__(self, message: str, status: int = 400) -> None:
        self.message, self.status = message, status
        super().__init__(message)


def control_routes(world: World) -> list[Route]:
    from emulators.plaid import control_faults, control_items, control_link

    table: list[tuple[str, str, Action]] = [
        ("GET", "/health", health),
        ("POST", "/reset", reset),
        ("GET", "/clock", read_clock),
        ("POST", "/clock", move_clock),
        ("GET", "/settings", read_settings),
        ("POST", "/settings", change_settings),
        ("GET", "/counters", counters),
        *control_items.ROUTES,
        *control_faults.ROUTES,
        *control_link.ROUTES,
    ]
    return [Route(path, _answering(world, action), methods=[method]) for method, path, action in table]


def _answering(world: World, action: Action) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            result = await action(world, request, await _body(request))
        except Refused as refused:
            return _json({"error": refused.message}, refused.status)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return _json({"error": f"the body has a field of the wrong kind: {error}"}, 400)
        except PlaidError as error:
            return _json({"error": error.message, **error.inside()}, 400)
        return result if isinstance(result, Response) else _json(result)

    return answer


async def _body(request: Request) -> Json:
    raw = await request.body()
    try:
        body = wire.loads(raw) if raw else {}
    except ValueError as error:
        raise Refused(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise Refused("the body must be a JSON object")
    return body


def _json(value: Any, status: int = 200) -> Response:
    return Response(wire.dumps(value), status, media_type=JSON_TYPE)


def only(body: Json, *known: str) -> None:
    """Refuse fields that are not known: a misspelt one would silently do nothing."""
    if unknown := sorted(set(body) - set(known)):
        raise Refused(f"unknown fields: {', '.join(unknown)}; known: {', '.join(known) or 'none'}")


def item_of(world: World, request: Request) -> Item:
    item = world.items.get(request.path_params["item_id"])
    if item is None:
        raise Refused("no such Item", 404)
    return item


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
    return {**asdict(world.settings), "seed": world.settings.seed}


async def change_settings(world: World, request: Request, body: Json) -> Json:
    only(body, *(field.name for field in fields(world.settings) if field.name != "seed"))
    if body.get("rate_limits") not in {None, "sandbox", "production"}:
        raise Refused("rate_limits must be sandbox, production or null")
    for name, value in body.items():
        setattr(world.settings, name, float(value) if name.endswith("_after") else value)
    return await read_settings(world, request, body)


async def counters(world: World, _: Request, __: Json) -> Json:
    return {
        "endpoints": dict(world.calls),
        "items": {item_id: dict(calls) for item_id, calls in world.calls_of_item.items()},
        "errors": dict(world.errors),
    }


def truth_of(item: Item) -> Response:
    """All current transactions and accounts, exactly as Plaid would send them; streamed, because there may be many."""

    async def chunks() -> AsyncIterator[bytes]:
        accounts = wire.dumps([account.as_object() for account in item.accounts])
        yield b'{"item_id":' + wire.dumps(item.item_id) + b',"accounts":' + accounts + b',"transactions":['
        buffer: list[bytes] = []
        first = True
        for row in item.log.current():
            buffer.append(row.body if first else b"," + row.body)
            first = False
            if len(buffer) == _ROWS_PER_CHUNK:
                yield b"".join(buffer)
                buffer.clear()
        yield b"".join(buffer) + b"]}"

    return StreamingResponse(chunks(), media_type=JSON_TYPE)
