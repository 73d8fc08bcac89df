"""The history of balances: one entry per account and day, no call of Plaid, and gaps where nothing is known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.domain.account import Account
from shared.domain.connection import ItemStatus
from shared.domain.errors import ErrorClass, Unavailable
from shared.domain.transaction import History
from shared.ports import DeleteTransactions, Delivery, PutBalances, UpdateConnection, UpsertTransactions
from tests.fakes import Crash, FakeItem, account, problem, row
from tests.usecases.conftest import ALICE, World

DAY = timedelta(days=1)


def with_balance(current: str | None, account_id: str = "checking", *, available: str | None = None) -> Account:
    plain = account(account_id)
    return {**plain, "balances": {**plain["balances"], "current": current, "available": available}}


def history(world: World, account_id: str = "checking") -> dict[str, str | None]:
    """The recorded current balance by day."""
    months = world.store.balance_months("1", account_id)
    return {
        f"{one['month']}-{day}": entry["current"]
        for one in months
        for day, entry in one["days"].items()
        if day not in one["derived"]
    }


def derived(world: World, account_id: str = "checking") -> dict[str, str | None]:
    return {
        f"{one['month']}-{day}": one["days"][day]["current"]
        for one in world.store.balance_months("1", account_id)
        for day in one["derived"]
    }


def sync_at(world: World, later: timedelta) -> None:
    """A sync that the user requests after some time."""
    world.clock.move(later)
    world.sync_requests.by_user("1", app_user_id=ALICE, count=lambda: None)
    world.settle()


def writes_of_last_sync(world: World, before: int) -> list[PutBalances]:
    return [one for _, written in world.store.commits[before:] for one in written.of(PutBalances)]


@pytest.fixture
def item(world: World) -> FakeItem:
    """A connection on 1 March with one account, whose first sync is complete."""
    item = world.connected("1", row("t1", date="2026-02-27", amount="10"))
    item.accounts = [with_balance("110")]
    world.settle()
    return item


def test_first_sync_records_the_balances_of_every_account(world: World) -> None:
    item = world.connected("1", row("t1"))
    item.accounts = [with_balance("110"), with_balance("0", "savings"), with_balance(None, "odd")]
    world.settle()
    assert history(world) == {"2026-03-01": "110"}
    assert history(world, "savings") == {"2026-03-01": "0"}
    assert history(world, "odd") == {}, "an unknown balance is not 0"
    [month] = world.store.balance_rows["1"].keys() - {"savings-2026-03"}
    assert world.store.balance_rows["1"][month] == {
        "connection_id": "1",
        "app_user_id": "alice",
        "account_id": "checking",
        "month": "2026-03",
        "currency": "USD",
        "days": {"01": {"current": "110", "available": None, "limit": None}},
        "derived": {},
    }


def test_a_day_is_recorded_once_with_the_first_commit_that_writes_accounts(world: World, item: FakeItem) -> None:
    before = len(world.store.commits)
    item.accounts = [with_balance("90")]
    item.add(row("t2"))
    sync_at(world, timedelta(hours=11, minutes=30))
    assert world.store.account_rows["1"]["checking"]["balances"]["current"] == "90"
    assert writes_of_last_sync(world, before) == []
    item.accounts = [with_balance("80")]
    item.add(row("t3"))
    sync_at(world, timedelta(hours=13))
    item.accounts = [with_balance("70")]
    item.add(row("t4"))
    sync_at(world, timedelta(hours=13))
    assert history(world) == {"2026-03-01": "110", "2026-03-02": "80", "2026-03-03": "70"}


def test_idle_sync_writes_nothing_more_on_a_new_day(world: World, item: FakeItem) -> None:
    for _ in range(3):
        before = len(world.store.commits)
        world.clock.move(timedelta(hours=13))
        world.tick()
        world.settle()
        assert len(world.store.commits) - before == 3, "the scheduler's, the claim, the end"
        kinds = {type(write) for _, written in world.store.commits[before:] for write in written.writes}
        assert kinds == {UpsertTransactions, DeleteTransactions, UpdateConnection}
        assert not any(written.upserts or written.removals for _, written in world.store.commits[before:])
    assert world.state().balances_day == "2026-03-01"
    assert "store.balance_months" not in world.calls.log


def test_account_that_appears_during_the_day_is_recorded_at_once(world: World, item: FakeItem) -> None:
    item.accounts = [with_balance("90"), with_balance("5", "savings")]
    item.add(row("t2"))
    sync_at(world, timedelta(hours=11))
    assert history(world) == {"2026-03-01": "110"}
    assert history(world, "savings") == {"2026-03-01": "5"}


def test_daily_check_records_a_day_without_changes(world: World, item: FakeItem) -> None:
    sync_at(world, timedelta(hours=13))
    calls = len(world.calls.log)
    world.balance_history("1")
    assert history(world) == {"2026-03-01": "110", "2026-03-02": "110"}
    assert not [name for name in world.calls.log[calls:] if name.startswith("bank.")]
    commits = len(world.store.commits)
    world.balance_history("1")
    assert len(world.store.commits) == commits, "once a day"


def test_daily_check_and_a_later_sync_of_the_day_record_one_entry(world: World, item: FakeItem) -> None:
    sync_at(world, timedelta(hours=13))
    world.balance_history("1")
    item.accounts = [with_balance("1")]
    item.add(row("t2"))
    sync_at(world, timedelta(hours=2))
    assert history(world)["2026-03-02"] == "110"


@pytest.mark.parametrize("status", [ItemStatus.BAD, ItemStatus.ERROR])
def test_broken_connection_leaves_a_gap(world: World, item: FakeItem, status: ItemStatus) -> None:
    sync_at(world, timedelta(hours=13))
    world.store.describe("1", {"status": status})
    world.balance_history("1")
    assert history(world) == {"2026-03-01": "110"}


@pytest.mark.parametrize("status", [ItemStatus.PENDING_EXPIRATION, ItemStatus.PENDING_DISCONNECT])
def test_connection_that_still_works_leaves_no_gap(world: World, item: FakeItem, status: ItemStatus) -> None:
    sync_at(world, timedelta(hours=13))
    world.store.describe("1", {"status": status})
    world.balance_history("1")
    assert set(history(world)) == {"2026-03-01", "2026-03-02"}


def test_bank_that_does_not_answer_leaves_a_gap(world: World, item: FakeItem) -> None:
    world.plaid.errors["changes"] = [problem(ErrorClass.TRANSIENT, "INSTITUTION_DOWN")] * 100
    for _ in range(8):
        world.clock.move(timedelta(hours=6))
        world.tick()
        while world.queue.tasks:
            world.sync(world.queue.tasks.pop(0)[1])
        world.balance_history("1")
    assert set(history(world)) == {"2026-03-01", "2026-03-02"}, "the last success is a day old at most"


def test_earlier_days_are_derived_once_the_history_is_complete(world: World) -> None:
    item = world.connected("1", row("t1", date="2026-02-26", amount="10"))
    item.accounts = [with_balance("110")]
    item.ready = History.RECENT
    world.sync()
    assert world.queue.balances == []
    world.balance_history("1")
    assert derived(world) == {}
    item.ready = History.COMPLETE
    item.add(row("t2", date="2026-02-28", amount="-50"), row("t3", date="2026-03-01", amount="7", pending=True))
    sync_at(world, timedelta(hours=1))
    assert world.queue.balances == ["1"], "a task derives them at once"
    world.balance_history("1")
    assert derived(world) == {"2026-02-26": "60", "2026-02-27": "60", "2026-02-28": "110"}
    assert history(world) == {"2026-03-01": "110"}


def test_balances_are_derived_once(world: World, item: FakeItem) -> None:
    world.balance_history("1")
    before = derived(world)
    assert before == {"2026-02-27": "110", "2026-02-28": "110"}
    reads = world.calls.log.count("store.bookings")
    item.add(row("t2", date="2026-02-20"))
    sync_at(world, timedelta(hours=13))
    world.balance_history("1")
    assert derived(world) == before
    assert world.calls.log.count("store.bookings") == reads == 1


def test_account_that_is_added_later_is_derived_too(world: World, item: FakeItem) -> None:
    world.balance_history("1")
    item.accounts = [with_balance("110"), with_balance("5", "savings")]
    item.add(row("s1", account_id="savings", date="2026-02-28", amount="1"))
    sync_at(world, timedelta(hours=13))
    world.balance_history("1")
    assert derived(world, "savings") == {"2026-02-28": "5", "2026-03-01": "5"}


def test_recorded_day_is_never_replaced_by_a_derived_one(world: World) -> None:
    item = world.connected("1", row("t1", date="2026-02-27", amount="10"))
    item.accounts = [with_balance("110")]
    item.ready = History.RECENT
    world.sync()
    item.ready = History.COMPLETE
    item.accounts = [with_balance("500")]
    item.add(row("t2", date="2026-03-03", amount="-390"))
    sync_at(world, 2 * DAY)
    world.balance_history("1")
    assert history(world) == {"2026-03-01": "110", "2026-03-03": "500"}
    assert derived(world) == {"2026-02-27": "110", "2026-02-28": "110", "2026-03-02": "110"}


def test_balances_are_not_derived_while_a_run_is_working(world: World, item: FakeItem) -> None:
    item.add(row("t2"))
    world.clock.move(timedelta(hours=13))
    world.tick()
    world.plaid.on_page = lambda: world.balance_history("1")
    world.settle()
    assert derived(world) == {}
    world.plaid.on_page = None
    world.balance_history("1")
    assert derived(world) != {}


def test_removed_connection_has_no_history(world: World, item: FakeItem) -> None:
    world.balance_history("1")
    world.remove()
    world.balance_history("1")
    world.clean_up()
    world.balance_history("1")
    assert world.left_of("1") == []


def test_removal_during_the_daily_check_leaves_no_history(world: World, item: FakeItem) -> None:
    sync_at(world, timedelta(hours=13))

    def remove(name: str) -> None:
        if name == "store.save":
            world.calls.before = None
            world.remove()
            world.clean_up()

    world.calls.before = remove
    world.balance_history("1")
    assert world.left_of("1") == []


def test_revoked_account_loses_its_history_and_gets_no_new_entry(world: World, item: FakeItem) -> None:
    item.accounts = [with_balance("110"), with_balance("5", "savings")]
    item.add(row("s1", account_id="savings", date="2026-02-27"))
    sync_at(world, timedelta(hours=1))
    world.balance_history("1")
    assert history(world, "savings")
    assert derived(world, "savings")
    world.remove_account("1", "savings")
    assert world.store.balance_months("1", "savings") == []
    assert history(world)
    item.add(row("t5"))  # Plaid still lists the account
    sync_at(world, timedelta(hours=13))
    world.balance_history("1")
    assert world.store.balance_months("1", "savings") == []
    assert "savings" not in world.state().derived_accounts


def test_account_that_is_no_longer_shared_loses_its_history(world: World, item: FakeItem) -> None:
    item.accounts = [with_balance("110"), with_balance("5", "savings")]
    item.add(row("s1", account_id="savings", date="2026-02-27"))
    sync_at(world, timedelta(hours=1))
    world.balance_history("1")
    item.accounts = [with_balance("110")]
    item.remove("s1")
    item.add(row("t5"))
    sync_at(world, timedelta(hours=13))
    assert world.store.balance_months("1", "savings") == []
    assert set(history(world)) == {"2026-03-01", "2026-03-02"}
    item.accounts = [with_balance("110"), with_balance("6", "savings")]
    item.add(row("s1", account_id="savings", date="2026-02-28"))
    sync_at(world, timedelta(hours=2))
    world.balance_history("1")
    assert history(world, "savings") == {"2026-03-02": "6"}
    assert set(derived(world, "savings")) == {"2026-02-28", "2026-03-01"}, "derived again, since it was deleted"


def test_permission_that_was_revoked_leaves_no_history(world: World, item: FakeItem) -> None:
    world.balance_history("1")
    world.check.revoke("1", problem(ErrorClass.TERMINAL, "USER_PERMISSION_REVOKED"), delivery_id=_delivery(world))
    world.balance_history("1")
    world.clean_up()
    assert "balances" not in world.left_of("1")


def test_queue_that_is_down_leaves_the_derivation_to_the_daily_check(world: World) -> None:
    item = world.connected("1", row("t1", date="2026-02-27"))
    item.accounts = [with_balance("110")]

    def refuse(name: str) -> None:
        if name == "queue.add":
            raise Unavailable("the queue is down", code="unavailable")

    world.calls.before = refuse
    world.settle()
    world.calls.before = None
    assert world.queue.balances == []
    world.balance_history("1")
    assert set(derived(world)) == {"2026-02-27", "2026-02-28"}


def _delivery(world: World) -> str:
    world.inbox.record(Delivery("d1", {}, world.clock.now(), "1"))
    return "d1"


def a_changed_day(world: World) -> Callable[[], None]:
    item = world.connected("1", row("t1", date="2026-02-26", amount="10"))
    item.accounts = [with_balance("110"), with_balance("5", "savings")]
    world.settle()
    item.accounts = [with_balance("90")]
    item.add(row("t2", date="2026-03-02", amount="20"))
    world.clock.move(timedelta(hours=13))
    world.tick()

    def run() -> None:
        world.settle()
        world.balance_history("1")

    return run


def a_day_without_changes(world: World) -> Callable[[], None]:
    item = world.connected("1", row("t1", date="2026-02-26", amount="10"))
    item.accounts = [with_balance("90")]
    world.settle()
    sync_at(world, timedelta(hours=13))

    def run() -> None:
        world.balance_history("1")

    return run


@pytest.mark.parametrize("begin", [a_changed_day, a_day_without_changes])
@pytest.mark.parametrize("where", ["before", "after"])
def test_process_that_dies_at_any_call_leaves_the_same_history(
    begin: Callable[[World], Callable[[], None]], where: str
) -> None:
    undisturbed = World()
    run = begin(undisturbed)
    start = len(undisturbed.calls.log)
    run()
    expected, calls = undisturbed.store.balance_rows["1"], len(undisturbed.calls.log)
    assert calls - start > 5
    for number in range(start, calls):
        world = World()
        run = begin(world)
        setattr(world.calls, f"crash_{where}", number)
        with pytest.raises(Crash):
            run()
        world.clock.move(timedelta(minutes=5))  # the lease of the dead run ends
        world.tick()
        world.settle()
        world.balance_history("1")
        assert world.store.balance_rows["1"] == expected, f"{where} {undisturbed.calls.log[number]}"
