"""An account that went from here without Plaid naming its rows, and is shared again, has all its history."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.lease import LEASE
from shared.domain.progress import SyncStatus
from shared.usecases.items.reconcile_after_restore import RestoreAction
from shared.usecases.sync import write_changes
from shared.usecases.sync.run_sync import TIME_FOR_A_RUN
from tests.fakes import FakeItem, account, row
from tests.usecases.conftest import ALICE, Crash, World
from tests.usecases.items.test_status_by_webhook import tell


@pytest.fixture
def item(world: World) -> FakeItem:
    made = world.connected("1", row("d1"), row("s1", account_id="save"), row("s2", account_id="save"))
    made.accounts.append(account("save", name="Save"))
    world.settle()
    return made


def revoke(world: World) -> None:
    """The webhook comes late: Plaid holds the account still, or again, and will not name its rows."""
    tell(world, "USER_ACCOUNT_REVOKED", account_id="save")


def reconnect(world: World) -> None:
    world.reconnect_connection("1", app_user_id=ALICE)


def sync(world: World) -> None:
    world.sync_requests.by_event("1")
    world.settle()


@pytest.mark.parametrize("atomic", [800, 2])
def test_a_revoked_account_that_is_shared_again_is_read_from_its_beginning(
    world: World, item: FakeItem, atomic: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_changes, "MAX_ATOMIC_ROWS", atomic)
    monkeypatch.setattr(write_changes, "STREAM_ROWS", 2)
    revoke(world)
    assert set(world.rows()) == {"d1"}
    item.add(row("d2"))
    reconnect(world)
    world.settle()
    item.add(row("s4", account_id="save"))
    sync(world)
    assert set(world.rows()) == {"d1", "d2", "s1", "s2", "s4"}
    assert world.equals_truth()
    assert world.store.connections["1"].account_ids == ("checking", "save")
    assert set(world.store.account_rows["1"]) == {"checking", "save"}
    assert world.state().former_accounts == ()


def test_the_first_run_that_completes_afterwards_has_everything(world: World, item: FakeItem) -> None:
    revoke(world)
    reconnect(world)
    world.sync()
    assert world.state().status is SyncStatus.COMPLETED
    assert world.equals_truth()


def test_a_repair_that_shares_no_account_again_reads_only_what_is_new(world: World, item: FakeItem) -> None:
    revoke(world)
    item.accounts.pop()
    item.remove("s1", "s2")
    cursor = world.state().cursor
    reconnect(world)
    world.settle()
    assert world.state().former_accounts == ("save",)
    assert not any(state.rebuilding for state, _ in world.store.commits)
    assert world.state().cursor != cursor
    item.accounts.append(account("save", name="Save"))
    item.add(row("s1", account_id="save"))
    reconnect(world)
    world.settle()
    assert world.equals_truth()


def test_an_account_that_a_sync_found_gone_is_read_again_when_it_is_back(world: World, item: FakeItem) -> None:
    """Deselected in Link, and its rows not named when it is chosen again."""
    gone = item.accounts.pop()
    item.add(row("d2"))
    sync(world)
    assert set(world.store.account_rows["1"]) == {"checking"}
    for transaction_id in ("s1", "s2"):
        world.store.rows["1"].pop(transaction_id)
    item.accounts.append(gone)
    item.add(row("d3"))
    sync(world)
    assert world.equals_truth()
    assert world.state().former_accounts == ()


@pytest.mark.parametrize("when", range(40))
def test_whenever_it_is_revoked_and_shared_again_during_a_run_nothing_is_missing(when: int) -> None:
    world = World()
    item = world.connected("1", row("d1"), *(row(f"s{n}", account_id="save") for n in range(5)))
    item.accounts.append(account("save"))
    calls = 0

    def at(_: str) -> None:
        nonlocal calls
        calls += 1
        if calls in (when, when + 4):
            world.calls.before = None
            if calls == when:
                revoke(world)
            else:
                reconnect(world)
            world.calls.before = at

    world.calls.before = at
    world.queue.enqueue("1", name="first")
    world.settle()
    world.calls.before = None
    if calls < when + 4:
        reconnect(world)
    world.settle()
    assert world.equals_truth()


@pytest.mark.parametrize("calls", range(30))
def test_wherever_the_process_dies_meanwhile_nothing_is_missing(world: World, item: FakeItem, calls: int) -> None:
    revoke(world)
    reconnect(world)
    world.calls.crash_after = len(world.calls.log) + calls
    try:
        world.sync()
    except Crash:
        world.clock.move(LEASE)
    world.calls.crash_after = None
    item.add(row("s9", account_id="save"))
    world.clock.move(timedelta(minutes=15))
    world.tick()
    sync(world)
    assert world.equals_truth()


def test_it_is_read_again_also_where_that_takes_more_than_one_run(world: World, item: FakeItem) -> None:
    item.add(*(row(f"x{n}", account_id="save") for n in range(9)))
    sync(world)
    revoke(world)
    reconnect(world)
    world.plaid.on_page = lambda: world.clock.move(TIME_FOR_A_RUN / 3)
    world.settle()
    assert world.equals_truth()


def test_what_its_user_wrote_on_other_accounts_stays(world: World, item: FakeItem) -> None:
    world.store.write_note("1", "d1", "mine")
    revoke(world)
    reconnect(world)
    world.settle()
    assert world.store.rows["1"]["d1"]["user"] == {"note": "mine"}


def test_after_a_restore_an_account_is_here_that_was_shared_again_since(world: World, item: FakeItem) -> None:
    revoke(world)  # and then the backup was made, and then the account was shared again, which is forgotten
    reconciliation = world.restore_reconciliation
    assert reconciliation.apply("1", RestoreAction.READ_AGAIN) is RestoreAction.READ_AGAIN
    world.settle()
    assert world.equals_truth()
