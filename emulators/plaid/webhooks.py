"""Webhooks: signing, delivery, retries and injected faults.

Sources: plaid.com/docs/api/webhooks (10 s to answer 200, retries after 30 s, then four times as long each time, for
24 h) and plaid.com/docs/api/webhooks/webhook-verification (ES256 JWT over the SHA-256 of the 2-space JSON body).
Deliveries run concurrently with the calls that cause them, so a receiver that fails or hangs never blocks the API.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from emulators.plaid.clock import Clock
from emulators.plaid.faults import WebhookFaults
from emulators.plaid.ids import IdSource
from emulators.plaid.items import Item
from emulators.plaid.settings import US
from emulators.plaid.signing import KeyRing

Json = dict[str, Any]
ANSWER_WITHIN = 10.0
RETRY_AFTER = tuple(30 * 4**n for n in range(6))
_REMEMBERED = 2000
_HELD_AT_MOST = 5.0
_OLD = 600


@dataclass
class Delivery:
    """One webhook delivery. `outcomes` has one entry per attempt: an HTTP status or an error."""

    delivery_id: str
    item_id: str | None
    url: str
    body: Json
    mode: str | None = None
    outcomes: list[int | str] = field(default_factory=list)
    state: str = "sending"
    team: str = US

    def as_object(self) -> Json:
        return {
            "delivery_id": self.delivery_id,
            "item_id": self.item_id,
            "url": self.url,
            "webhook_type": self.body["webhook_type"],
            "webhook_code": self.body["webhook_code"],
            "body": self.body,
            "mode": self.mode,
            "outcomes": self.outcomes,
            "state": self.state,
        }


class Webhooks:
    """Sends webhooks from the event loop and records their outcomes."""

    def __init__(self, clock: Clock, ids: IdSource, keys: KeyRing, faults: WebhookFaults) -> None:
        self.log: deque[Delivery] = deque(maxlen=_REMEMBERED)
        self._clock, self._ids, self._keys, self._faults = clock, ids, keys, faults
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: dict[str, list[Delivery]] = {}
        self._client: httpx.AsyncClient | None = None

    def send(self, item: Item, body: Json) -> bool:
        """Sends to the Item's webhook, if it has one."""
        if not item.webhook:
            return False
        item.last_webhook = (self._clock.now(), body["webhook_code"])
        full = {
            "webhook_type": body["webhook_type"],
            "webhook_code": body["webhook_code"],
            "item_id": item.item_id,
            **body,
            **({"user_id": item.user_id} if item.user_id else {}),
        }
        self.post(item.webhook, full, item.item_id, team=item.team)
        return True

    def post(self, url: str, body: Json, item_id: str | None = None, *, team: str = US) -> None:
        """Sends a body to a URL, signed with a team's key, with the next fault that applies."""
        delivery = Delivery(self._ids.uuid(), item_id, url, {**body, "environment": "sandbox"}, team=team)
        self.log.append(delivery)
        fault = self._faults.take(item_id, body["webhook_code"])
        delivery.mode = fault.mode if fault else None
        match delivery.mode:
            case "drop":
                delivery.state = "dropped"
            case "delay":
                self._clock.after(fault.seconds if fault else 0, lambda: self._start(delivery))
            case "reorder":
                self._held.setdefault(url, []).append(delivery)
                self._clock.after(_HELD_AT_MOST, lambda: self._release(url))
            case "duplicate":
                self._start(delivery, times=2)
            case _:
                self._start(delivery, then_held=True)

    async def settle(self) -> None:
        """Waits until no delivery is in progress.

        Only unfinished tasks are awaited: from Python 3.12 on, gathering finished ones does not let the event loop run
        the callbacks that take them out of the set.
        """
        while unfinished := [task for task in self._tasks if not task.done()]:
            await asyncio.gather(*unfinished, return_exceptions=True)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await self.settle()
        if self._client:
            await self._client.aclose()
            self._client = None

    def forget(self) -> None:
        for task in self._tasks:
            task.cancel()
        self.log.clear()
        self._held.clear()

    def _start(self, delivery: Delivery, *, times: int = 1, then_held: bool = False) -> None:
        task = asyncio.get_running_loop().create_task(self._run(delivery, times, then_held))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _release(self, url: str) -> None:
        for delivery in self._held.pop(url, []):
            self._start(delivery)

    async def _run(self, delivery: Delivery, times: int, then_held: bool) -> None:
        for _ in range(times):
            await self._attempt(delivery)
        if then_held:
            self._release(delivery.url)

    async def _attempt(self, delivery: Delivery) -> None:
        outcome = await self._deliver(delivery)
        delivery.outcomes.append(outcome)
        retries = len(delivery.outcomes) - 1
        if outcome == httpx.codes.OK:
            delivery.state = "delivered"
        elif retries < len(RETRY_AFTER):
            delivery.state = "waiting for a retry"
            self._clock.after(RETRY_AFTER[retries], lambda: self._start(delivery))
        else:
            delivery.state = "given up"

    async def _deliver(self, delivery: Delivery) -> int | str:
        raw, token = self._sign(delivery)
        self._client = self._client or httpx.AsyncClient(trust_env=False, timeout=ANSWER_WITHIN)
        headers = {"Content-Type": "application/json", "Plaid-Verification": token, "User-Agent": "plaid-simulator"}
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                return (await self._client.post(delivery.url, content=raw, headers=headers)).status_code
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, ValueError) as error:
            return type(error).__name__

    def _sign(self, delivery: Delivery) -> tuple[bytes, str]:
        """The bytes and the JWT, as changed by the delivery's fault."""
        raw = json.dumps(delivery.body, indent=2).encode()
        mode = delivery.mode
        token = self._keys.sign(
            raw,
            age=_OLD if mode == "old_iat" else 0,
            kid=self._ids.uuid() if mode == "unknown_kid" else None,
            wrong_key=mode == "wrong_signature",
            team=delivery.team,
        )
        if mode == "altered_body":
            raw = raw.replace(b"{", b'{\n  "altered": true,', 1)
        return raw, token


MakeWebhooks = Callable[[Clock, IdSource, KeyRing, WebhookFaults], Webhooks]
