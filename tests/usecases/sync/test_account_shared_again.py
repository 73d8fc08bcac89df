"""An account that was removed although Plaid did not name its rows has its full history when it is shared again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.errors import ErrorClass
from shared.domain.lease import LEASE
from shared.domain.progress import SyncStatus
from shared.usecases.items.reconcile_after_restore import RestoreAction
from shared.usecases.sync import write_changes
from shared.usecases.sync.run_sync import TIME_FOR_A_RUN, Outcome
from tests.fakes import FakeItem, account, problem, row
from tests.usecases.conftest import ALICE, Crash, World
from tests.usecases.items.test_status_by_webhook import tell


@pytest.fixture
def item(world: World) -> FakeItem:
    made = world.connected("1", row("d1"), row("s1", account_id="save"), row("s2", account_id="save"))
    made.accounts.append(account("save", name="Save"))
    world.settle()
    return made


def revoke(world: World) -> None:
    """The webhook is late: Plaid still holds the account, or holds it again, and will not name its rows."""
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


def test_account_found_missing_by_a_sync_is_read_again_when_it_returns(world: World, item: FakeItem) -> None:
    """The account was deselected in Link, and its rows are not named when it is selected again."""
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


def test_an_account_that_is_shared_again_does_not_wait_for_the_next_run_if_plaid_does_not_list_it(
    world: World, item: FakeItem
) -> None:
    revoke(world)
    reconnect(world)
    world.plaid.fail("accounts", problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR"))
    assert world.sync() is Outcome.RETRY
    world.clock.move(timedelta(seconds=5))
    assert world.sync() is Outcome.DONE
    assert world.equals_truth()


@pytest.mark.parametrize("when", range(40))
def test_account_revoked_and_shared_again_during_a_run_is_complete(when: int) -> None:
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
def test_account_shared_again_is_complete_after_a_crash_anywhere(world: World, item: FakeItem, calls: int) -> None:
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


def test_account_shared_again_is_read_over_several_runs(world: World, item: FakeItem) -> None:
    item.add(*(row(f"x{n}", account_id="save") for n in range(9)))
    sync(world)
    revoke(world)
    reconnect(world)
    world.plaid.on_page = lambda: world.clock.move(TIME_FOR_A_RUN / 3)
    world.settle()
    assert world.equals_truth()


def test_notes_on_other_accounts_are_kept(world: World, item: FakeItem) -> None:
    world.store.write_note("1", "d1", "mine")
    revoke(world)
    reconnect(world)
    world.settle()
    assert world.store.rows["1"]["d1"]["user"] == {"note": "mine"}


def test_account_shared_again_after_the_backup_is_complete_after_a_restore(world: World, item: FakeItem) -> None:
    revoke(world)  # the backup was made before the account was shared again, and so does not contain that fact
    reconciliation = world.restore_reconciliation
    assert reconciliation.apply("1", RestoreAction.READ_AGAIN) is RestoreAction.READ_AGAIN
    world.settle()
    assert world.equals_truth()
