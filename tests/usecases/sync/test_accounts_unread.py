"""Plaid answers with transactions, but not with the accounts: the list of accounts does not wait for the next poll."""

from __future__ import annotations

import pytest

from shared.domain import poll_intervals, retry_delays
from shared.domain.errors import ErrorClass
from shared.domain.progress import SyncStatus
from shared.usecases.sync.run_sync import Outcome
from tests.fakes import FakeInstitutions, FakeItem, account, problem, row
from tests.usecases.conftest import World

DOWN = problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR")


@pytest.fixture
def item(world: World) -> FakeItem:
    made = world.connected("1", row("t1"))
    world.welcome(FakeInstitutions())
    return made


def set_up_and_synced(world: World) -> None:
    world.settle()
    assert world.state().due_at == world.state().updated_at + poll_intervals.HEALTHY


@pytest.mark.parametrize("synced_before", [False, True], ids=["never read", "outdated"])
def test_accounts_that_could_not_be_read_are_read_again_with_growing_delays(
    world: World, item: FakeItem, synced_before: bool
) -> None:
    if synced_before:
        set_up_and_synced(world)
        item.accounts.append(account("new"))
        world.sync_requests.by_product("1")
    world.plaid.fail("accounts", *[DOWN] * 3)
    delays = []
    for _ in range(3):
        assert world.sync() is Outcome.DONE
        state = world.state()
        assert state.status is SyncStatus.COMPLETED
        assert state.due_at is not None
        delays.append(state.due_at - state.updated_at)
        world.clock.at = state.due_at
        world.tick()
    assert delays == list(retry_delays.SYNC.delays[:3])
    set_up_and_synced(world)
    assert world.equals_truth()
    assert set(world.store.account_rows["1"]) == {one["account_id"] for one in item.accounts}


def test_accounts_that_are_known_wait_for_the_next_run(world: World, item: FakeItem) -> None:
    """Only their balances are older; during an outage of the list, no connection is polled more often for that."""
    set_up_and_synced(world)
    item.add(row("t2"))
    world.sync_requests.by_event("1")
    world.plaid.fail("accounts", DOWN)
    set_up_and_synced(world)
    assert set(world.store.rows["1"]) == {"t1", "t2"}
