"""Use cases work concurrently only through the executors that they are given."""

from __future__ import annotations

import threading
from datetime import timedelta

from tests.fakes import row
from tests.usecases.conftest import World


def due(world: World, count: int) -> None:
    """Connections whose next sync is due."""
    for number in range(count):
        world.connected(str(number), row(f"t{number}"))
    world.settle()
    world.clock.move(timedelta(days=2))
    world.queue.tasks.clear()
    world.executors.made.clear()


def test_a_run_fetches_with_one_worker(world: World) -> None:
    world.connected("1", row("t1"))
    world.settle()
    assert set(world.executors.made) == {(1, "fetch")}


def test_scheduler_requeues_as_many_states_at_once_as_it_may(world: World) -> None:
    due(world, 4)
    world.executors.threads = True
    together, arrived = threading.Barrier(4, timeout=60), list[int]()
    world.calls.before = lambda name: None if name != "queue.enqueue" else arrived.append(together.wait())
    assert world.tick(at_once=4) == 4
    assert sorted(arrived) == [0, 1, 2, 3]
    assert world.executors.made == [(4, "schedule")]
    assert sorted(connection_id for _, connection_id in world.queue.tasks) == ["0", "1", "2", "3"]


def test_scheduler_that_does_one_state_at_a_time_creates_no_workers(world: World) -> None:
    due(world, 2)
    assert world.tick() == 2
    assert world.executors.made == []


def test_failure_of_one_state_in_its_worker_does_not_stop_the_others(world: World) -> None:
    due(world, 3)
    failing = {"0"}

    def before(name: str) -> None:
        if name == "store.save" and failing:
            failing.pop()
            raise RuntimeError

    world.calls.before = before
    assert world.tick(at_once=2) == 2
