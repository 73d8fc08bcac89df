"""While an operator pauses syncs, none starts and no event is lost; connections outside the pause continue."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.errors import Conflict, ErrorClass, Unavailable
from shared.domain.pause import Pauses
from shared.ports import Version
from shared.usecases.sync import schedule_syncs as orchestrator
from shared.usecases.sync.run_sync import Outcome
from tests.fakes import FakePauses, problem, row
from tests.usecases.conftest import World

TICK = timedelta(minutes=15)


def pause(world: World, institution_id: str | None = "ins_1") -> bool:
    return world.pauses.pause(institution_id, by="op", reason="nonsense")


def resume(world: World, institution_id: str | None = "ins_1") -> bool:
    return world.pauses.resume(institution_id)


def webhook(world: World, name: str = "1") -> None:
    world.sync_requests.by_event(name)


def deliver(world: World) -> None:
    while world.queue.tasks:
        task, connection_id = world.queue.tasks.pop(0)
        assert world.sync(connection_id, task=task) is Outcome.DONE


@pytest.mark.parametrize("what", ["ins_1", None])
def test_no_sync_starts_during_a_pause_and_all_data_arrives_after_it(world: World, what: str | None) -> None:
    item = world.connected("1", row("t1"))
    world.settle()
    pause(world, what)
    item.add(row("t2"))
    calls = world.calls.log.count("bank.changes")
    webhook(world)
    assert world.state().status == "pending", "requested, as usual"
    for _ in range(5):
        deliver(world)
        world.clock.move(TICK)
        world.tick()
    assert world.calls.log.count("bank.changes") == calls
    assert world.state().wanted
    assert "t2" not in world.rows()
    assert resume(world, what)
    world.clock.move(TICK)
    world.tick()
    deliver(world)
    assert world.equals_truth()
    assert world.state().status == "completed"


def test_due_poll_is_deferred_without_a_visible_change(world: World) -> None:
    world.connected("1")
    world.settle()
    pause(world)
    world.clock.move(timedelta(hours=25))
    assert world.tick() == 0
    assert world.state().status == "completed"
    resume(world)
    world.clock.move(TICK)
    assert world.tick() == 1


def test_pause_of_an_institution_does_not_delay_other_connections(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orchestrator, "PAGE", 2)
    for number in range(5):
        world.connected(f"{number}")
    world.settle()
    other = world.plaid.new_item("other", institution_id="ins_2")
    world.connected("other")
    state, version = world.store.states["other"].state, world.store.states["other"].version
    world.store.save(state.model_copy(update={"source": other.institution_id}), expected=version)
    pause(world)
    world.clock.move(timedelta(hours=25))
    assert world.tick() == 1
    assert [connection_id for _, connection_id in world.queue.tasks] == ["other"]
    due = [loaded.state.connection_id for loaded in world.store.due(world.clock.at + timedelta(minutes=10), limit=10)]
    assert due == ["other"], "deferred syncs are not checked at every run"


def test_dead_run_loses_its_lease_and_is_deferred(world: World) -> None:
    world.connected("1", row("t1"))
    dead = world.store.states["1"].state.claim(now=world.clock.at, owner="dead#1")
    world.store.save(dead, expected=world.store.states["1"].version)
    pause(world)
    world.clock.move(TICK)
    world.tick()
    assert world.state().status == "pending"
    assert world.state().lease_owner is None
    resume(world)
    world.settle()
    assert world.equals_truth()


def test_running_sync_completes_during_a_pause(world: World) -> None:
    world.connected("1", row("t1"))

    def meanwhile(call: str) -> None:
        if call == "bank.changes":
            pause(world)

    world.calls.before = meanwhile
    world.sync()
    assert world.state().status == "completed"
    assert world.equals_truth()


def test_second_pause_keeps_the_first_operator(world: World) -> None:
    assert pause(world)
    first = world.paused.load()[0]
    world.clock.move(TICK)
    assert not pause(world)
    assert world.paused.load()[0] == first
    assert pause(world, "ins_2")
    assert resume(world)
    assert not resume(world)
    assert set(world.paused.load()[0].institutions) == {"ins_2"}


def test_global_pause_is_independent_of_institution_pauses(world: World) -> None:
    pause(world)
    pause(world, None)
    resume(world, None)
    pauses, now = world.paused.load()[0], world.clock.at
    assert pauses.of("ins_1", now=now) is not None
    assert pauses.of("ins_2", now=now) is None
    assert pauses.of(None, now=now) is None


class Contested(FakePauses):
    """Another operator always writes first."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def save(self, pauses: Pauses, *, expected: Version | None) -> None:
        if self.times:
            self.times -= 1
            raise Conflict
        super().save(pauses, expected=expected)


def test_concurrent_operators_do_not_overwrite_each_other(world: World) -> None:
    world.paused = Contested(2)
    assert pause(world)
    world.paused = Contested(1000)
    with pytest.raises(Unavailable):
        pause(world)


@pytest.mark.parametrize("rest", ["completed", "failed", "stopped"])
def test_late_task_during_a_pause_starts_no_sync(world: World, rest: str) -> None:
    world.connected("1", row("t1"))
    world.settle()
    if rest == "failed":
        world.plaid.fail("changes", *[problem(ErrorClass.USER, "ITEM_LOGIN_REQUIRED")] * 5)
        webhook(world)
        deliver(world)
    if rest == "stopped":
        loaded = world.store.load("1")
        assert loaded is not None
        world.store.save(loaded.state.model_copy(update={"stopped": True, "due_at": None}), expected=loaded.version)
    before = world.state()
    pause(world)
    assert world.sync("1", task="late") is Outcome.DONE
    assert world.state() == before
