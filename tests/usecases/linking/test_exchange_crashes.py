"""The process dies before and after every external call of an exchange, and of the sweep that cleans up after it.

Whether the app retries or only the sweep runs, every connection has a working token, and every item at the bank has a
stored token. The one exception is the window of a single call between Plaid's answer and the first store, and it is
reported.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from shared.domain import grace_periods
from shared.domain.connection import ItemStatus
from shared.domain.exchange import RESUMABLE_FOR, SWEPT_AGAIN_AFTER
from shared.domain.notification import NotificationKind
from tests.fakes import Crash
from tests.usecases.conftest import World
from tests.usecases.item_ground import item_violations
from tests.usecases.linking_ground import (
    broken_invariants,
    exchange,
    new_world,
    open_intents_left,
    orphans,
    store_down,
    sweep,
    transient,
    tried,
)

SECOND, QUARTER = timedelta(seconds=1), timedelta(minutes=15)


def plain(world: World) -> None:
    world.plaid.new_item()


def duplicate(world: World) -> None:
    """The accounts are already connected, which is detected only after the exchange."""
    world.plaid.new_item("0")
    exchange(world, "public-0")
    world.plaid.new_item()


def relinked(world: World) -> None:
    """The same accounts were connected before, and that connection is dead."""
    duplicate(world)
    for connection_id, connection in world.store.connections.items():
        world.store.connections[connection_id] = connection.model_copy(update={"status": ItemStatus.ERROR})


def resumed(world: World) -> None:
    """An earlier attempt stored the token and died."""
    world.plaid.new_item()
    world.calls.crash_after = world.calls.log.index("intents.update") if "intents.update" in world.calls.log else 4
    with pytest.raises(Crash):
        exchange(world)
    assert world.calls.log[-1] == "intents.update"
    world.calls.crash_after = None
    world.clock.move(grace_periods.EXCHANGE + SECOND)


def never_called(world: World) -> None:
    """An earlier attempt died before it called Plaid."""
    world.plaid.new_item()
    world.calls.crash_after = 0
    with pytest.raises(Crash):
        exchange(world)
    world.calls.crash_after = None
    world.clock.move(grace_periods.EXCHANGE + SECOND)


def stubborn_duplicate(world: World) -> None:
    """A second item with the same accounts, which Plaid cannot remove at once."""
    duplicate(world)
    world.plaid.fail("remove", transient())


def unstorable(world: World) -> None:
    """The store is down when the token is to be stored, until the item is removed.

    A process that also dies before it removes the item would be a second, independent failure.
    """
    world.plaid.new_item()

    def down(name: str) -> None:
        if name in ("intents.update", "intents.find"):
            raise store_down()
        if name == "bank.remove":
            world.calls.before = None

    world.calls.before = down


STORIES = [plain, duplicate, relinked, resumed, never_called, stubborn_duplicate, unstorable]


def again(world: World) -> None:
    """The app retries until it gets a final answer."""
    world.clock.move(grace_periods.EXCHANGE + SECOND)
    for _ in range(5):
        error = tried(world)
        if error is None or error.http != 503:
            break
        world.clock.move(timedelta(seconds=30))


def rest(world: World) -> None:
    """Scheduler runs of two days."""
    for _ in range(4 * 48):
        world.clock.move(QUARTER)
        sweep(world)


def never(world: World) -> None:
    """The app does not retry."""


def late(world: World) -> None:
    """The app retries after more than a day, after the sweep."""
    rest(world)
    again(world)


def too_late(world: World) -> None:
    """The app retries at the moment when the sweep becomes due."""
    world.clock.move(RESUMABLE_FOR + SECOND)
    again(world)


WAYS = [again, never, late, too_late]


@pytest.fixture
def reported(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[str], int]]:
    """How often an error was logged."""
    with caplog.at_level(logging.ERROR, logger="bank"):  # each of the many sweeps logs lesser events
        yield lambda event: sum(record.getMessage() == event for record in caplog.records)


def undisturbed(story: Callable[[World], None]) -> tuple[int, list[str]]:
    """The number of calls before the exchange, and the calls of both."""
    world = new_world()
    story(world)
    before = len(world.calls.log)
    tried(world)
    return before, world.calls.log


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("where", ["crash_before", "crash_after"])
def test_crash_outside_the_window_loses_no_token(
    story: Callable[[World], None], way: Callable[[World], None], where: str, reported: Callable[[str], int]
) -> None:
    start, log = undisturbed(story)
    asked = log.index("bank.exchange", start) if "bank.exchange" in log[start:] else -9
    kept = log.index("bank.remove", start) if story is unstorable else asked + 1
    window = {("crash_after", n) for n in range(asked, kept)} | {
        ("crash_before", n) for n in range(asked + 1, kept + 1)
    }
    assert len(log) - start > 2
    for number in range(start, len(log)):
        world = new_world()
        story(world)
        setattr(world.calls, where, number)
        with pytest.raises(Crash):
            exchange(world)
        setattr(world.calls, where, None)
        world.calls.before = None
        before = reported("exchange.lost")
        way(world)
        rest(world)
        at = f"{where} {number}: {log[number]} ({log[start:]})"
        assert broken_invariants(world) == item_violations(world) == [], at
        assert open_intents_left(world) == [], at
        lost = (where, number) in window
        assert orphans(world) == ({"item-1"} if lost else set()), at
        asks = [n for n in world.store.notifications.values() if n.kind is NotificationKind.LINK_AGAIN]
        if lost:
            assert reported("exchange.lost") == before + 1, at
            assert len(asks) == 1, at
        connected = {c.item_id for c in world.store.connections.values()}
        if way is again and not lost and story in (plain, relinked, resumed, never_called):
            assert "item-1" in connected, at
            assert asks == [], at
        if story in (duplicate, stubborn_duplicate):
            assert connected == {"item-0"}, at


@pytest.mark.parametrize("story", STORIES)
def test_window_is_a_single_call_in_every_scenario(story: Callable[[World], None]) -> None:
    start, log = undisturbed(story)
    if story is resumed:
        assert "bank.exchange" not in log[start:]
    else:
        assert log[log.index("bank.exchange", start) + 1] == "intents.update"


@pytest.mark.parametrize("story", [plain, duplicate, resumed, stubborn_duplicate])
def test_two_consecutive_crashes_lose_no_token(story: Callable[[World], None]) -> None:
    for first in range(14):
        for second in range(14):
            world = new_world()
            story(world)
            asked = 0
            for steps in (first, second):
                world.calls.crash_before = len(world.calls.log) + steps
                try:
                    tried(world)
                except Crash:
                    asked += world.calls.log[-1] == "intents.update" and world.calls.log[-2] == "bank.exchange"
                world.calls.crash_before = None
                world.clock.move(grace_periods.EXCHANGE + SECOND)
            again(world)
            rest(world)
            at = f"{first}, {second}"
            assert broken_invariants(world) == item_violations(world) == [], at
            assert open_intents_left(world) == [], at
            assert orphans(world) == ({"item-1"} if asked else set()), at


def left_with_a_token(world: World) -> None:
    resumed(world)
    world.clock.move(RESUMABLE_FOR)


def left_in_the_window(world: World) -> None:
    world.plaid.new_item()
    world.calls.crash_after = 3
    with pytest.raises(Crash):
        exchange(world)
    assert world.calls.log[-1] == "bank.exchange"
    world.calls.crash_after = None
    world.clock.move(grace_periods.LOST_EXCHANGE + SECOND)


def left_as_a_duplicate(world: World) -> None:
    stubborn_duplicate(world)
    tried(world)
    world.clock.move(grace_periods.EXCHANGE + SECOND)


@pytest.mark.parametrize("way", [again, never])
@pytest.mark.parametrize("left", [left_with_a_token, left_in_the_window, left_as_a_duplicate])
@pytest.mark.parametrize("where", ["crash_before", "crash_after"])
def test_next_sweep_completes_a_sweep_that_crashed_at_any_call(
    left: Callable[[World], None], way: Callable[[World], None], where: str, reported: Callable[[str], int]
) -> None:
    counted = new_world()
    left(counted)
    start = len(counted.calls.log)
    sweep(counted)
    assert open_intents_left(counted) == []
    for number in range(start, len(counted.calls.log)):
        world = new_world()
        left(world)
        before = reported("exchange.lost")
        setattr(world.calls, where, number)
        with pytest.raises(Crash):
            sweep(world)
        setattr(world.calls, where, None)
        way(world)
        world.clock.move(SWEPT_AGAIN_AFTER)
        rest(world)
        at = f"{where} {number}: {counted.calls.log[number]}"
        assert broken_invariants(world) == item_violations(world) == [], at
        assert open_intents_left(world) == [], at
        if left is left_in_the_window:
            assert reported("exchange.lost") >= before + 1, at
            assert len(world.store.notifications) == 1, at
        else:
            assert orphans(world) == set(), at
