"""Plaid charges for each refresh, so refreshes are limited per connection, user and project."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared.domain.ceilings import Budget
from shared.domain.errors import ErrorClass, Unavailable
from shared.domain.progress import SyncStatus
from shared.domain.removal import RemovalReason
from tests.fakes import problem, row
from tests.usecases.conftest import ALICE, Crash, World

HOUR = timedelta(hours=1)


def by_hand(world: World, name: str = "1", *, owner: str = ALICE) -> None:
    world.sync_requests.by_user(name, app_user_id=owner, count=lambda: None)
    world.settle()


def asked(world: World) -> int:
    return world.calls.log.count("bank.refresh")


def connected(world: World, *names: str, owner: str = ALICE) -> None:
    for name in names:
        world.connected(name, row("t1"), owner=owner)
    world.settle()


def test_a_connection_is_refreshed_once_an_hour_and_synced_each_time(world: World) -> None:
    connected(world, "1")
    by_hand(world)
    item = world.plaid.by_id("item-1")
    for minute in range(59):
        item.add(row(f"later-{minute}"))
        by_hand(world)
        assert world.equals_truth()
        world.clock.move(timedelta(minutes=1))
    assert asked(world) == 1
    world.clock.move(timedelta(minutes=1))
    by_hand(world)
    assert asked(world) == 2


def test_progress_shows_the_time_of_the_last_refresh(world: World) -> None:
    connected(world, "1")
    assert world.state().progress().refreshed_at is None
    by_hand(world)
    first = world.state().progress().refreshed_at
    assert first is not None
    assert timedelta() <= world.clock.at - first < timedelta(minutes=1)
    world.clock.move(timedelta(minutes=30))
    by_hand(world)
    assert world.state().progress().refreshed_at == first, "the later sync did not refresh"


def test_one_user_refreshes_twenty_times_a_day(world: World) -> None:
    connected(world, *map(str, range(7)))
    for _ in range(4):
        for name in range(7):
            by_hand(world, str(name))
        world.clock.move(HOUR)
    assert asked(world) == 20
    connected(world, "bob", owner="bob")
    by_hand(world, "bob", owner="bob")
    assert asked(world) == 21, "another user has a budget of their own"
    world.clock.move(timedelta(hours=20))
    by_hand(world, "0")
    assert asked(world) == 22, "the oldest calls are a day ago"


def test_all_users_together_refresh_sixty_times_a_minute(world: World) -> None:
    for user in range(4):
        for number in range(20):
            world.connected(f"{user}-{number}", row("t1"), owner=f"user-{user}")
    world.settle()
    for user in range(4):
        for number in range(20):
            by_hand(world, f"{user}-{number}", owner=f"user-{user}")
    assert asked(world) == 60
    assert "user-3:refresh" not in world.budgets.spent
    world.clock.move(timedelta(minutes=1))
    by_hand(world, "3-0", owner="user-3")
    assert asked(world) == 61


def test_refused_refresh_counts_against_no_budget(world: World) -> None:
    world.ceilings = replace(world.ceilings, per_minute=1)
    connected(world, "1", "2")
    connected(world, "3", owner="bob")
    by_hand(world, "1")
    before = {name: list(times) for name, times in world.budgets.spent.items()}
    for name, owner in (("1", ALICE), ("2", ALICE), ("3", "bob")):
        by_hand(world, name, owner=owner)
    assert world.budgets.spent == before
    assert world.state("2").refresh_tried_at is None
    assert world.state("2").refreshed_at is None


@pytest.mark.parametrize("ceiling", ["per_user_and_day", "per_minute"])
def test_ceiling_of_zero_switches_refreshes_off(world: World, ceiling: str) -> None:
    world.ceilings = replace(world.ceilings, **{ceiling: 0})  # type: ignore[arg-type]
    connected(world, "1")
    by_hand(world)
    assert asked(world) == 0
    assert world.equals_truth()


def test_a_refresh_that_plaid_refuses_counts_and_is_not_shown_as_made(world: World) -> None:
    connected(world, "1")
    world.plaid.fail("refresh", problem(ErrorClass.CONFIGURATION, "PRODUCTS_NOT_SUPPORTED"))
    for _ in range(3):
        by_hand(world)
    assert asked(world) == 1, "a call that was made counts, whatever Plaid answered"
    assert world.state().refreshed_at is None
    assert len(world.budgets.spent[f"{ALICE}:refresh"]) == 1


def test_retries_of_a_run_do_not_refresh_again(world: World) -> None:
    connected(world, "1")
    world.plaid.fail("changes", *[problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR")] * 10)
    by_hand(world)
    assert world.state().status is SyncStatus.COMPLETED
    assert asked(world) == 1


def test_an_operators_refresh_obeys_the_same_ceilings(world: World) -> None:
    connected(world, "1")
    for _ in range(3):
        world.sync_requests.by_operator("1", refresh=True)
        world.settle()
    assert asked(world) == 1


@pytest.mark.parametrize("spacing", [HOUR, timedelta()])
def test_crash_never_leads_to_an_uncounted_call(spacing: timedelta) -> None:
    undisturbed = World()
    connected(undisturbed, "1")
    begun = len(undisturbed.calls.log)
    by_hand(undisturbed)
    for number in range(begun, len(undisturbed.calls.log)):
        for moment in ("crash_before", "crash_after"):
            world = World()
            world.ceilings = replace(world.ceilings, spacing=spacing)
            connected(world, "1")
            setattr(world.calls, moment, number)
            try:
                by_hand(world)
            except Crash:
                setattr(world.calls, moment, None)
                world.clock.move(timedelta(minutes=2))
                world.tick()
                world.settle()
            at = f"{moment} {undisturbed.calls.log[number]}"
            assert asked(world) <= len(world.budgets.spent.get(f"{ALICE}:refresh", [])), at
            assert asked(world) <= 1 or spacing == timedelta(), at
            assert world.equals_truth(), at


def test_run_without_its_lease_does_not_refresh(world: World) -> None:
    connected(world, "1")

    def taken_over(name: str) -> None:
        if name == "budgets.spend":
            world.calls.before = None
            loaded = world.store.states["1"]
            stolen = loaded.state.model_copy(update={"lease_owner": "another", "run": loaded.state.run + 1})
            world.store.save(stolen, expected=loaded.version)

    world.calls.before = taken_over
    loaded = world.store.states["1"]
    world.store.save(loaded.state.request(now=world.clock.now(), refresh=True), expected=loaded.version)
    world.sync()
    assert asked(world) == 0


def test_sync_continues_without_a_refresh_while_calls_cannot_be_counted(world: World) -> None:
    connected(world, "1")
    world.plaid.by_id("item-1").add(row("t2"))

    def busy(*budgets: Budget, now: datetime) -> Budget | None:
        raise Unavailable("too many calls at once", code="limits_busy")

    world.budgets.spend = busy  # type: ignore[method-assign]
    by_hand(world)
    assert asked(world) == 0
    assert world.equals_truth()


def test_automatic_syncs_touch_no_shared_counter(world: World) -> None:
    connected(world, "1")
    world.clock.move(timedelta(hours=13))
    world.tick()
    world.settle()
    assert "budgets.spend" not in world.calls.log


def test_an_erasure_does_not_give_a_user_a_new_budget(world: World) -> None:
    world.ceilings = replace(world.ceilings, per_user_and_day=1)
    connected(world, "1")
    by_hand(world)
    world.eraser.begin(ALICE, reason=RemovalReason.ERASURE)
    world.clean_up()
    connected(world, "2")
    by_hand(world, "2")
    assert asked(world) == 1
