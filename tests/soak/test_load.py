"""Many concurrent connections, one of them with a huge history, under Plaid's rate limits."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from emulators.plaid.limits import LIMITS
from tests.e2e.bank import Bank
from tests.firestore_rest import Json
from tests.soak.ground import SOAK, SYNC, Connected, Log, busy, workers

pytestmark = pytest.mark.timeout(3600 if SOAK else 400)

CONNECTIONS, HUGE, SMALL = (20, 50_000, 1_000) if SOAK else (5, 8_000, 400)
PATIENCE = 1800.0 if SOAK else 240.0
MINUTE = 60.0
MOST_GROWTH = 96_000  # kB by which a worker may grow while it reads the huge history: it is streamed, not collected


@dataclass
class Meter:
    """The calls that Plaid counts, and the workers' memory, sampled a few times per second."""

    bank: Bank
    most: dict[str, int] = field(default_factory=dict)
    memory: list[tuple[float, int, int]] = field(default_factory=list)  # time, memory of busy and of all workers
    _counts: deque[tuple[float, Json]] = field(default_factory=deque)

    def sample(self) -> None:
        now, counted = time.monotonic(), self.bank.control("GET", "counters")
        self._counts.append((now, counted))
        while now - self._counts[0][0] > MINUTE:
            self._counts.popleft()
        then = self._counts[0][1]
        for endpoint in LIMITS:
            self._note(f"client {endpoint}", _since(counted["endpoints"], then["endpoints"], endpoint))
            for item_id, calls in counted["items"].items():
                self._note(f"item {endpoint}", _since(calls, then["items"].get(item_id, {}), endpoint))
        at_work = max((worker.memory() for worker in busy(self.bank)), default=0)
        self.memory.append((now, at_work, max((worker.memory() for worker in workers(self.bank)), default=0)))

    def _note(self, what: str, calls: int) -> None:
        self.most[what] = max(calls, self.most.get(what, 0))

    def over_the_limit(self) -> list[str]:
        found = []
        for endpoint, limit in LIMITS.items():
            for who, most in zip(("item", "client"), limit.production, strict=True):
                calls = self.most.get(f"{who} {endpoint}", 0)
                if most is not None and calls > most:
                    found.append(f"{endpoint}: {calls} calls a minute by one {who}, {most} are allowed")
        return found


def _since(now: Json, then: Json, endpoint: str) -> int:
    return int(now.get(endpoint, 0) - then.get(endpoint, 0))


@pytest.fixture
def rate_limits(bank: Bank) -> Iterator[None]:
    """Plaid's own rate limits for production."""
    before = bank.control("GET", "settings")["rate_limits"]
    bank.control("POST", "settings", rate_limits="production")
    yield
    bank.http.post(f"{bank.stack.plaid.base_url}/_sim/settings", json={"rate_limits": before}).raise_for_status()


@pytest.fixture
def meter(bank: Bank) -> Iterator[Meter]:
    """Sample in the background."""
    measured, over = Meter(bank), threading.Event()

    def sample() -> None:
        while not over.wait(0.5):
            measured.sample()

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(sample)
        try:
            yield measured
        finally:
            over.set()
            looking.result()


def test_many_connections_and_a_huge_history_come_in_within_plaids_limits(
    bank: Bank, meter: Meter, log: Log, tell: Callable[[str], None], clock_of_the_schedule: None, rate_limits: None
) -> None:
    began = time.monotonic()
    errors_before = bank.control("GET", "counters")["errors"]
    sizes = [HUGE, *([SMALL] * (CONNECTIONS - 1))]
    took: dict[str, float] = {}

    def come_in(size: int) -> Connected:
        some = Connected.new(bank, rows=size, seed=size)
        some.settle(within=PATIENCE, every=1.0)
        took[some.connection_id] = time.monotonic() - began
        return some

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        connected = list(pool.map(come_in, sizes))
    all_in = time.monotonic()

    huge, *small = connected
    for some in connected:
        assert some.differences() == []
        assert some.connection()["status"] == "good"
        assert {line["attempt"] for line in log.lines(some.connection_id, "sync.started")} == {1}
    assert len(bank.truth(huge.item_id)["transactions"]) == HUGE
    assert meter.over_the_limit() == []

    # While only the huge history is synced, every busy worker is syncing it.
    alone = [(at, at_work) for at, at_work, _ in meter.memory if began + max(took[s.connection_id] for s in small) < at]
    alone = [(at, at_work) for at, at_work in alone if at < all_in and at_work]
    errors = bank.control("GET", "counters")["errors"]
    refused = {code: n - errors_before.get(code, 0) for code, n in errors.items() if code.endswith("LIMIT")}
    first, last = (min(m for _, m in alone[:10]), max(m for _, m in alone)) if alone else (0, 0)
    tell(
        f"{CONNECTIONS} connections, one of {HUGE} rows: all in after {max(took.values()):.0f} s "
        f"(the small ones after {max(took[s.connection_id] for s in small):.0f} s); most calls a minute of {SYNC}: "
        f"{meter.most[f'item {SYNC}']} by an item, {meter.most[f'client {SYNC}']} in all; refused: {refused}; "
        f"a worker's memory while the huge one came in alone: {first // 1024} to {last // 1024} MB, "
        f"anybody's at most {max(most for *_, most in meter.memory) // 1024} MB"
    )
    assert last - first <= MOST_GROWTH
