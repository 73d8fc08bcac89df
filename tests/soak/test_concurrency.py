"""One task delivered eight times at once, with concurrent webhooks and scheduler runs: one writer at a time."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import pairwise

import httpx
import pytest

from tests.e2e.bank import Bank
from tests.firestore_rest import Json
from tests.soak.ground import SOAK, Connected, Log, deliver, random_changes, wait

pytestmark = pytest.mark.timeout(3600 if SOAK else 300)

AT_ONCE = 8
ROUNDS = 40 if SOAK else 2
PAGE_SECONDS = 1.0
ROWS_CHANGED = (1_300, 1_600)  # three pages or more


@pytest.fixture(scope="module")
def connected(bank: Bank) -> Connected:
    """An idle connection whose pages are slow, and enough workers to serve it many times concurrently."""
    made = Connected.new(bank, rows=600)
    made.settle(within=120)
    wait(made.state, lambda: made.state()["welcomed"] and made.webhooks_delivered() and made.settled(), within=60)
    made.look_at_the_bank()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert list(pool.map(lambda i: deliver(bank, "unknown", f"warm-{i}"), range(AT_ONCE))) == [200] * AT_ONCE
    made.slow(PAGE_SECONDS)
    return made


def deliver_until_taken(bank: Bank, connection_id: str, task: str) -> int:
    """Deliver as a queue does, until the task is acknowledged; returns the number of deliveries."""
    for times in range(1, 200):
        if deliver(bank, connection_id, task) == httpx.codes.OK:
            return times
        time.sleep(0.3)
    raise AssertionError(f"{task} is never acknowledged")


@contextmanager
def history(of: Connected) -> Iterator[list[Json]]:
    """Record every version of the sync state that is visible during the block."""
    seen: list[Json] = [of.state()]
    over = threading.Event()

    def poll() -> None:
        while not over.is_set():
            state = of.state()
            if state["beat"] != seen[-1]["beat"] or state["requested"] != seen[-1]["requested"]:
                seen.append(state)

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(poll)
        try:
            yield seen
        finally:
            over.set()
            looking.result()


def one_writer_at_a_time(seen: list[Json]) -> list[str]:
    """Where a history shows two writers: an owner that returns, or a lease that changes hands without a release."""
    wrong = []
    owners: list[str] = []
    for before, after in pairwise(seen):
        where = f"beat {before['beat']} to {after['beat']}, run {before['run']} to {after['run']}"
        if (after["run"], after["beat"]) < (before["run"], before["beat"]):
            wrong.append(f"{where}: goes back")
        mine, theirs = before["lease_owner"], after["lease_owner"]
        if theirs == mine or theirs is None:
            continue
        if theirs in owners:
            wrong.append(f"{where}: {theirs} writes again")
        owners.append(theirs)
        # The end of a run is one heartbeat, and so is the claim of the next.
        if mine is not None and after["beat"] < before["beat"] + 2:
            wrong.append(f"{where}: from {mine} to {theirs}")
    return wrong


def at_rest(log: Log, some: Connected) -> bool:
    return len(log.started(some.connection_id)) == len(log.ended(some.connection_id))


@pytest.mark.parametrize("change_midway", [False, True], ids=["webhooks without changes", "a change midway"])
def test_concurrent_deliveries_have_one_writer_and_no_superfluous_run(
    bank: Bank,
    connected: Connected,
    log: Log,
    rng: random.Random,
    tell: Callable[[str], None],
    change_midway: bool,
) -> None:
    least, most = ROWS_CHANGED
    pairs = 0
    for round_ in range(ROUNDS):
        runs = len(log.started(connected.connection_id))
        webhooks = rng.randint(1, 4)
        connected.change(**random_changes(rng, connected, least=least, most=most), notify=False)
        task = f"{connected.connection_id}-q{connected.state()['requested'] + 1}"
        with history(connected) as seen, ThreadPoolExecutor(AT_ONCE + 4) as pool:
            connected.news()
            wait(connected.state, lambda: connected.state()["status"] != "completed", within=60, every=0.01)
            deliveries = [pool.submit(deliver_until_taken, bank, connected.connection_id, task) for _ in range(AT_ONCE)]
            wait(connected.state, lambda: connected.state()["lease_owner"], within=60, every=0.01)
            time.sleep(rng.uniform(0, PAGE_SECONDS))
            if change_midway:
                connected.change(add=[{"amount": 1, "name": "Midway"}], remove=connected.rows[:2], notify=False)
            webhooks_sent = [pool.submit(connected.news) for _ in range(webhooks)]
            turns = [pool.submit(bank.run_schedule) for _ in range(3)]
            for done in (*webhooks_sent, *turns):
                done.result()
            assert all(delivery.result() for delivery in deliveries)
            wait(connected.state, connected.webhooks_delivered, within=120)
            connected.settle(within=120)
            bank.run_schedule()
        where = f"round {round_}: {webhooks} webhooks; {[(s['run'], s['beat'], s['lease_owner']) for s in seen]}"
        assert one_writer_at_a_time(seen) == [], where
        assert connected.differences() == [], where
        state = connected.state()
        assert state["served"] == state["requested"], where
        assert state["requested"] >= seen[0]["requested"] + 1 + webhooks, where  # late answers cause a redelivery
        # The first webhook's run, and one more for all webhooks that arrived meanwhile; each run served new requests.
        wait(partial(log.lines, connected.connection_id), partial(at_rest, log, connected), within=10)
        began = len(log.started(connected.connection_id)) - runs
        assert began == len({s["serving"] for s in seen} - {seen[0]["serving"]}), where
        first = min(s["run"] for s in seen if s["lease_owner"])
        in_the_first = [s for s in seen if s["lease_owner"] and s["run"] == first]
        if change_midway or in_the_first[-1]["requested"] < state["requested"]:
            continue  # the first run read again under another number, or ended before the last webhook arrived
        assert began == 2, where
        pairs += 1
    tell(f"{ROUNDS} rounds of {AT_ONCE} deliveries at once; in {pairs} all webhooks fell into the first run")
    assert change_midway or pairs or not SOAK
