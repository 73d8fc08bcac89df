"""Load test: many users link a bank at once and wait for its history.

Functions run under gunicorn with as many threads as in production, one instance each; the emulators store the data.
"""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import httpx

from benchmarks.ground import Ground
from benchmarks.process import Contestant
from benchmarks.tasks import Queue
from benchmarks.warm import FIRST_PORT, LINKED, Served, served
from emulators.client import sign_up
from emulators.ports import HOST
from emulators.setup import ROOT
from shared.domain.progress import SyncStatus

USERS, ROWS = 50, 1_000
AT_ONCE = 8  # concurrent tasks: two production instances, on the machine that also runs the emulators
PATIENCE = 600.0


@dataclass(frozen=True)
class Load:
    """The result: waiting times in seconds, and errors."""

    users: int
    rows: int
    seconds: float
    linked: list[float]
    synced: list[float]
    refused: list[str]

    def __str__(self) -> str:
        linked, synced = sorted(self.linked), sorted(self.synced)
        return (
            f"{self.users} users with {self.rows:,} rows each: all stored after {self.seconds:.0f} s, "
            f"{self.users * self.rows / self.seconds:,.0f} rows/s; linked after {linked[len(linked) // 2]:.1f} s "
            f"({linked[-1]:.1f} s the slowest), history complete after {synced[len(synced) // 2]:.1f} s "
            f"({synced[-1]:.1f} s the slowest); errors: {len(self.refused)}"
        )


def load(on: Ground, *, quick: bool) -> Load:
    """All users start at the same moment.

    Raises:
        AssertionError: A user's history is incomplete.
    """
    users, rows = (8, 200) if quick else (USERS, ROWS)
    port = FIRST_PORT + on.stack.ports.offset + 10
    exchange = Served("exchange_public_token", "POST", "/api/v1/bank/set_access_token", port)
    sync = Served("synctransactions", "POST", "/", port + 1)
    tasks = {"CLOUD_TASKS_EMULATOR_HOST": f"{HOST}:{port + 2}"}
    on.empty()
    with ExitStack() as stack:
        stack.enter_context(served(exchange, ROOT, on, **tasks))
        stack.enter_context(served(sync, ROOT, on, **tasks))
        queue = stack.enter_context(Queue(port + 2, {sync.name: sync.port}, at_once=AT_ONCE))
        product = stack.enter_context(Contestant("benchmarks.product", on.environment(**tasks)))
        callers = stack.enter_context(ThreadPoolExecutor(users))
        asking, started = threading.Lock(), threading.Barrier(users + 1)
        people = [(sign_up(on.http, on.stack.ports), on.item(rows, seed=n).public_token) for n in range(users)]
        refused: list[str] = []
        linked: dict[str, float] = {}

        def link(number: int) -> None:
            user, token = people[number]
            started.wait()
            began = time.monotonic()
            body = json.dumps(LINKED | {"public_token": token})
            headers = user.headers | {"Content-Type": "application/json"}
            url = f"http://{HOST}:{exchange.port}{exchange.path}"
            answered = on.http.post(url, content=body, headers=headers, timeout=PATIENCE)
            if answered.status_code != httpx.codes.CREATED:
                refused.append(f"{answered.status_code} {answered.text}")
                return
            connection_id = answered.json()["connection_id"]
            with asking:
                product.ask("created", connection_id=connection_id)
                linked[connection_id] = time.monotonic() - began

        under_way = [callers.submit(link, number) for number in range(users)]
        started.wait()
        began = time.monotonic()
        for one in under_way:
            one.result()
        synced: dict[str, float] = {}
        while len(synced) < len(linked) and time.monotonic() - began < PATIENCE:
            with asking:
                states = product.ask("state", connection_ids=[i for i in linked if i not in synced])
            for connection_id, (status, attempt, added) in states.items():
                if status == SyncStatus.FAILED or attempt > 1:
                    refused.append(f"{connection_id}: {status}, attempt {attempt}")
                if status == SyncStatus.COMPLETED:
                    synced[connection_id] = time.monotonic() - began
                    if added != rows:
                        raise AssertionError(f"{added} of {rows} rows were stored")
            time.sleep(0.2)
        refused += queue.failed
        if len(synced) < users:
            raise AssertionError(f"{users - len(synced)} of {users} did not finish; {refused[:3]}")
    return Load(users, rows, max(synced.values()), list(linked.values()), list(synced.values()), refused)
