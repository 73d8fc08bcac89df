"""After the store was put back: what becomes of each connection, and that everything equals the truth again."""

from __future__ import annotations

import copy

import pytest

from shared.domain.connection import Action, ItemStatus
from shared.domain.errors import ErrorClass, FailedPrecondition
from shared.usecases.items.reconcile_after_restore import ENOUGH_TO_DOUBT, RestoreAction, RestoreReconciliation
from tests.fakes import problem, row
from tests.usecases.conftest import World


def restored(world: World) -> RestoreReconciliation:
    return world.restore_reconciliation


def settled(world: World) -> dict[str, RestoreAction]:
    reconciliation = restored(world)
    return {
        one: reconciliation.apply(one, action)
        for one, action in reconciliation.plan(reconciliation.connection_ids()).items()
    }


def test_what_came_and_went_since_is_read_again_and_what_users_wrote_before_stays(world: World) -> None:
    item = world.connected("1", row("a"), row("b"), row("c"))
    world.settle()
    world.store.rows["1"]["a"]["user"] = {"note": "mine"}
    backup = copy.deepcopy((world.store.rows, world.store.states))
    item.add(row("d"))
    item.modify(row("b", amount="9.99"))
    item.remove("c")
    world.sync_requests.by_event("1")
    world.settle()
    assert world.equals_truth()
    world.store.rows, world.store.states = backup
    world.store.rows["1"]["ghost"] = {**world.store.rows["1"]["a"], "transaction_id": "ghost"}
    world.store.row_versions["1", "ghost"] = 1
    assert settled(world) == {"1": RestoreAction.READ_AGAIN}
    world.settle()
    assert world.equals_truth()
    assert world.store.rows["1"]["a"]["user"] == {"note": "mine"}


def test_what_was_removed_since_is_removed_again(world: World) -> None:
    world.connected("1", row("a"))
    world.settle()
    del world.plaid.items["token-1"]
    assert settled(world) == {"1": RestoreAction.REMOVED}
    world.clean_up()
    assert world.left_of("1") == []
    assert world.audited()[-2:] == ["removal_started", "removal_done"]


def test_of_a_token_that_was_replaced_since_the_user_is_told_to_link_again(world: World) -> None:
    world.connected("1", row("a"))
    world.settle()
    world.plaid.dead_tokens.add("token-1")
    assert settled(world) == {"1": RestoreAction.TOKEN_LOST}
    connection = world.store.connections["1"]
    assert (connection.status, connection.action) == (ItemStatus.ERROR, Action.RELINK)
    assert world.state().error is not None
    assert settled(world) == {"1": RestoreAction.TOKEN_LOST}
    assert world.audited().count("status_changed") == 1


def test_a_login_that_is_broken_keeps_its_status_and_what_cannot_be_asked_about_is_left_for_later(world: World) -> None:
    for name in ("1", "2"):
        world.connected(name, row("a"))
    world.settle()
    world.plaid.by_id("item-1").error = problem(ErrorClass.USER, "ITEM_LOGIN_REQUIRED")
    reconciliation = restored(world)
    assert reconciliation.plan(["1"]) == {"1": RestoreAction.READ_AGAIN}
    reconciliation.apply("1", RestoreAction.READ_AGAIN)
    assert world.store.connections["1"].status is ItemStatus.BAD
    world.plaid.fail("item", problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR"))
    assert reconciliation.plan(["2"]) == {"2": RestoreAction.LATER}
    assert reconciliation.apply("2", RestoreAction.LATER) is RestoreAction.LATER
    assert reconciliation.apply("nobody", RestoreAction.REMOVED) is RestoreAction.LEFT_ALONE


def test_a_look_changes_nothing_and_keys_of_another_environment_are_noticed(world: World) -> None:
    for number in range(ENOUGH_TO_DOUBT):
        world.connected(str(number), row("a"))
    world.settle()
    before = copy.deepcopy((world.store.connections, world.store.states))
    world.plaid.dead_tokens |= {f"token-{number}" for number in range(ENOUGH_TO_DOUBT)}
    with pytest.raises(FailedPrecondition, match="keys and environment"):
        restored(world).plan(restored(world).connection_ids())
    assert (world.store.connections, world.store.states) == before
