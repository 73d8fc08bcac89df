"""The user deselects every account that has transactions: Plaid's pages are empty, and report no row as removed."""

from __future__ import annotations

import pytest

from shared.domain.progress import SyncStatus
from tests.fakes import FakeItem, account, row
from tests.usecases.conftest import ALICE, World


@pytest.fixture
def item(world: World) -> FakeItem:
    made = world.connected("1", row("t1"), row("t2", pending=True))
    made.accounts.append(account("401k", name="401k"))
    made.accounts_on_pages = made.accounts[:1]
    made.spoil("odd")
    world.settle()
    assert world.state().set_aside == 1
    return made


def deselect(item: FakeItem) -> None:
    """Plaid: complete history, no rows and an empty cursor, for ever."""
    item.accounts = item.accounts[1:]
    item.accounts_on_pages = []


def sync(world: World) -> None:
    world.sync_requests.by_event("1")
    world.settle()


def test_rows_of_the_accounts_that_are_gone_are_deleted(world: World, item: FakeItem) -> None:
    deselect(item)
    sync(world)
    assert world.rows() == {}
    assert world.store.set_aside("1") == []
    assert set(world.store.account_rows["1"]) == {"401k"}
    assert (world.state().status, world.state().set_aside) == (SyncStatus.COMPLETED, 0)


def test_rows_set_aside_without_an_account_are_deleted_too(world: World, item: FakeItem) -> None:
    item.spoil("odd", account_id=None)
    sync(world)
    deselect(item)
    sync(world)
    assert world.store.set_aside("1") == []


def test_rows_of_listed_accounts_stay_if_one_answer_is_empty(world: World, item: FakeItem) -> None:
    item.accounts_on_pages = []
    sync(world)
    assert set(world.rows()) == {"t1", "t2"}
    assert world.state().set_aside == 1


def test_an_account_that_is_shared_again_has_its_rows_again(world: World, item: FakeItem) -> None:
    shared = item.accounts[0]
    deselect(item)
    sync(world)
    item.accounts.insert(0, shared)
    item.accounts_on_pages = item.accounts[:1]
    world.reconnect_connection("1", app_user_id=ALICE)
    world.settle()
    assert set(world.rows()) == {"t1", "t2"}
    assert world.equals_truth()
