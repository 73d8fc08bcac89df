"""Endless change logs: the attempt fails, is retried with growing delays, and succeeds once the log is valid."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import count

import pytest

from shared.domain import page_trail
from shared.domain.connection import ItemStatus
from shared.domain.errors import CursorRejected, ErrorClass, PagingInterrupted
from shared.domain.plaid_token import PlaidToken
from shared.domain.progress import SyncStatus
from shared.domain.transaction import History, Page
from shared.usecases.sync import write_changes
from shared.usecases.sync.run_sync import Outcome
from tests.fakes import problem, row
from tests.usecases.conftest import World


def answers_with(world: World, monkeypatch: pytest.MonkeyPatch, after: Callable[[str | None], str | None]) -> list[str]:
    """Make every page name the cursor from `after` and claim more pages; returns the cursors that are requested."""
    asked: list[str] = []

    def changes(access_token: PlaidToken, *, cursor: str | None) -> Page:
        asked.append(cursor or "")
        if world.plaid.on_page is not None:
            world.plaid.on_page()
        rows = [row(f"t-{cursor}-{n}") for n in range(3)]
        return Page(rows, [], [], [], after(cursor), has_more=True, history=History.COMPLETE, request_id="r1")

    monkeypatch.setattr(world.plaid, "changes", changes)
    return asked


def circle(tail: int, length: int) -> Callable[[str | None], str]:
    last = tail + length - 1

    def after(cursor: str | None) -> str:
        at = int(cursor or 0)
        return str(tail if at == last else at + 1)

    return after


@pytest.mark.parametrize(("tail", "length"), [(1, 1), (1, 2), (3, 2), (1, 3), (2, 7), (20, 30)])
def test_cursor_loop_fails_at_the_first_repetition(
    world: World, monkeypatch: pytest.MonkeyPatch, tail: int, length: int
) -> None:
    world.connected("1", row("t1"))
    with monkeypatch.context() as patched:
        asked = answers_with(world, patched, circle(tail, length))
        assert world.sync() is Outcome.DONE
    state = world.state()
    assert len(asked) == tail + length
    assert state.status is SyncStatus.FAILED
    assert state.error is not None
    assert (state.error.retryable, state.error.request_id) == (True, "r1")
    assert state.next_retry_at is not None
    assert world.store.connections["1"].status is ItemStatus.GOOD


def test_cursor_loop_through_the_last_syncs_cursor_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.connected("1", row("t1"))
    world.settle()
    known = world.state().cursor
    with monkeypatch.context() as patched:
        asked = answers_with(world, patched, lambda cursor: "B" if cursor == known else known)
        world.clock.move(timedelta(hours=13))
        world.tick()
        world.sync()
    assert asked == [known, "B"]
    assert world.state().status is SyncStatus.FAILED
    assert world.state().cursor == known
    world.clock.move(timedelta(minutes=15))
    world.tick()
    world.settle()
    assert world.equals_truth()


@pytest.mark.parametrize(("tail", "length"), [(1, 2), (3, 2), (1, 9)])
def test_cursor_loop_is_detected_across_handovers(
    world: World, monkeypatch: pytest.MonkeyPatch, tail: int, length: int
) -> None:
    world.connected("1", row("t1"))
    world.plaid.on_page = lambda: world.clock.move(timedelta(minutes=4))  # two pages per run
    with monkeypatch.context() as patched:
        asked = answers_with(world, patched, circle(tail, length))
        for _ in range(20):
            assert world.sync() is Outcome.DONE
            if world.state().status is SyncStatus.FAILED:
                break
    assert len(asked) == tail + length
    assert world.state().status is SyncStatus.FAILED
    assert world.state().handover is None, "the next attempt does not start within the cursor loop"


def test_cursor_loop_leaves_no_stale_rows_behind(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.connected("1", *(row(f"t{n}") for n in range(7)))
    monkeypatch.setattr(write_changes, "MAX_ATOMIC_ROWS", 2)
    world.plaid.on_page = lambda: world.clock.move(timedelta(minutes=4))
    with monkeypatch.context() as patched:
        answers_with(world, patched, circle(2, 3))
        for _ in range(4):
            world.sync()
        assert world.state().status is SyncStatus.FAILED
        assert world.rows(), "it has streamed rows"
    world.settle()
    assert world.equals_truth()
    assert world.state().failures == 0


def calls_in_days(world: World, asked: list[str], *, days: int) -> list[int]:
    """The number of page requests per day, while the scheduler retries and the queue delivers."""
    found = []
    for _ in range(days):
        before, until = len(asked), world.clock.at + timedelta(days=1)
        while world.clock.at < until:
            world.tick()
            for name, connection_id in [world.queue.tasks.pop(0) for _ in list(world.queue.tasks)]:
                while world.sync(connection_id, task=name) is Outcome.RETRY:
                    world.clock.move(timedelta(seconds=10))
            world.clock.move(timedelta(minutes=15))
        found.append(len(asked) - before)
    return found


def test_permanent_cursor_loop_costs_a_few_calls_per_day(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.connected("1", row("t1"))
    days = calls_in_days(world, answers_with(world, monkeypatch, circle(1, 2)), days=30)
    assert max(days[1:]) <= 3 * 6
    assert world.state().status is SyncStatus.FAILED


def test_endless_pages_fail_after_several_runs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_trail, "MAX_PAGES", 400)
    world.connected("1", row("t1"))
    numbers = count(1)
    asked = answers_with(world, monkeypatch, lambda _: str(next(numbers)))
    for _ in range(10):
        assert world.sync() is Outcome.DONE
        if world.state().status is SyncStatus.FAILED:
            break
    assert world.state().status is SyncStatus.FAILED
    assert len(asked) == 400, "more than one run has time for"


def test_empty_pages_that_promise_more_fail(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.connected("1", row("t1"))
    numbers = count(1)
    asked = 0

    def changes(access_token: PlaidToken, *, cursor: str | None) -> Page:
        nonlocal asked
        asked += 1
        return Page([], [], [], [], str(next(numbers)), has_more=True, history=History.COMPLETE)

    monkeypatch.setattr(world.plaid, "changes", changes)
    assert world.sync() is Outcome.DONE
    assert world.state().status is SyncStatus.FAILED
    assert asked == page_trail.MAX_EMPTY_PAGES + 1


def until_it_fails(world: World, *, between: Callable[[], None] = lambda: None) -> int:
    """The number of deliveries until an attempt that never completes fails."""
    for deliveries in range(1, 60):
        outcome = world.sync(task="a")
        if outcome is Outcome.RETRY or world.state().status is SyncStatus.FAILED:
            return deliveries
        between()
    raise AssertionError("it never fails")


def test_data_that_changes_after_every_hand_over_ends_the_attempt(world: World) -> None:
    """Each delivery of a long loop reads some pages and hands over; each continuation finds that data has changed."""
    world.connected("1", *(row(f"t{n}") for n in range(12)))
    world.plaid.on_page = lambda: world.clock.move(timedelta(minutes=4))
    pages = 0

    def interrupt(at: int) -> None:
        nonlocal pages
        pages += 1
        if pages % 3 == 0:
            world.plaid.fail("changes", problem(ErrorClass.TRANSIENT, "X", PagingInterrupted))

    world.plaid.mutate_at_page = interrupt
    assert until_it_fails(world) <= 12
    world.plaid.mutate_at_page = None
    world.plaid.errors.clear()
    world.settle()
    assert world.equals_truth()


def test_a_hand_over_whose_cursor_is_rejected_each_time_ends_the_attempt(world: World) -> None:
    world.connected("1", *(row(f"t{n}") for n in range(12)))
    world.plaid.on_page = lambda: world.clock.move(timedelta(minutes=4))

    def reject() -> None:
        if world.state().handover is not None:
            world.plaid.fail("changes", problem(ErrorClass.CONFIGURATION, "INVALID_FIELD", CursorRejected))

    assert until_it_fails(world, between=reject) <= 12
    world.plaid.errors.clear()
    world.settle()
    assert world.equals_truth()
