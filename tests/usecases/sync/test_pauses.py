"""Syncs that an operator has paused: none begins, nothing is lost, and everybody else goes on."""

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
def test_nothing_begins_while_it_is_paused_and_everything_is_there_after_its_end(
    world: World, what: str | None
) -> None:
    item = world.connected("1", row("t1"))
    world.settle()
    pause(world, what)
    item.add(row("t2"))
    calls = world.calls.log.count("bank.changes")
    webhook(world)
    assert world.state().status == "pending", "asked for, as ever"
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


def test_a_poll_that_is_due_is_put_off_and_shows_nothing_to_the_user(world: World) -> None:
    world.connected("1")
    world.settle()
    pause(world)
    world.clock.move(timedelta(hours=25))
    assert world.tick() == 0
    assert world.state().status == "completed"
    resume(world)
    world.clock.move(TICK)
    assert world.tick() == 1


def test_an_institution_s_pause_keeps_nobody_else_waiting_however_many_are_due(
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
    assert due == ["other"], "what is held is not looked at again and again"


def test_a_run_that_died_is_free_again_and_waits_like_the_others(world: World) -> None:
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


def test_a_run_that_works_goes_on_to_its_end(world: World) -> None:
    world.connected("1", row("t1"))

    def meanwhile(call: str) -> None:
        if call == "bank.changes":
            pause(world)

    world.calls.before = meanwhile
    world.sync()
    assert world.state().status == "completed"
    assert world.equals_truth()


def test_pausing_twice_is_pausing_once_and_the_first_to_do_so_is_remembered(world: World) -> None:
    assert pause(world)
    first = world.paused.load()[0]
    world.clock.move(TICK)
    assert not pause(world)
    assert world.paused.load()[0] == first
    assert pause(world, "ins_2")
    assert resume(world)
    assert not resume(world)
    assert set(world.paused.load()[0].institutions) == {"ins_2"}


def test_everything_is_apart_from_its_parts(world: World) -> None:
    pause(world)
    pause(world, None)
    resume(world, None)
    now = world.paused.load()[0]
    assert now.of("ins_1") is not None
    assert now.of("ins_2") is None
    assert now.of(None) is None


class Contested(FakePauses):
    """Somebody else is always a moment earlier."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def save(self, pauses: Pauses, *, expected: Version | None) -> None:
        if self.times:
            self.times -= 1
            raise Conflict
        super().save(pauses, expected=expected)


def test_operators_who_meet_do_not_undo_each_other(world: World) -> None:
    world.paused = Contested(2)
    assert pause(world)
    world.paused = Contested(1000)
    with pytest.raises(Unavailable):
        pause(world)


@pytest.mark.parametrize("rest", ["completed", "failed", "stopped"])
def test_a_late_task_during_a_pause_does_not_wake_what_rests(world: World, rest: str) -> None:
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
