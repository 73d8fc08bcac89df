"""A connection's daily task: the daily check of the item, and the set-up of the connection."""

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
    """Run what the `checkitem` task runs."""
    world.check.daily_check("1")
    world.welcome(institutions)


def connection(world: World) -> BankConnection:
    return world.store.connections["1"]


def kinds(world: World) -> list[str]:
    return [
        notification.kind
        for notification in world.store.notifications.values()
        if notification.kind != "first_sync_done"
    ]


def login_required(code: str = "ITEM_LOGIN_REQUIRED") -> ProviderError:
    return problem(ErrorClass.USER, code)


def broken_on_the_first_day(world: World, item: FakeItem) -> FakeInstitutions:
    institutions = FakeInstitutions()
    item.error = login_required()
    a_day(world, institutions)
    assert connection(world).status is ItemStatus.BAD
    assert kinds(world) == ["needs_repair"]
    return institutions


def days_notified(world: World, item: FakeItem, *, days: int, every: timedelta = A_DAY) -> list[int]:
    """The days on which the user is notified about a login that broke on day 0."""
    institutions = broken_on_the_first_day(world, item)
    began, notified, found = world.clock.at, len(kinds(world)), []
    for day in range(1, days + 1):
        world.clock.at = began + day * every
        a_day(world, institutions)
        found += [day] * (len(kinds(world)) - notified)
        notified = len(kinds(world))
    return found


def test_user_is_reminded_of_a_broken_login_after_7_and_30_days(world: World, item: FakeItem) -> None:
    assert days_notified(world, item, days=40) == [7, 30]
    assert set(kinds(world)) == {"needs_repair"}


@pytest.mark.parametrize("every", [A_DAY - timedelta(minutes=3), A_DAY + timedelta(minutes=3)])
def test_irregular_daily_checks_neither_skip_nor_repeat_a_reminder(
    world: World, item: FakeItem, every: timedelta
) -> None:
    assert days_notified(world, item, days=40, every=every) == [7, 30]


def test_reminder_missed_on_the_seventh_day_is_sent_later(world: World, item: FakeItem) -> None:
    assert days_notified(world, item, days=4, every=timedelta(days=3)) == [3], "of days 3, 6, 9 and 12"


def test_daily_task_delivered_twice_sends_one_reminder(world: World, item: FakeItem) -> None:
    institutions = broken_on_the_first_day(world, item)
    world.clock.move(7 * A_DAY)
    a_day(world, institutions)
    [first] = [
        notification
        for notification in world.store.notifications.values()
        if notification.notification_id.endswith("-7")
    ]
    commits = len(world.store.commits)
    a_day(world, institutions)
    assert len(world.store.commits) == commits
    assert world.store.notifications[first.notification_id] == first


def test_user_is_reminded_again_after_the_login_breaks_again(world: World, item: FakeItem) -> None:
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


def test_item_status_takes_precedence_over_a_due_reminder(world: World, item: FakeItem) -> None:
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


def test_item_removed_on_the_day_of_a_reminder_is_reported_as_removed(world: World, item: FakeItem) -> None:
    broken_on_the_first_day(world, item)
    world.clock.move(7 * A_DAY)
    dead = problem(ErrorClass.TERMINAL, "ITEM_NOT_FOUND")
    world.plaid.fail("item", dead)
    world.check.daily_check("1")
    assert connection(world).status is ItemStatus.ERROR
    assert kinds(world) == ["needs_repair", "needs_relink"]


def test_new_error_code_for_the_same_problem_does_not_restart_the_count(world: World, item: FakeItem) -> None:
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


def test_institution_update_does_not_change_when_the_login_broke(world: World, item: FakeItem) -> None:
    broke = since(world, item)
    world.clock.move(8 * A_DAY)
    world.plaid.catalogue["ins_1"] = institution(name="Second Bank")
    item.consent_expiration_time = world.clock.at + 90 * A_DAY
    a_day(world, FakeInstitutions())
    assert connection(world).institution_name == "Second Bank"
    assert connection(world).consent_expiration_time == item.consent_expiration_time
    assert connection(world).updated_at == broke


def test_set_up_without_new_data_writes_nothing(world: World, item: FakeItem) -> None:
    institutions = FakeInstitutions()
    world.welcome(institutions)
    before, described = connection(world), world.calls.log.count("store.describe")
    world.clock.move(A_DAY)
    world.welcome(institutions)
    assert connection(world) == before
    assert world.calls.log.count("store.describe") == described


def test_new_institution_data_updates_the_time_of_the_last_change(world: World, item: FakeItem) -> None:
    world.welcome(FakeInstitutions())
    before = connection(world)
    world.plaid.catalogue["ins_1"] = institution(name="Second Bank")
    world.welcome(FakeInstitutions())
    assert connection(world).institution_name == "Second Bank"
    assert connection(world).updated_at > before.updated_at
