"""Worker processes are killed with SIGKILL at random moments of a sync; no row is lost or duplicated.

Syncs recover as in production: through Cloud Tasks' retries, Plaid's webhooks, and the scheduler.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from tests.e2e.bank import Bank
from tests.soak.ground import SOAK, Connected, Log, busy, random_changes, wait

pytestmark = [
    pytest.mark.timeout(5400 if SOAK else 420),
    pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc"),
]

CONNECTIONS, SYNCS, KILLS = (8, 200, 60) if SOAK else (3, 6, 2)
ROWS = (1_500, 3_000) if SOAK else (1_500, 1_800)
MOST_CHANGES = 2_000 if SOAK else 1_200
PAGE_SECONDS = 0.3  # as slow as at Plaid, so that a kill may fall between two pages
BETWEEN_KILLS = (1.0, 9.0) if SOAK else (0.2, 3.0)
IN_DOUBT = 10.0  # seconds after a kill during which it may be unknown whether a run was cut off
ONE_SYNC = 900.0  # seconds; several consecutive kills cost a lease each


@dataclass
class Campaign:
    """Connections that are synced repeatedly, and a killer."""

    bank: Bank
    log: Log
    rng: random.Random
    connections: list[Connected] = field(default_factory=list)
    syncs: int = 0
    kills: list[float] = field(default_factory=list)  # when
    lock: threading.Lock = field(default_factory=threading.Lock)
    over: threading.Event = field(default_factory=threading.Event)

    def enough(self) -> bool:
        """Whether there were as many syncs and cut-off runs as the campaign requires."""
        return self.over.is_set() or (self.syncs >= SYNCS and self.cut_off() >= KILLS)

    def cut_off(self) -> int:
        """The runs that a kill ended, including those that no later run has replaced yet."""
        return sum(len(self.log.cut_off(some.connection_id)) + some.died(self.log) for some in list(self.connections))

    def live(self, seed: int) -> None:
        """One connection's life: its first sync, then changes at its bank and a sync, repeatedly."""
        rng = random.Random(seed)
        try:
            some = Connected.new(self.bank, rows=rng.randint(*ROWS), seed=seed)
            some.slow(PAGE_SECONDS)
            with self.lock:
                self.connections.append(some)
            self._settle(some)
            some.look_at_the_bank()
            while not self.enough():
                some.change(**random_changes(rng, some, most=MOST_CHANGES))
                self._settle(some)
        except BaseException:
            self.over.set()
            raise

    def _settle(self, some: Connected) -> None:
        """Wait for a sync. A campaign waits for the lease of a killed run; a sample expires it at once."""

        def settled() -> bool:
            if not SOAK and some.died(self.log):
                some.expire_the_lease()
                self.bank.run_schedule()
            return some.settled()

        wait(lambda: f"{some.connection_id}: {some.state()}", settled, within=ONE_SYNC, every=0.5)
        with self.lock:
            self.syncs += 1

    def kill(self, seed: int) -> None:
        """Kill a busy worker, repeatedly, until enough runs were cut off."""
        rng = random.Random(seed)
        while not self.over.wait(rng.uniform(*BETWEEN_KILLS)):
            recent = sum(at > time.monotonic() - IN_DOUBT for at in self.kills)
            if self.connections and max(recent, self.cut_off()) < KILLS and (working := busy(self.bank)):
                rng.choice(working).kill()
                self.kills.append(time.monotonic())


def test_runs_that_are_killed_at_any_moment_lose_nothing_and_double_nothing(
    bank: Bank, log: Log, rng: random.Random, tell: Callable[[str], None], clock_of_the_schedule: None
) -> None:
    began = time.monotonic()
    campaign = Campaign(bank, log, rng)
    seeds = [rng.getrandbits(31) for _ in range(CONNECTIONS)]
    with ThreadPoolExecutor(CONNECTIONS + 1) as pool:
        killer = pool.submit(campaign.kill, rng.getrandbits(31))
        lives = [pool.submit(campaign.live, seed) for seed in seeds]
        try:
            for life in lives:
                life.result()
        finally:
            campaign.over.set()
        killer.result()

    assert bank.item_violations() == []
    cut_off = campaign.cut_off()
    rows = 0
    for some in campaign.connections:
        assert some.differences() == []
        state = some.state()
        progress = bank.progress(some.user, some.connection_id)
        assert (state["status"], progress["status"], progress["percent"]) == ("completed", "completed", 100)
        assert (state["failures"], state["dirty_runs"], state["lease_owner"]) == (0, [], None)
        assert some.connection()["status"] == "good"
        attempts = {line["attempt"] for line in log.lines(some.connection_id, "sync.started")}
        assert attempts == {1}, "a kill was counted as a failure"
        # On a loaded machine the queue may be too slow to accept a task; the scheduler finds it.
        loud = [line for line in log.lines(some.connection_id) if line["severity"] in ("ERROR", "CRITICAL")]
        assert {line["message"] for line in loud} <= {"queue.not_taken"}
        rows += len(bank.truth(some.item_id)["transactions"])
    runs = sum(len(log.started(some.connection_id)) for some in campaign.connections)
    tell(
        f"{campaign.syncs} syncs of {len(lives)} connections, {rows} rows at the end: {runs} runs began, "
        f"{len(campaign.kills)} kills cut {cut_off} of them off; {time.monotonic() - began:.0f} s"
    )
    assert campaign.syncs >= SYNCS
    assert cut_off >= KILLS
