"""Shared by the simulator's tests: a running simulator, a client for it, and a receiver of webhooks."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from emulators.plaid.app import Simulator
from emulators.plaid.settings import Settings

Json = dict[str, Any]
KEYS = {"PLAID-CLIENT-ID": "a-client", "PLAID-SECRET": "a-secret"}
BANK = "ins_109508"


class Refused(AssertionError):
    """Plaid returned an error."""

    def __init__(self, status: int, body: Json, headers: httpx.Headers) -> None:
        self.status, self.body, self.headers = status, body, headers
        self.code = body["error_code"]
        super().__init__(f"{status} {body}")


@dataclass
class Linked:
    """An item, as its owner sees it."""

    sim: Sim
    item_id: str
    access_token: str

    def call(self, path: str, **more: Any) -> Json:
        return self.sim.call(path, access_token=self.access_token, **more)

    def control(self, what: str, **body: Any) -> Json:
        return self.sim.control(f"/items/{self.item_id}/{what}", **body)

    def truth(self) -> Json:
        return self.sim.look(f"/items/{self.item_id}/truth")

    def sync(self, cursor: str = "", **more: Any) -> Json:
        return self.call("/transactions/sync", **({"cursor": cursor} if cursor else {}), **more)

    def account_ids(self) -> list[str]:
        return [account["account_id"] for account in self.call("/accounts/get")["accounts"]]


@dataclass
class Sim:
    """A simulator on a local port."""

    url: str
    http: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=30))

    def post(self, path: str, body: Any, headers: Json | None = None) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.post(
            self.url + path, content=content, headers={"Content-Type": "application/json", **KEYS, **(headers or {})}
        )

    def call(self, path: str, **fields: Any) -> Json:
        answer = self.post(path, fields)
        body: Json = json.loads(answer.content, parse_float=Decimal)
        if answer.status_code != 200:
            raise Refused(answer.status_code, body, answer.headers)
        return body

    def control(self, path: str, **body: Any) -> Json:
        answer = self.http.post(f"{self.url}/_sim{path}", json=body)
        assert answer.status_code == 200, answer.text
        result: Json = json.loads(answer.content, parse_float=Decimal)
        return result

    def look(self, path: str) -> Json:
        answer = self.http.get(f"{self.url}/_sim{path}")
        assert answer.status_code == 200, answer.text
        result: Json = json.loads(answer.content, parse_float=Decimal)
        return result

    def advance(self, seconds: float) -> None:
        self.control("/clock", advance_seconds=seconds)

    def link(
        self,
        username: str = "user_good",
        password: str | Json = "pass_good",
        *,
        institution_id: str = BANK,
        products: list[str] | None = None,
        webhook: str | None = None,
        days: int | None = None,
        ready: bool = True,
        user_id: str | None = None,
    ) -> Linked:
        """An item created as an application does in the Sandbox; `ready`: its history is complete."""
        options: Json = {
            "override_username": username,
            "override_password": password if isinstance(password, str) else json.dumps(password),
        }
        if webhook:
            options["webhook"] = webhook
        if days:
            options["transactions"] = {"days_requested": days}
        made = self.call(
            "/sandbox/public_token/create",
            institution_id=institution_id,
            initial_products=products or ["transactions"],
            options=options,
            **({"user_id": user_id} if user_id else {}),
        )
        done = self.call("/item/public_token/exchange", public_token=made["public_token"])
        if ready:
            self.advance(10)
        return Linked(self, done["item_id"], done["access_token"])

    def generated(self, transactions: int, seed: int = 1, **more: Any) -> Linked:
        return self.link("user_generated", {"transactions": transactions, "seed": seed}, **more)


class Server(uvicorn.Server):
    """A server in a thread, which can be stopped."""

    @contextmanager
    def running(self) -> Iterator[str]:
        listener = socket.socket(
            socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP
        )  # asyncio selects TCP by number
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=self.run, args=([listener],), daemon=True)
        thread.start()
        while not self.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.should_exit = True
        thread.join(10)
        listener.close()


@contextmanager
def running_simulator(settings: Settings | None = None, state: Path | None = None) -> Iterator[Sim]:
    config = uvicorn.Config(
        Simulator(settings, state), log_level="error", access_log=False, timeout_graceful_shutdown=1
    )
    with Server(config).running() as url:
        sim = Sim(url)
        yield sim
        sim.http.close()


@dataclass
class Received:
    raw: bytes
    headers: dict[str, str]
    at: float

    @property
    def body(self) -> Json:
        result: Json = json.loads(self.raw)
        return result

    @property
    def code(self) -> str:
        return f"{self.body['webhook_type']}/{self.body['webhook_code']}"


class Receiver:
    """An application's webhook endpoint. `answer` decides the status of each delivery."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], int] = lambda _: 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                got = Received(raw, {name.lower(): value for name, value in self.headers.items()}, time.monotonic())
                receiver.received.append(got)
                self.send_response(receiver.answer(got))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/webhook"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def codes(self) -> list[str]:
        return [got.code for got in self.received]

    def wait_for(self, count: int, seconds: float = 30) -> list[Received]:
        """The first `count` webhooks, once they have arrived."""
        until = time.monotonic() + seconds
        while len(self.received) < count:
            assert time.monotonic() < until, f"only {self.codes()}"
            time.sleep(0.01)
        return self.received[:count]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
