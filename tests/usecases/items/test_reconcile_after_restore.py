"""After the store was put back: what becomes of each connection, and that everything equals the truth again."""

from __future__ import annotations

import copy

import pytest

from shared.domain.connection import Action, ItemStatus
from shared.domain.errors import FailedPrecondition, Fault
from shared.usecases.items.reconcile_after_restore import ENOUGH_TO_DOUBT, Fate, RestoredStore
from shared.usecases.sync.request_sync import sync_by_event
from tests.fakes import problem, row
from tests.usecases.conftest import World


def restored(world: World) -> RestoredStore:
    return RestoredStore(check=world.check, removals=world.removals, clock=world.clock)


def settled(world: World) -> dict[str, Fate]:
    store = restored(world)
    return {one: store.settle(one, fate) for one, fate in store.look(store.everyone()).items()}


def test_what_came_and_went_since_is_read_again_and_what_users_wrote_before_stays(world: World) -> None:
    item = world.connected("1", row("a"), row("b"), row("c"))
    world.settle()
    world.store.rows["1"]["a"]["user"] = {"note": "mine"}
    backup = copy.deepcopy((world.store.rows, world.store.states))
    item.add(row("d"))
    item.modify(row("b", amount="9.99"))
    item.remove("c")
    sync_by_event("1", only_if_incomplete=False, syncs=world.store, queue=world.queue, clock=world.clock)
    world.settle()
    assert world.equals_truth()
    world.store.rows, world.store.states = backup
    world.store.rows["1"]["ghost"] = {**world.store.rows["1"]["a"], "transaction_id": "ghost"}
    world.store.row_versions["1", "ghost"] = 1
    assert settled(world) == {"1": Fate.READ_AGAIN}
    world.settle()
    assert world.equals_truth()
    assert world.store.rows["1"]["a"]["user"] == {"note": "mine"}


def test_what_was_removed_since_is_removed_again(world: World) -> None:
    world.connected("1", row("a"))
    world.settle()
    del world.bank.items["token-1"]
    assert settled(world) == {"1": Fate.REMOVED}
    world.clean_up()
    assert world.left_of("1") == []
    assert world.audited()[-2:] == ["removal_started", "removal_done"]


def test_of_a_token_that_was_replaced_since_the_user_is_told_to_link_again(world: World) -> None:
    world.connected("1", row("a"))
    world.settle()
    world.bank.dead_tokens.add("token-1")
    assert settled(world) == {"1": Fate.TOKEN_LOST}
    connection = world.store.connections["1"]
    assert (connection.status, connection.action) == (ItemStatus.ERROR, Action.RELINK)
    assert world.state().error is not None
    assert settled(world) == {"1": Fate.TOKEN_LOST}
    assert world.audited().count("status_changed") == 1


def test_a_login_that_is_broken_keeps_its_status_and_what_cannot_be_asked_about_is_left_for_later(world: World) -> None:
    for name in ("1", "2"):
        world.connected(name, row("a"))
    world.settle()
    world.bank.by_id("item-1").error = problem(
        Fault.USER, "ITEM_LOGIN_REQUIRED", item_status=ItemStatus.BAD, action=Action.RECONNECT
    )
    store = restored(world)
    assert store.look(["1"]) == {"1": Fate.READ_AGAIN}
    store.settle("1", Fate.READ_AGAIN)
    assert world.store.connections["1"].status is ItemStatus.BAD
    world.bank.fail("item", problem(Fault.TRANSIENT, "INTERNAL_SERVER_ERROR"))
    assert store.look(["2"]) == {"2": Fate.LATER}
    assert store.settle("2", Fate.LATER) is Fate.LATER
    assert store.settle("nobody", Fate.REMOVED) is Fate.LEFT_ALONE


def test_a_look_changes_nothing_and_keys_of_another_environment_are_noticed(world: World) -> None:
    for number in range(ENOUGH_TO_DOUBT):
        world.connected(str(number), row("a"))
    world.settle()
    before = copy.deepcopy((world.store.connections, world.store.states))
    world.bank.dead_tokens |= {f"token-{number}" for number in range(ENOUGH_TO_DOUBT)}
    with pytest.raises(FailedPrecondition, match="keys and environment"):
        restored(world).look(restored(world).everyone())
    assert (world.store.connections, world.store.states) == before
