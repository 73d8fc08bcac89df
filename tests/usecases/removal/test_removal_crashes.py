"""The process dies before and after every external call of a removal; queue and scheduler complete it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from shared.domain.errors import ErrorClass
from shared.domain.exchange import Intent
from shared.domain.plaid_token import PlaidToken
from shared.domain.region import Region
from shared.domain.removal import RemovalReason
from shared.ports import Delivery
from tests.fakes import Crash, problem
from tests.usecases.conftest import ALICE, World
from tests.usecases.item_ground import item_violations
from tests.usecases.removal.removal_ground import revoked_error, rows, tell


def connected(world: World) -> None:
    world.connected("1", *rows(5), region=Region.EU)
    world.settle()
    world.inbox.record(Delivery("d1", {}, world.clock.now(), "1"))


def removed(world: World) -> None:
    world.remove()


def removed_while_plaid_is_down(world: World) -> None:
    world.plaid.errors["remove"] = [problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR")] * 4
    world.remove()


def revoked_by_webhook(world: World) -> None:
    tell(world, "USER_PERMISSION_REVOKED")


def revoked_by_a_run(world: World) -> None:
    world.clock.move(timedelta(minutes=5))  # a run that died has lost its lease
    world.plaid.errors["changes"] = [revoked_error()]
    tell(world, "SYNC_UPDATES_AVAILABLE", "TRANSACTIONS")
    world.sync()


def revoked_then_removed(world: World) -> None:
    if "1" in world.store.connections:
        tell(world, "USER_PERMISSION_REVOKED")
        world.remove()


def crashed(begin: Callable[[World], None], where: str) -> Iterator[tuple[World, str]]:
    """One world per external call at which the process died, after queue and scheduler have completed their work."""
    undisturbed = World()
    connected(undisturbed)
    start = len(undisturbed.calls.log)
    begin(undisturbed)
    undisturbed.clean_up()
    calls = len(undisturbed.calls.log)
    assert calls - start > 10

    def to_completion(world: World) -> None:
        begin(world)
        world.clean_up()

    for number in range(start, calls):
        world = World()
        connected(world)
        setattr(world.calls, where, number)
        with pytest.raises(Crash):
            to_completion(world)
        setattr(world.calls, where, None)
        at = f"{where} {number}: {world.calls.log[number]}"
        if "removal_started" not in world.audited():
            assert {"1"} <= world.store.states.keys() & world.store.connections.keys() & world.store.tokens.keys(), at
            assert len(world.store.rows["1"]) == 5, f"all of it, or nothing: {at}"
            begin(world)  # the caller got no answer, and asks again
        world.clean_up()
        assert world.plaid.removed == ["item-1"], at
        assert item_violations(world) == [], at
        yield world, at


@pytest.mark.parametrize("where", ["crash_before", "crash_after"])
@pytest.mark.parametrize("begin", [removed, removed_while_plaid_is_down])
def test_removal_interrupted_anywhere_completes(begin: Callable[[World], None], where: str) -> None:
    for world, at in crashed(begin, where):
        assert world.left_of("1") == [], at
        assert world.audited()[1:] == ["removal_started", "removal_done"], at


@pytest.mark.parametrize("where", ["crash_before", "crash_after"])
@pytest.mark.parametrize("begin", [revoked_by_webhook, revoked_by_a_run])
def test_removal_after_a_revocation_interrupted_anywhere_completes(begin: Callable[[World], None], where: str) -> None:
    for world, at in crashed(begin, where):
        stays = {"connection", "state", "intent intent-1", "notification revoked", "notification first_sync_done"}
        left = {what for what in world.left_of("1") if not what.startswith(("delivery", "ended"))}
        assert left == stays, at
        assert world.audited()[1:] == ["status_changed", "removal_started", "removal_done"], at


@pytest.mark.parametrize("where", ["crash_before", "crash_after"])
def test_removal_of_a_revoked_connection_interrupted_anywhere_completes(where: str) -> None:
    for world, at in crashed(revoked_then_removed, where):
        if "1" in world.store.connections:
            revoked_then_removed(world)
            world.clean_up()
        assert world.left_of("1") == [], at


@pytest.mark.parametrize("where", ["crash_before", "crash_after"])
@pytest.mark.parametrize("down", [0, 5])
def test_erasure_interrupted_anywhere_completes(where: str, down: int) -> None:
    def prepared() -> World:
        world = World()
        for name in ("1", "2"):
            world.connected(name, *rows(3))
        world.settle()
        token = world.vault.seal(PlaidToken("token-half", Region.US), app_user_id=ALICE, connection_id="half")
        item = world.plaid.new_item("half")
        world.intents.begin(Intent("i-half", ALICE, "half", world.clock.now(), "a", item.item_id, token))
        world.plaid.fail("remove", *[problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR")] * down)
        return world

    def to_completion(world: World) -> None:
        world.eraser.begin(ALICE, reason=RemovalReason.ERASURE)
        world.clean_up()

    undisturbed = prepared()
    start = len(undisturbed.calls.log)
    to_completion(undisturbed)
    for number in range(start, len(undisturbed.calls.log)):
        world = prepared()
        setattr(world.calls, where, number)
        with pytest.raises(Crash):
            to_completion(world)
        setattr(world.calls, where, None)
        at = f"{where} {number}: {world.calls.log[number]}"
        if "erasure_started" not in world.audited():
            assert set(world.store.connections) == {"1", "2"}, f"all of it, or nothing: {at}"
            to_completion(world)
        world.clean_up()
        assert [world.left_of(name) for name in ("1", "2", "half")] == [[], [], []], at
        assert [
            *world.store.intents,
            *world.store.institution_guards,
            *world.store.holders,
            *world.erasures.kept,
        ] == [], at
        assert sorted(world.plaid.removed) == ["item-1", "item-2", "item-half"], at
        trail = world.audited()
        assert [trail.count(f"removal_{what}") for what in ("started", "done")] == [3, 3], at
        assert [trail.count(f"erasure_{what}") for what in ("started", "done")] == [1, 1], at
