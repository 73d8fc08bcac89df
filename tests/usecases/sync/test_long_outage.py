"""An outage of a bank for a day."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from shared.domain.errors import ErrorClass
from shared.usecases.sync.run_sync import Outcome
from tests.fakes import problem, row
from tests.usecases.conftest import World


def test_day_long_bank_outage_costs_few_calls_and_recovers_without_a_status_change() -> None:
    world = World()
    world.connected("1", row("t1"), row("t2"))
    down = [problem(ErrorClass.TRANSIENT, "INSTITUTION_DOWN")] * 1000
    world.plaid.fail("changes", *down)
    end = world.clock.at + timedelta(days=1)
    world.queue.enqueue("1", name="first")
    attempts = []
    while world.clock.at < end:
        while world.queue.tasks:
            task, _ = world.queue.tasks.pop(0)
            while world.sync(task=task) is Outcome.RETRY:
                world.clock.move(timedelta(seconds=5))
            attempts.append(world.clock.at)
            assert world.state().status == "failed"
        world.clock.move(timedelta(minutes=15))
        world.tick()
    assert world.store.connections["1"].status == "good"
    gaps = [later - earlier for earlier, later in pairwise(attempts)]
    assert world.calls.log.count("bank.changes") <= 30
    assert max(gaps[:2]) <= timedelta(minutes=15, seconds=30)
    assert gaps[-1] > timedelta(hours=4)
    world.plaid.errors.clear()
    world.settle()
    assert world.equals_truth()
