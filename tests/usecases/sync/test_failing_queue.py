"""A queue that fails in an unexpected way for one connection does not stop the scheduler run for the others."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.usecases.conftest import World


def test_other_connections_are_enqueued(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("1", "2", "3"):
        world.connected(name)
    world.clock.move(timedelta(hours=1))
    enqueue = world.queue.enqueue

    def fail_for_the_first(connection_id: str, *, name: str, welcome: bool = False) -> None:
        if connection_id == "1":
            raise RuntimeError("a bug of the queue's library")
        enqueue(connection_id, name=name, welcome=welcome)

    monkeypatch.setattr(world.queue, "enqueue", fail_for_the_first)
    world.tick()
    assert {connection_id for _, connection_id in world.queue.tasks} == {"2", "3"}
    monkeypatch.undo()
    world.clock.move(timedelta(minutes=15))
    world.tick()
    assert "1" in {connection_id for _, connection_id in world.queue.tasks}
