"""Routing, validation and responses of the control API."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from emulators.plaid import wire
from emulators.plaid.errors import PlaidError
from emulators.plaid.items import Item
from emulators.plaid.world import World

Json = dict[str, Any]
Action = Callable[[World, Request, Json], Awaitable[Any]]
Table = list[tuple[str, str, Action]]
JSON_TYPE = "application/json"


class Refused(Exception):
    """An invalid control call; the message says why."""

    def __init__(self, message: str, status: int = 400) -> None:
        self.message, self.status = message, status
        super().__init__(message)


def routes(world: World, table: Table) -> list[Route]:
    """The routes of a table of (method, path, action)."""
    return [Route(path, _answering(world, action), methods=[method]) for method, path, action in table]


def _answering(world: World, action: Action) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            result = await action(world, request, await _body(request))
        except Refused as refused:
            return _json({"error": refused.message}, refused.status)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            return _json({"error": f"the body has a field of the wrong kind: {error}"}, 400)
        except LookupError as error:
            return _json({"error": str(error)}, 404)
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
    """Rejects unknown fields, because a misspelt field would silently do nothing."""
    if unknown := sorted(set(body) - set(known)):
        raise Refused(f"unknown fields: {', '.join(unknown)}; known: {', '.join(known) or 'none'}")


def item_of(world: World, request: Request) -> Item:
    item = world.items.get(request.path_params["item_id"])
    if item is None:
        raise Refused("no such Item", 404)
    return item
