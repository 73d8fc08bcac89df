"""After any crash of a rotation a working access token is stored, except in a window of one external call."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from shared.domain.audit import Actor, AuditAction
from shared.domain.connection import Action
from shared.domain.errors import NotFound, Unavailable
from tests.fakes import Crash, row
from tests.usecases.conftest import ALICE, World
from tests.usecases.tokens.rotating import (
    LATER,
    actions,
    ask,
    crash_in_the_window,
    is_lost,
    kept,
    rotate,
    stored,
    with_a_connection,
    work,
    works,
)


@pytest.fixture
def connected(world: World) -> World:
    return with_a_connection(world)


def test_sync_continues_from_its_cursor_after_a_rotation(connected: World) -> None:
    world, before = connected, connected.store.kept["1"][0]
    cursor = world.state().cursor
    rotate(world)
    assert stored(world) == "token-1+"
    assert "token-1" in world.plaid.dead_tokens
    assert kept(world).issued_at > before.issued_at
    assert kept(world).given_up() == kept(world)
    entry = world.store.audit[ALICE][-1]
    assert (entry.action, entry.actor, entry.connection_id) == (AuditAction.TOKEN_ROTATED, Actor.OPERATOR, "1")
    assert "token" not in str(entry.details)
    world.plaid.by_id("item-1").add(row("t9"))
    world.clock.move(timedelta(hours=13))
    world.tick()
    assert world.state().cursor == cursor
    world.settle()
    assert world.equals_truth()
    assert world.state().added == 1, "it continued from its cursor"


def test_token_without_a_rotation_request_is_not_rotated(connected: World) -> None:
    connected.rotation("1")
    connected.rotation("unknown")
    assert "bank.invalidate" not in connected.calls.log
    rotate(connected)
    connected.rotation("1")
    assert connected.calls.log.count("bank.invalidate") == 1


def test_of_two_concurrent_deliveries_one_runs_and_the_other_is_retried(connected: World) -> None:
    world, refused = connected, []

    def second(name: str) -> None:
        if name == "bank.invalidate":
            world.calls.before = None
            with pytest.raises(Unavailable) as busy:
                world.rotation("1")
            refused.append(busy)

    world.calls.before = second
    rotate(world)
    assert refused
    assert works(world)
    assert world.calls.log.count("bank.invalidate") == 1


@pytest.mark.parametrize("where", ["crash_before", "crash_after"])
def test_crash_outside_the_window_leaves_a_working_token(where: str) -> None:
    undisturbed = World()
    undisturbed.connected("1", row("t1"))
    undisturbed.settle()
    start = len(undisturbed.calls.log)
    rotate(undisturbed)
    calls = undisturbed.calls.log[start:]
    lost = []
    for number, name in enumerate(calls):
        world = World()
        world.connected("1", row("t1"))
        world.settle()
        assert len(world.calls.log) == start
        setattr(world.calls, where, start + number)
        with pytest.raises(Crash):
            rotate(world)
        setattr(world.calls, where, None)
        world.clock.move(LATER)
        world.rotations.sweep()
        work(world, turns=2)
        at = f"{where} {number}: {name}"
        assert kept(world).due_at is None, at
        assert works(world) is not is_lost(world), at
        if is_lost(world):
            lost.append(number)
            continue
        world.plaid.by_id("item-1").add(row("t2"))
        world.clock.move(timedelta(hours=13))
        world.tick()
        world.settle()
        assert world.equals_truth(), at
        asked = number > calls.index("credentials.save") - (where == "crash_after")
        assert stored(world) == ("token-1+" if asked else "token-1"), at
    answered = calls.index("bank.invalidate")
    assert calls[answered + 1] == "credentials.save", "Plaid's answer is stored before any other call"
    assert lost == [answered if where == "crash_after" else answered + 1]


def test_two_consecutive_crashes_outside_the_window_leave_a_working_token(connected: World) -> None:
    for first in range(8):
        for second in range(8):
            world = World()
            world.connected("1", row("t1"))
            world.settle()
            for steps in (first, second):
                world.calls.crash_before = len(world.calls.log) + steps
                begun = len(world.calls.log)
                try:
                    world.rotations.request("1", by=Actor.OPERATOR)
                    world.clock.move(LATER)
                    world.rotations.sweep()
                    world.rotation("1")
                except Crash:
                    pass
                in_window = "bank.invalidate" in world.calls.log[begun:]
                world.calls.crash_before = None
                if in_window:
                    break
            world.clock.move(LATER)
            world.rotations.sweep()
            work(world, turns=2)
            assert works(world) is not is_lost(world)
            assert kept(world).rotating_since is None


@pytest.mark.parametrize("where", ["crash_before", "crash_after"])
def test_crash_while_a_loss_is_reported_still_reports_it_once(where: str) -> None:
    def lost() -> World:
        world = with_a_connection(World())
        crash_in_the_window(world)
        world.clock.move(LATER)
        return world

    undisturbed = lost()
    start = len(undisturbed.calls.log)
    undisturbed.rotation("1")
    assert len(undisturbed.calls.log) - start >= 4
    for number in range(start, len(undisturbed.calls.log)):
        world = lost()
        setattr(world.calls, where, number)
        with pytest.raises(Crash):
            world.rotation("1")
        setattr(world.calls, where, None)
        world.rotation("1")
        assert is_lost(world)
        assert actions(world).count(AuditAction.TOKEN_LOST) == 1
        assert sum("needs_relink" in name for name in world.store.notifications) == 1
        assert kept(world).due_at is None


def test_lost_token_is_reported_once_as_an_error(connected: World, caplog: pytest.LogCaptureFixture) -> None:
    world = connected
    crash_in_the_window(world)
    with pytest.raises(Unavailable):
        world.rotation("1")
    assert not is_lost(world), "not while a process may still own the rotation"
    world.clock.move(LATER)
    with caplog.at_level(logging.ERROR, logger="bank"):
        world.rotation("1")
        world.rotation("1")
    assert is_lost(world)
    assert [record.message for record in caplog.records] == ["rotation.token_lost"]
    assert "token-1" not in caplog.text
    assert actions(world).count(AuditAction.TOKEN_LOST) == 1
    state = world.state()
    assert (state.status, state.error and state.error.action, state.due_at) == ("failed", Action.RELINK, None)
    assert world.tick() == 0


def test_rotation_is_requested_once(connected: World) -> None:
    world = connected
    ask(world)
    assert not world.rotations.request("1", by=Actor.OPERATOR)
    assert len(world.queue.others) == 1
    with pytest.raises(NotFound):
        world.rotations.request("2", by=Actor.OPERATOR)


def test_scheduler_finds_a_lost_task(connected: World) -> None:
    world = connected
    ask(world)
    world.queue.others.clear()
    assert world.rotations.sweep() == 0
    world.clock.move(timedelta(minutes=15))
    assert world.rotations.sweep() == 1
    assert world.rotations.sweep() == 0, "its task is on its way"
    work(world)
    assert works(world)
    world.clock.move(timedelta(days=1))
    assert world.rotations.sweep() == 0


def test_scheduler_leaves_a_rotation_that_just_started(connected: World) -> None:
    world = connected
    ask(world)
    world.queue.others.clear()
    world.clock.move(timedelta(minutes=15))

    def taken_up(name: str) -> None:
        if name == "credentials.save":
            world.calls.before = None
            world.rotation("1")

    world.calls.before = taken_up
    assert world.rotations.sweep() == 0
    assert not world.queue.others
    assert works(world)


def test_scheduler_finds_requests_that_the_queue_refused(connected: World) -> None:
    world = connected

    def refuse(name: str) -> None:
        if name == "queue.add":
            raise Unavailable("full", code="queue_unavailable")

    world.calls.before = refuse
    ask(world)
    assert not world.queue.others
    world.calls.before = None
    world.clock.move(timedelta(minutes=15))
    assert world.rotations.sweep() == 1


def test_tokens_older_than_the_configured_age_are_rotated(connected: World) -> None:
    world = connected
    assert world.rotations.request_all_older_than(None) == 0
    assert world.rotations.request_all_older_than(timedelta(days=30)) == 0
    world.clock.move(timedelta(days=31))
    world.connected("2")
    assert world.rotations.request_all_older_than(timedelta(days=30)) == 1
    assert world.rotations.request_all_older_than(timedelta(days=30)) == 0, "its rotation is already requested"
    work(world)
    assert world.store.audit[ALICE][-1].actor is Actor.BACKEND
    assert world.rotations.request_all_older_than(timedelta(days=30)) == 0


def test_daily_check_requests_rotations_for_a_minute_and_an_operator_without_limit(connected: World) -> None:
    world = connected
    for number in range(2, 10):
        world.connected(str(number))
    world.clock.move(timedelta(days=31))
    world.calls.before = lambda name: world.clock.move(timedelta(seconds=25 if name == "credentials.save" else 0))
    assert world.rotations.request_all_older_than(timedelta(days=30)) == 3
    assert world.rotations.request_all_older_than(timedelta(days=30), limit=None) == 6


def test_failing_connection_does_not_stop_the_daily_check(connected: World) -> None:
    world = connected
    world.connected("2")
    world.clock.move(timedelta(days=31))
    failed: list[str] = []

    def once(name: str) -> None:
        if name == "credentials.save" and not failed:
            failed.append(name)
            raise Unavailable("down", code="store_unavailable")

    world.calls.before = once
    assert world.rotations.request_all_older_than(timedelta(days=30)) == 1
