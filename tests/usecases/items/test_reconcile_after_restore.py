"""After a restore of the store, each connection is reconciled, and the store equals the bank again."""

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


def test_later_changes_are_read_again_and_earlier_notes_are_kept(world: World) -> None:
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


def test_connections_removed_after_the_backup_are_removed_again(world: World) -> None:
    world.connected("1", row("a"))
    world.settle()
    del world.plaid.items["token-1"]
    assert settled(world) == {"1": RestoreAction.REMOVED}
    world.clean_up()
    assert world.left_of("1") == []
    assert world.audited()[-2:] == ["removal_started", "removal_done"]


def test_token_rotated_after_the_backup_requires_linking_again(world: World) -> None:
    world.connected("1", row("a"))
    world.settle()
    world.plaid.dead_tokens.add("token-1")
    assert settled(world) == {"1": RestoreAction.TOKEN_LOST}
    connection = world.store.connections["1"]
    assert (connection.status, connection.action) == (ItemStatus.ERROR, Action.RELINK)
    assert world.state().error is not None
    assert settled(world) == {"1": RestoreAction.TOKEN_LOST}
    assert world.audited().count("status_changed") == 1


def test_broken_login_keeps_its_status_and_unreachable_items_are_deferred(world: World) -> None:
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
    assert reconciliation.apply("unknown", RestoreAction.REMOVED) is RestoreAction.LEFT_ALONE


def test_dry_run_changes_nothing_and_detects_keys_of_another_environment(world: World) -> None:
    for number in range(ENOUGH_TO_DOUBT):
        world.connected(str(number), row("a"))
    world.settle()
    before = copy.deepcopy((world.store.connections, world.store.states))
    world.plaid.dead_tokens |= {f"token-{number}" for number in range(ENOUGH_TO_DOUBT)}
    with pytest.raises(FailedPrecondition, match="keys and environment"):
        restored(world).plan(restored(world).connection_ids())
    assert (world.store.connections, world.store.states) == before
