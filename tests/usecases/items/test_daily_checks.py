"""What the daily task of a connection does, day after day: the look at the item, and the welcome."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from shared.domain.connection import Action, BankConnection, ItemStatus
from shared.domain.errors import ErrorClass, ProviderError
from tests.fakes import FakeInstitutions, FakeItem, institution, problem, row
from tests.usecases.conftest import World

A_DAY = timedelta(days=1)


@pytest.fixture
def item(world: World) -> FakeItem:
    item = world.connected("1", row("t1"))
    world.settle()
    return item


def a_day(world: World, institutions: FakeInstitutions) -> None:
    """What `checkitem` calls."""
    world.check.daily_check("1")
    world.welcome(institutions)


def connection(world: World) -> BankConnection:
    return world.store.connections["1"]


def kinds(world: World) -> list[str]:
    return [told.kind for told in world.store.notifications.values() if told.kind != "first_sync_done"]


def login_required(code: str = "ITEM_LOGIN_REQUIRED") -> ProviderError:
    return problem(ErrorClass.USER, code)


def broken_on_the_first_day(world: World, item: FakeItem) -> FakeInstitutions:
    institutions = FakeInstitutions()
    item.error = login_required()
    a_day(world, institutions)
    assert connection(world).status is ItemStatus.BAD
    assert kinds(world) == ["needs_repair"]
    return institutions


def days_told(world: World, item: FakeItem, *, days: int, every: timedelta = A_DAY) -> list[int]:
    """On which days of so many its user is told of a login that broke on day 0."""
    institutions = broken_on_the_first_day(world, item)
    began, told, found = world.clock.at, len(kinds(world)), []
    for day in range(1, days + 1):
        world.clock.at = began + day * every
        a_day(world, institutions)
        found += [day] * (len(kinds(world)) - told)
        told = len(kinds(world))
    return found


def test_a_login_that_stays_broken_is_called_to_mind_after_7_and_30_days(world: World, item: FakeItem) -> None:
    assert days_told(world, item, days=40) == [7, 30]
    assert set(kinds(world)) == {"needs_repair"}


@pytest.mark.parametrize("every", [A_DAY - timedelta(minutes=3), A_DAY + timedelta(minutes=3)])
def test_rounds_that_are_not_quite_a_day_apart_neither_skip_nor_repeat_a_day(
    world: World, item: FakeItem, every: timedelta
) -> None:
    assert days_told(world, item, days=40, every=every) == [7, 30]


def test_a_round_that_failed_on_the_seventh_day_is_made_up_for(world: World, item: FakeItem) -> None:
    assert days_told(world, item, days=4, every=timedelta(days=3)) == [3], "of days 3, 6, 9 and 12"


def test_a_reminder_is_told_once_a_day_s_task_that_comes_twice_changes_nothing(world: World, item: FakeItem) -> None:
    institutions = broken_on_the_first_day(world, item)
    world.clock.move(7 * A_DAY)
    a_day(world, institutions)
    [first] = [told for told in world.store.notifications.values() if told.notification_id.endswith("-7")]
    commits = len(world.store.commits)
    a_day(world, institutions)
    assert len(world.store.commits) == commits
    assert world.store.notifications[first.notification_id] == first


def test_a_login_that_broke_again_is_called_to_mind_again(world: World, item: FakeItem) -> None:
    institutions = broken_on_the_first_day(world, item)
    for _ in range(7):
        world.clock.move(A_DAY)
        a_day(world, institutions)
    item.error = None
    a_day(world, institutions)
    world.settle()
    item.error = login_required()
    for _ in range(8):
        world.clock.move(A_DAY)
        a_day(world, institutions)
    assert kinds(world) == ["needs_repair", "needs_repair", "repaired", "needs_repair", "needs_repair"]


def test_on_the_day_of_a_reminder_what_the_item_says_comes_first(world: World, item: FakeItem) -> None:
    institutions = broken_on_the_first_day(world, item)
    revoked = problem(ErrorClass.TERMINAL, "USER_PERMISSION_REVOKED")
    for day in range(1, 9):
        world.clock.move(A_DAY)
        if day == 7:
            world.plaid.fail("item", revoked)
        a_day(world, institutions)
        if day == 7:
            assert (connection(world).status, connection(world).action) == (ItemStatus.ERROR, Action.RELINK)
            assert world.store.tombstones["1"].access_token is not None
    assert kinds(world) == ["needs_repair", "revoked"]


def test_an_item_that_is_gone_on_the_day_of_a_reminder_is_gone(world: World, item: FakeItem) -> None:
    broken_on_the_first_day(world, item)
    world.clock.move(7 * A_DAY)
    dead = problem(ErrorClass.TERMINAL, "ITEM_NOT_FOUND")
    world.plaid.fail("item", dead)
    world.check.daily_check("1")
    assert connection(world).status is ItemStatus.ERROR
    assert kinds(world) == ["needs_repair", "needs_relink"]


def test_another_word_for_the_same_trouble_does_not_begin_the_count_anew(world: World, item: FakeItem) -> None:
    institutions = broken_on_the_first_day(world, item)
    for day in range(1, 8):
        item.error = login_required("ITEM_LOCKED" if day % 2 else "ITEM_LOGIN_REQUIRED")
        world.clock.move(A_DAY)
        a_day(world, institutions)
    assert connection(world).error_code == "ITEM_LOCKED"
    assert kinds(world) == ["needs_repair"] * 2


def since(world: World, item: FakeItem) -> datetime:
    broken_on_the_first_day(world, item)
    return connection(world).updated_at


def test_what_is_learnt_about_the_bank_does_not_move_the_moment_when_a_login_broke(
    world: World, item: FakeItem
) -> None:
    broke = since(world, item)
    world.clock.move(8 * A_DAY)
    world.plaid.catalogue["ins_1"] = institution(name="Second Bank")
    item.consent_expiration_time = world.clock.at + 90 * A_DAY
    a_day(world, FakeInstitutions())
    assert connection(world).institution_name == "Second Bank"
    assert connection(world).consent_expiration_time == item.consent_expiration_time
    assert connection(world).updated_at == broke


def test_a_welcome_that_learns_nothing_new_writes_nothing(world: World, item: FakeItem) -> None:
    institutions = FakeInstitutions()
    world.welcome(institutions)
    before, described = connection(world), world.calls.log.count("store.describe")
    world.clock.move(A_DAY)
    world.welcome(institutions)
    assert connection(world) == before
    assert world.calls.log.count("store.describe") == described


def test_what_is_new_about_a_bank_moves_the_moment_of_the_last_change(world: World, item: FakeItem) -> None:
    world.welcome(FakeInstitutions())
    before = connection(world)
    world.plaid.catalogue["ins_1"] = institution(name="Second Bank")
    world.welcome(FakeInstitutions())
    assert connection(world).institution_name == "Second Bank"
    assert connection(world).updated_at > before.updated_at
