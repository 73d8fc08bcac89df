"""The server: Plaid's endpoints, and the simulator's control API under /_sim/.

Source for the transport rules: plaid.com/docs/api (JSON over POST, credentials in the body or in headers) and
plaid.com/docs/errors.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from emulators.plaid import activity, link_pages, snapshot, wire
from emulators.plaid.control import control_routes
from emulators.plaid.endpoints import HANDLERS, Call, Download
from emulators.plaid.errors import PlaidError
from emulators.plaid.faults import ErrorClass
from emulators.plaid.fields import ENDPOINTS
from emulators.plaid.items import Item
from emulators.plaid.regions import team_of
from emulators.plaid.settings import EU, Settings
from emulators.plaid.spoiled import TRANSPORT, delay, spoiled
from emulators.plaid.validation import hold_against
from emulators.plaid.world import World

CREDENTIALS = {"client_id": "PLAID-CLIENT-ID", "secret": "PLAID-SECRET"}
JSON_TYPE = "application/json; charset=utf-8"
PUBLIC = {"/categories/get"}  # needs no credentials and ignores its body


@dataclass(frozen=True)
class Received:
    """A request before validation. `body` is None when it is not a JSON object."""

    path: str
    method: str
    content_type: str | None
    body: dict[str, Any] | None
    credentials: dict[str, Any]
    base_url: str

    def item_id(self, world: World) -> str | None:
        """The Item that the request's access token or public token belongs to."""
        body = self.body or {}
        access_token, public_token = body.get("access_token"), body.get("public_token")
        if isinstance(access_token, str):
            return world.access_tokens.get(access_token)
        found = world.public_tokens.get(public_token) if isinstance(public_token, str) else None
        return found.item_id if found else None


@dataclass(frozen=True)
class _Accepted:
    """A request between its arrival and its answer. `item` is its Item if that existed at its arrival.

    `seconds`: how long it takes, because of a fault or of a slow first call.
    """

    received: Received
    request_id: str
    item_id: str | None
    item: Item | None
    fault: ErrorClass | None
    seconds: float


class Plaid:
    """Serves Plaid's endpoints."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def __call__(self, request: Request) -> Response:
        call = self._accept(await _receive(request))
        if call.fault or call.seconds:
            await self.world.clock.sleep(call.seconds)
        return self._respond(call)

    def answer(self, received: Received) -> Response:
        """Answers a request at once, with the next fault that applies but without any latency."""
        return self._respond(self._accept(received))

    def _accept(self, received: Received) -> _Accepted:
        """Counts a request and takes the fault that applies to it."""
        request_id, item_id = self.world.ids.request_id(), received.item_id(self.world)
        self._count(received.path, item_id)
        fault = self.world.faults.take(received.path, item_id) if received.path in ENDPOINTS else None
        item = self.world.items.get(item_id or "")
        existing = item if item is not None and not item.removed else None
        seconds = (delay(fault) if fault else 0) + (item.other.take_first_call(received.path) if item else 0)
        return _Accepted(received, request_id, item_id, existing, fault, seconds)

    def _respond(self, call: _Accepted) -> Response:
        received, request_id, item_id, fault = call.received, call.request_id, call.item_id, call.fault
        if call.item and call.item.removed:
            return self._refuse(PlaidError("ITEM_CONCURRENTLY_DELETED"), request_id)
        answer = self._faulty(received, item_id, request_id, fault) if fault else None
        answer = answer or self._answer(received, item_id, request_id)
        return spoiled(answer, fault) if fault else answer

    def _faulty(self, received: Received, item_id: str | None, request_id: str, fault: ErrorClass) -> Response | None:
        """Raises the error that a fault injects; with `after` the call takes effect first."""
        if fault.kind not in {"error", "rate_limit"}:
            return None if fault.after or fault.kind == "latency" else Response()
        if fault.after:
            self._answer(received, item_id, request_id)
        return self._refuse(fault.error(), request_id, fault.retry_after)

    def _answer(self, received: Received, item_id: str | None, request_id: str) -> Response:
        try:
            handler = HANDLERS.get(received.path) if received.method == "POST" else None
            if handler is None:
                raise PlaidError("NOT_FOUND")
            fields = self._judge(received, item_id)
            team = team_of(received.credentials["client_id"], self.world.settings.eu_client_id)
            self._check_team(received, team)
            result = handler(Call(self.world, fields, received.base_url, received.path, team))
        except PlaidError as error:
            return self._refuse(error, request_id)
        if item := self.world.items.get(item_id or ""):
            item.bill.add_call(received.path)
            activity.note_access(item, received.path, self.world.clock.now())
        if isinstance(result, Download):
            return Response(result.content, headers=result.headers, media_type=result.media_type)
        return Response(wire.dumps({**result, "request_id": request_id}), media_type=JSON_TYPE)

    def _judge(self, received: Received, item_id: str | None) -> dict[str, Any]:
        """Returns the request's validated fields, or raises the validation error."""
        if received.path in PUBLIC:
            return {}
        if received.content_type is None:
            raise PlaidError("INVALID_HEADERS")
        if received.content_type != "application/json" or received.body is None:
            raise PlaidError("INVALID_BODY")
        self._check_credentials(received.credentials)
        client_id = str(received.credentials["client_id"])
        self.world.limits.count(
            self.world.settings.rate_limits, received.path, client_id, item_id, self.world.clock.now()
        )
        return hold_against(ENDPOINTS[received.path], received.body)

    def _check_credentials(self, given: dict[str, Any]) -> None:
        """Accepts any non-empty client id and secret, unless the settings require a given pair."""
        if missing := [name for name in CREDENTIALS if given[name] is None]:
            raise PlaidError("MISSING_FIELDS", f"the following required fields are missing: {', '.join(missing)}")
        for name in CREDENTIALS:
            if not isinstance(given[name], str) or not given[name].strip():
                raise PlaidError("INVALID_FIELD", f"{name} must be a non-empty string")
        settings = self.world.settings
        client_id, secret = settings.client_id, settings.secret
        if team_of(given["client_id"], settings.eu_client_id) == EU:
            client_id, secret = settings.eu_client_id, settings.eu_secret
        if given["client_id"] != (client_id or given["client_id"]) or given["secret"] != (secret or given["secret"]):
            raise PlaidError("INVALID_API_KEYS")

    def _check_team(self, received: Received, team: str) -> None:
        """Refuses a token of the other team, and counts it."""
        body, world = received.body or {}, self.world
        item, link = world.items.get(received.item_id(world) or ""), world.link_tokens.get(str(body.get("link_token")))
        if world.settings.eu_client_id is None or {one.team for one in (item, link) if one} <= {team}:
            return
        world.misdirected[received.path] += 1
        if link is not None:
            raise PlaidError("INVALID_LINK_TOKEN")
        raise PlaidError("INVALID_ACCESS_TOKEN" if "access_token" in body else "INVALID_PUBLIC_TOKEN")

    def _refuse(self, error: PlaidError, request_id: str, retry_after: int | None = None) -> Response:
        self.world.errors[error.code] += 1
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return Response(wire.dumps(error.answer(request_id)), error.status, headers, JSON_TYPE)

    def _count(self, path: str, item_id: str | None) -> None:
        self.world.calls[path if path in ENDPOINTS else "other"] += 1
        if item_id:
            self.world.calls_of_item[item_id][path] += 1


async def _receive(request: Request) -> Received:
    try:
        raw = await request.body()
    except ClientDisconnect:
        raw = b""
    try:
        body = wire.loads(raw)
    except ValueError:
        body = None
    body = body if isinstance(body, dict) else None
    in_body = {name: (body or {}).get(name) for name in CREDENTIALS}
    credentials = {
        name: request.headers.get(header) if in_body[name] is None else in_body[name]
        for name, header in CREDENTIALS.items()
    }
    content_type = request.headers.get("content-type")
    if content_type is not None:
        content_type = content_type.partition(";")[0].strip().lower()
    return Received(request.url.path, request.method, content_type, body, credentials, str(request.base_url))


class Simulator:
    """The ASGI application."""

    def __init__(self, settings: Settings | None = None, state: Path | None = None) -> None:
        self.world = World(settings or Settings())
        self._state = state
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        self._app = Starlette(
            routes=[
                Mount("/_sim", routes=control_routes(self.world)),
                *link_pages.ROUTES,
                Route("/{path:path}", Plaid(self.world).__call__, methods=methods),
            ],
            lifespan=self._lifespan,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.world.changes += 1
        scope[TRANSPORT] = getattr(getattr(send, "__self__", None), "transport", None)
        await self._app(scope, receive, send)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        if self._state and self._state.exists():
            snapshot.load(self.world, self._state)
        keeper = asyncio.create_task(snapshot.keep(self.world, self._state)) if self._state else None
        yield
        if keeper and self._state:
            keeper.cancel()
            snapshot.save(self.world, self._state)
        self.world.clock.clear()
        await self.world.webhooks.close()
