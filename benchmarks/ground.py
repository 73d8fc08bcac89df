"""The test environment: the emulators and the Plaid simulator, without latency, emptied before each repetition."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from emulators.environment import HEAP, UNWANTED, operator_environment
from emulators.ports import PROJECT
from emulators.stack import Stack

Json = dict[str, Any]
PATIENCE = 180.0


@dataclass(frozen=True)
class Item:
    """An item at the Plaid simulator with its complete history."""

    item_id: str
    public_token: str
    access_token: str | None
    rows: int


@dataclass(frozen=True)
class Ground:
    """The running stack as the benchmarks use it."""

    stack: Stack
    http: httpx.Client

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a backend process, without log output, because production has no terminal."""
        given = {name: value for name, value in os.environ.items() if name not in UNWANTED}
        # No webhooks: the work they trigger would be measured too.
        ours = operator_environment(self.stack.ports, self.stack.plaid) | {"WEBHOOK_URL": "", "BANK_LOG_LEVEL": "ERROR"}
        return given | ours | more

    def empty(self) -> None:
        """Deletes all documents."""
        url = f"{self.stack.ports.url('firestore')}/emulator/v1/projects/{PROJECT}/databases/(default)/documents"
        self.http.delete(url, timeout=PATIENCE).raise_for_status()

    def item(self, rows: int, *, exchanged: bool = False, seed: int = 1) -> Item:
        """Creates an item with a generated history."""
        login = {"username": "user_generated", "password": json.dumps({"transactions": rows, "seed": seed})}
        made = self.plaid("POST", "items", **login, exchange=exchanged)
        until = time.monotonic() + PATIENCE
        while self.plaid("GET", f"items/{made['item_id']}")["readiness"] != "HISTORICAL_UPDATE_COMPLETE":
            if time.monotonic() > until:
                raise TimeoutError("the simulated history did not become ready")
            time.sleep(0.02)
        return Item(made["item_id"], made["public_token"], made["access_token"], rows)

    def calls(self, item_id: str) -> int:
        """The number of Plaid calls for an item."""
        return sum(self.plaid("GET", f"items/{item_id}")["calls"].values())

    def plaid(self, method: str, path: str, **body: Any) -> Json:
        """The simulator's control API."""
        url = f"{self.stack.plaid.base_url}/_sim/{path}"
        answer = self.http.request(method, url, json=body if method == "POST" else None)
        answer.raise_for_status()
        found: Json = answer.json()
        return found


@contextmanager
def ground(*services: str) -> Iterator[Ground]:
    """Runs the stack with some or all of the emulators."""
    os.environ.setdefault(HEAP, "6g")  # with less, rows with much data would measure Java's garbage collection
    emulators = Stack(services=services, say=print) if services else Stack(say=print)
    with emulators as stack, httpx.Client(trust_env=False, timeout=PATIENCE) as http:
        on = Ground(stack, http)
        on.plaid("POST", "settings", initial_after=0, history_after=0)
        yield on
