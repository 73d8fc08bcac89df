"""The daily check over all connections."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.usecases.items import daily_checks
from shared.usecases.items.daily_checks import DailyChecks
from tests.fakes import FakeItem, account, row
from tests.usecases.conftest import World

NOW = datetime(2026, 3, 1, 4, 30, tzinfo=UTC)


def run_daily_check(world: World, owners: list[set[str]], at: datetime = NOW) -> list[str]:
    """Run the daily check; returns the connections that were checked."""
    monitor = DailyChecks(
        connections=world.store,
        tasks=world.queue,
        erase_missing_owners=lambda uids: owners.append(set(uids)),
    )
    monitor.start(at)
    checked: list[str] = []
    while world.queue.others:
        function, payload = world.queue.others.pop(0)
        if function == "checkitems":
            monitor.page(payload["turn"], payload.get("after"))
        else:
            assert function == "checkitem"
            checked.append(payload["connection_id"])
    return checked


def test_every_connection_and_every_owner_is_checked_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daily_checks, "PAGE", 3)
    for number in range(7):
        world.connected(f"c{number}", owner=f"user-{number % 2}")
    owners: list[set[str]] = []
    assert run_daily_check(world, owners) == [f"c{number}" for number in range(7)]
    assert set().union(*owners) == {"user-0", "user-1"}


def test_schedule_fired_twice_for_the_same_time_runs_one_daily_check(world: World) -> None:
    world.connected("c")
    assert run_daily_check(world, []) == ["c"]
    assert run_daily_check(world, []) == []
    assert run_daily_check(world, [], NOW + timedelta(seconds=1)) == ["c"]


def test_failing_owner_look_up_does_not_stop_later_checks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daily_checks, "PAGE", 3)
    for number in range(7):
        world.connected(f"c{number}")

    def fails(_: object) -> None:
        raise RuntimeError("anything unexpected")

    monitor = DailyChecks(connections=world.store, tasks=world.queue, erase_missing_owners=fails)
    monitor.start(NOW)
    checked: set[str] = set()
    while world.queue.others:
        function, payload = world.queue.others.pop(0)
        if function == "checkitem":
            checked.add(payload["connection_id"])
            continue
        with pytest.raises(RuntimeError):
            monitor.page(payload["turn"], payload.get("after"))
    assert checked == {f"c{number}" for number in range(7)}


def test_daily_check_without_connections_does_nothing(world: World) -> None:
    assert run_daily_check(world, []) == []


def connected_with_savings(world: World) -> FakeItem:
    """A synced connection whose second account has no transaction."""
    item = world.connected("1")
    item.accounts = [account(), account("savings", name="Savings")]
    item.accounts_on_pages = item.accounts[:1]
    item.add(row("t1"))
    world.sync("1")
    assert world.store.account_rows["1"].keys() == {"checking", "savings"}
    return item


def check_and_sync(world: World) -> list[str]:
    """The daily check and the sync that it requests; returns the calls of Plaid."""
    before = len(world.calls.log)
    world.check.daily_check("1")
    while world.queue.tasks:
        name, connection_id = world.queue.tasks.pop(0)
        world.sync(connection_id, task=name)
    return [name for name in world.calls.log[before:] if name.startswith("bank.")]


def test_revoked_account_without_transactions_disappears_although_its_webhook_was_lost(world: World) -> None:
    item = connected_with_savings(world)
    del item.accounts[1]
    item.account_revoked_at = world.clock.now()
    world.clock.move(timedelta(hours=12))
    world.queue.tasks.clear()
    world.tick()  # a poll, which has no reason to read the accounts
    check_and_sync(world)
    world.clock.move(timedelta(hours=10))
    check_and_sync(world)
    assert world.store.account_rows["1"].keys() == {"checking"}
    assert {row["account_id"] for row in world.store.balance_rows["1"].values()} == {"checking"}


def test_daily_check_of_a_connection_without_news_reads_only_the_item(world: World) -> None:
    item = connected_with_savings(world)
    item.account_revoked_at = world.clock.now() - timedelta(days=2)
    world.queue.tasks.clear()
    assert check_and_sync(world) == ["bank.item"]
