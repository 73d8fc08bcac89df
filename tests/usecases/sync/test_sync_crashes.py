"""A process that dies at any external call of a run loses nothing: ordinary retries complete the sync."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.domain.transaction import History
from shared.usecases.sync import write_changes
from tests.fakes import Crash, row
from tests.usecases.conftest import World


def first_sync(world: World) -> None:
    world.connected("1", *(row(f"t{n}") for n in range(9)))


def incremental(world: World) -> None:
    item = world.connected("1", *(row(f"t{n}") for n in range(5)))
    world.settle()
    item.add(*(row(f"u{n}") for n in range(4)))
    item.modify(row("t1", name="changed"))
    _due(world)


def removals(world: World) -> None:
    item = world.connected("1", *(row(f"t{n}") for n in range(9)))
    world.settle()
    item.remove(*(f"t{n}" for n in range(8)))
    _due(world)


def pending_to_posted(world: World) -> None:
    item = world.connected("1", *(row(f"p{n}", pending=True) for n in range(5)))
    world.settle()
    for n in range(5):
        world.store.write_note("1", f"p{n}", f"note {n}")
    item.remove(*(f"p{n}" for n in range(5)))
    item.add(*(row(f"t{n}", pending_transaction_id=f"p{n}") for n in range(5)))
    _due(world)


def mutation(world: World) -> None:
    item = world.connected("1", *(row(f"t{n}") for n in range(8)))

    def change(at: int) -> None:
        if at == 6:
            world.plaid.mutate_at_page = None
            item.remove("t0", "t1")
            item.add(row("t9"))
            item.epoch += 1

    world.plaid.mutate_at_page = change


def too_early(world: World) -> None:
    item = world.connected("1", row("t1"), row("t2"))
    item.ready = History.NOT_READY

    def ready(name: str) -> None:
        if world.calls.log.count("bank.changes") > 1:
            item.ready = History.COMPLETE

    world.calls.before = ready


def handed_over(world: World) -> None:
    item = world.connected("1", *(row(f"t{n}") for n in range(5)))
    world.settle()
    item.remove("t0", "t1", "t2")
    item.add(*(row(f"u{n}") for n in range(12)))
    world.plaid.on_page = lambda: world.clock.move(timedelta(minutes=3))
    _due(world)


def _due(world: World) -> None:
    world.clock.move(timedelta(hours=13))
    world.tick()


HISTORIES = [first_sync, incremental, removals, pending_to_posted, mutation, too_early, handed_over]


@pytest.fixture(params=["atomic", "streamed"])
def _size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "streamed":
        monkeypatch.setattr(write_changes, "MAX_ATOMIC_ROWS", 2)
        monkeypatch.setattr(write_changes, "STREAM_ROWS", 2)


@pytest.mark.usefixtures("_size")
@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("where", ["crash_before", "crash_after"])
def test_a_crash_at_any_outside_call_loses_nothing(history: Callable[[World], None], where: str) -> None:
    undisturbed = World()
    history(undisturbed)
    start = len(undisturbed.calls.log)
    undisturbed.settle()
    calls = len(undisturbed.calls.log)
    assert calls - start > 3
    for number in range(start, calls):
        world = World()
        history(world)
        assert len(world.calls.log) == start
        setattr(world.calls, where, number)
        with pytest.raises(Crash):
            world.settle()
        setattr(world.calls, where, None)
        world.settle()
        at = f"{where} {number}: {world.calls.log[number]}"
        assert world.equals_truth(), at
        assert world.state().status == "completed", at
        assert world.state().failures == 0, at
        if history is pending_to_posted:
            notes = {i: r["user"]["note"] for i, r in world.store.rows["1"].items()}
            assert notes == {f"t{n}": f"note {n}" for n in range(5)}, at


@pytest.mark.usefixtures("_size")
@pytest.mark.parametrize("history", HISTORIES)
def test_two_crashes_in_a_row_lose_nothing(history: Callable[[World], None]) -> None:
    for first in range(2, 40, 3):
        for second in range(2, 20, 3):
            world = World()
            history(world)
            for steps in (first, second):
                world.calls.crash_after = len(world.calls.log) + steps
                try:
                    world.settle()
                except Crash:
                    world.calls.crash_after = None
            world.calls.crash_after = None
            world.settle()
            assert world.equals_truth(), (first, second)
