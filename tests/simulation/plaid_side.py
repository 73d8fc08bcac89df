"""The Plaid simulator in the same process: its world on the virtual clock, its answers without sockets.

The backend's own Plaid client runs unchanged; only the transport below Plaid's library is replaced. Webhooks are
signed, delivered to the backend's webhook function, and retried as Plaid does.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, cast

import plaid
import urllib3
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from starlette.responses import Response

from emulators.plaid import signing, wire
from emulators.plaid.app import Plaid, Received
from emulators.plaid.clock import Clock
from emulators.plaid.cursors import CursorFormat
from emulators.plaid.endpoints import HANDLERS
from emulators.plaid.errors import CATALOGUE, PlaidError
from emulators.plaid.items import Item, Readiness
from emulators.plaid.settings import EU, US, Settings
from emulators.plaid.synclog import Row
from emulators.plaid.transactions import with_original_description
from emulators.plaid.webhooks import RETRY_AFTER, Delivery, Webhooks
from emulators.plaid.world import World
from shared.adapters.plaid.client import PlaidClient
from shared.adapters.plaid.errors import from_answer
from shared.adapters.plaid.product_client import PlaidProductsClient
from shared.adapters.plaid.transport import PlaidTransport
from shared.domain.errors import ErrorClass, ErrorKind, ProviderError
from tests.simulation.boundary import Boundary, Fault
from tests.simulation.loop import Loop

Json = dict[str, Any]
KEYS = {
    US: {"client_id": "simulated-client", "secret": "simulated-secret"},
    EU: {"client_id": "simulated-eu-client", "secret": "simulated-eu-secret"},
}
Post = Callable[[bytes, dict[str, str], str], int]


class PlaidClock(Clock):
    """The simulator's clock on virtual time."""

    def __init__(self, loop: Loop) -> None:
        super().__init__()
        self._loop = loop

    def now(self) -> datetime:
        """The virtual time."""
        return self._loop.now()

    def wall_time(self) -> float:
        """The virtual time, in seconds since 1970."""
        return self._loop.seconds()

    def at(self, when: datetime, action: Callable[[], None]) -> None:
        """Schedules a call."""
        self._loop.after((when - self._loop.now()).total_seconds(), action)


class Banks(World):
    """The simulator's world, in which something may happen to a new item before its history is loaded."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        super().__init__(settings, clock)
        self.on_new_item: dict[str | None, Callable[[Item], None]] = {}  # by user, once

    def keep_item(self, item: Item, unbilled: Iterable[str] = ()) -> None:
        """Stores a new item."""
        begin = self.on_new_item.pop(item.client_user_id, None)
        if begin is not None:
            begin(item)
        super().keep_item(item, unbilled)


class VirtualWebhooks(Webhooks):
    """Deliveries by tasks on virtual time instead of an event loop's."""

    def __init__(
        self, world: World, loop: Loop, post: Callable[[Delivery, bytes, str, Callable[[int | str], None]], None]
    ) -> None:
        super().__init__(world.clock, world.ids, world.keys, world.webhook_faults)
        self._loop, self._post_to_backend = loop, post
        self.acknowledged: list[Callable[[Delivery], None]] = []

    def _start(self, delivery: Delivery, *, times: int = 1, then_held: bool = False) -> None:
        for _ in range(times):
            raw, token = self._sign(delivery)
            self._post_to_backend(delivery, raw, token, lambda outcome: self._ended(delivery, outcome))
        if then_held:
            self._release(delivery.url)

    def _ended(self, delivery: Delivery, outcome: int | str) -> None:
        delivery.outcomes.append(outcome)
        retries = len(delivery.outcomes) - 1
        if outcome == 200:
            delivery.state = "delivered"
            for hear in self.acknowledged:
                hear(delivery)
        elif retries < len(RETRY_AFTER):
            delivery.state = "waiting for a retry"
            self._clock.after(RETRY_AFTER[retries], lambda: self._start(delivery))
        else:
            delivery.state = "given up"


class Keys(signing.KeyRing):
    """Signing keys from a seed, with deterministic signatures (RFC 6979), on virtual time."""

    def __init__(self, ids: Any, seed: random.Random, wall_time: Callable[[], float]) -> None:
        self._seed = seed
        super().__init__(ids, wall_time)

    def _new(self) -> signing.Key:
        private = ec.derive_private_key(self._seed.getrandbits(250) + 1, ec.SECP256R1())
        key = signing.Key(self._ids.uuid(), private, int(self._wall_time()))
        self._keys[key.kid] = key
        return key

    def sign(
        self, body: bytes, *, age: int = 0, kid: str | None = None, wrong_key: bool = False, team: str = US
    ) -> str:
        """The JWT for a body."""
        current = self.current_of(team)
        header = {"alg": "ES256", "kid": kid or current.kid, "typ": "JWT"}
        digest = sha256(body).hexdigest()
        claims = {"iat": int(self._wall_time()) - age, "request_body_sha256": digest}
        signed = f"{signing._segment(header)}.{signing._segment(claims)}"
        private = current.private
        if wrong_key:
            private = ec.derive_private_key(self._seed.getrandbits(250) + 1, ec.SECP256R1())
        r, s = decode_dss_signature(private.sign(signed.encode(), ec.ECDSA(SHA256(), deterministic_signing=True)))
        return f"{signed}.{signing._base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


class PlaidSide:
    """Plaid as the backend, the user's Link and the banks see it."""

    def __init__(self, boundary: Boundary, seed: int, *, two_pairs: bool = False) -> None:
        self.boundary, self.loop = boundary, boundary.loop
        settings = Settings(seed=seed)
        if two_pairs:
            settings.eu_client_id, settings.eu_secret = KEYS[EU]["client_id"], KEYS[EU]["secret"]
        self.world = world = Banks(settings, PlaidClock(self.loop))
        self.misdirected: list[tuple[str, str]] = []  # endpoint and item of tokens sent with the other pair's keys
        world.keys = Keys(world.ids, random.Random(f"keys {seed}"), world.clock.wall_time)
        world.cursors = CursorFormat(f"cursors {seed}".encode())
        self.webhooks = VirtualWebhooks(world, self.loop, self._deliver)
        world.webhooks = self.webhooks
        self.plaid = Plaid(world)
        self.after_page: dict[str, list[Callable[[], None]]] = {}  # by item: what happens after each next page
        self.deliver: Callable[[Delivery, bytes, str, Callable[[int | str], None]], None] | None = None

    # -- The backend's side ------------------------------------------------------------------------------------------

    def client(self, settings: Any, clock: Any) -> PlaidClient:
        """The backend's own client, over this transport."""
        client = PlaidClient(settings=settings, clock=clock)
        self._connect(client)
        return client

    def product_client(self, settings: Any) -> PlaidProductsClient:
        """The backend's own client of products, over this transport."""
        client = PlaidProductsClient(settings=settings)
        self._connect(client)
        return client

    def _connect(self, client: PlaidTransport) -> None:
        for pair in client._clients.values():
            keys = {"client_id": pair.configuration.api_key["clientId"], "secret": pair.configuration.api_key["secret"]}
            pair.call_api = partial(self._call_api, keys)

    def asked(self, path: str, body: Json) -> tuple[int, bytes]:
        """What Plaid answers now, asked by no backend: neither a fault nor a count."""
        received = Received(path, "POST", "application/json", body, KEYS[US], "https://plaid.example")
        item_id = received.item_id(self.world)
        item = self.world.items.get(item_id or "")
        received = replace(received, credentials=KEYS[item.team if item is not None else US])
        try:
            answer = self.plaid._answer(received, item_id, "check")
        except PlaidError as error:
            return error.status, wire.dumps(error.answer("check"))
        return answer.status_code, bytes(answer.body)

    def _call_api(self, keys: dict[str, str], path: str, _method: str, *, body: Json, **_: Any) -> Any:
        sent = wire.loads(json.dumps(body))
        received = Received(path, "POST", "application/json", sent, keys, "https://plaid.example")
        about = received.item_id(self.world)

        def effect() -> Response:
            answer = self.plaid.answer(received)
            if about in self.after_page and path == "/transactions/sync":
                self._change_after_page(about)
            return answer

        item = self.world.items.get(about or "")
        if item is not None and keys != KEYS[item.team] and not self._has_expired(sent):
            self.misdirected.append((path, item.item_id))
        ids = (item.item_id, item.institution.institution_id) if item is not None else ()

        def broken(name: str, fault: Fault) -> Exception:
            if "access_token" in sent and item is None and _is_users(fault.error, path):
                fault = replace(fault, error="INVALID_ACCESS_TOKEN")  # Plaid looks up the token before the login
            return self._broken(name, fault)

        try:
            answer = self.boundary.call(f"plaid.{path}", effect, broken=broken, about=ids)
        except _Half:
            return SimpleNamespace(data=b'{"accounts": [], "item": {"item_id": "')
        if answer.status_code != 200:
            raise _refusal(answer.status_code, bytes(answer.body), answer.headers)
        return SimpleNamespace(data=bytes(answer.body))

    def _change_after_page(self, item_id: str) -> None:
        changes = self.after_page[item_id]
        changes.pop(0)()
        if not changes:
            del self.after_page[item_id]

    def _has_expired(self, sent: Json) -> bool:
        """Whether a request names an expired public token, whose session, and so whose keys, may be forgotten."""
        found = self.world.public_tokens.get(sent.get("public_token", ""))
        return found is not None and found.expires <= self.world.clock.now()

    def _broken(self, name: str, fault: Fault) -> Exception:
        """The error of a call to Plaid: one of its own, or that of the network."""
        if fault.error in CATALOGUE:
            error = PlaidError(fault.error)
            headers = {"Retry-After": fault.retry_after} if fault.retry_after is not None else {}
            body = wire.dumps(error.answer(self.world.ids.request_id()))
            refusal = _refusal(error.status, body, headers)
            if is_operators(fault.error, name.removeprefix("plaid.")):
                self.boundary.google_failed_at = self.loop.microseconds
            return refusal
        match fault.error:
            case "html":
                return _refusal(502, b"<html>Bad Gateway</html>", {})
            case "half":
                return _Half()
            case "truncated":
                return cast("Exception", urllib3.exceptions.IncompleteRead(10, 20))
            case _:
                return cast("Exception", urllib3.exceptions.ReadTimeoutError(cast("Any", None), name, "no answer"))

    def _deliver(self, delivery: Delivery, raw: bytes, token: str, ended: Callable[[int | str], None]) -> None:
        assert self.deliver is not None
        self.deliver(delivery, raw, token, ended)

    # -- The banks' side ---------------------------------------------------------------------------------------------

    def control(
        self, handler: Callable[..., Coroutine[Any, Any, Any]], item: Item | None = None, /, **body: Any
    ) -> Any:
        """Calls a handler of the simulator's control API. Raises what it raises."""
        request = SimpleNamespace(path_params={"item_id": item.item_id if item else ""})
        try:
            handler(self.world, request, body).send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError("a control handler waits for something")

    def items(self) -> list[Item]:
        """All items, in the order of their creation."""
        return list(self.world.items.values())

    def living(self) -> list[Item]:
        """The items that exist at Plaid: neither removed nor revoked."""
        return [item for item in self.items() if not item.removed and not item.revoked]

    def truth(self, item: Item) -> bytes:
        """The item's transactions as Plaid would send them: a JSON list."""
        if item.readiness is Readiness.NOT_READY:  # whatever an account that was shared meanwhile has brought
            return b"[]"
        return b"[" + b",".join(map(with_original_description, item.log.current())) + b"]"

    def newest_rows(self, item: Item, count: int = 40) -> list[Row]:
        """The current rows among an item's last changes: the whole history would take long."""
        log = item.log
        places = range(max(0, len(log) - count), len(log))
        rows = (log._row(place) for place in places if place not in log._superseded)
        return [row for row in rows if row is not None]

    def calm(self) -> None:
        """Plaid's and the banks' faults end."""
        self.world.webhook_faults.rules.clear()
        self.after_page.clear()
        for item in self.items():
            item.log.cursor_cycle = 0


def _understood(code: str, path: str) -> ProviderError:
    error = PlaidError(code)
    return from_answer(error.status, wire.dumps(error.answer("simulated")), endpoint=path)


_MEANINGS = {(code, path): _understood(code, path) for code in CATALOGUE for path in HANDLERS}
"""Read before any mutation: one of the backend's tables must not change what the checks expect."""


def meaning(code: str, path: str) -> ProviderError:
    """What the backend understands when this endpoint refuses with this code."""
    return _MEANINGS[code, path]


def is_operators(code: str, path: str) -> bool:
    """Whether an operator must hear of it: it is no fault of a user or a bank. Wrong keys make tokens unknown, too."""
    understood = meaning(code, path)
    return understood.error_class is ErrorClass.CONFIGURATION or understood.kind is ErrorKind.UNKNOWN_TOKEN


def _is_users(code: str | None, path: str) -> bool:
    return code in CATALOGUE and meaning(code, path).error_class is ErrorClass.USER


class _Half(Exception):
    """The body of the answer ends early, and the transport does not notice."""


def _refusal(status: int, body: bytes, headers: Any) -> Exception:
    error: Any = plaid.ApiException(status=status, reason="refused")
    error.body, error.headers = body, dict(headers)
    refusal: Exception = error
    return refusal
