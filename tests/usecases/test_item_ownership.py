"""An item has one connection: update mode's public token reaches the exchange, and no healthy connection is harmed."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from shared.domain import grace_periods
from shared.domain.audit import Actor
from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.errors import (
    AlreadyExists,
    BankError,
    ErrorClass,
    FailedPrecondition,
    InvalidArgument,
    ProviderError,
    Unavailable,
)
from shared.domain.exchange import RESUMABLE_FOR, Intent
from shared.domain.hosted_link import LinkSession
from shared.domain.item import ItemHeld, ItemHolder
from shared.domain.overlap import LinkedAccount
from shared.domain.plaid_token import PlaidToken
from shared.domain.region import Region
from shared.domain.removal import RemovalReason
from tests.fakes import Crash, account, problem, row
from tests.usecases.conftest import ALICE, World
from tests.usecases.item_ground import item_violations
from tests.usecases.linking_ground import broken_invariants, exchange, open_intents_left, store_down, sweep, tried
from tests.usecases.removal.removal_ground import tell

BOB = "bob"


def linked(world: World, name: str = "1", *, user: str = ALICE) -> str:
    """A connection that was created by an exchange, and synced."""
    world.plaid.new_item(name).add(row("t1"))
    made = exchange(world, f"public-{name}", user=user)
    world.queue.enqueue(str(made.answer["connection_id"]), name=f"first-{name}")
    world.settle()
    return str(made.answer["connection_id"])


def forget_holders(world: World) -> None:
    """Put the store into its form before holders were stored."""
    world.store.holders.clear()


def share(world: World, connection_id: str, *, user: str, as_id: str = "shared") -> BankConnection:
    """Add a second connection to the same item, as was possible before holders were stored."""
    first = world.store.connections[connection_id]
    token = token_of(world, connection_id).reveal()
    second = first.model_copy(update={"connection_id": as_id, "app_user_id": user})
    world.store.connections[as_id] = second
    kept, _ = world.store.kept[connection_id]
    sealed = world.vault.seal(PlaidToken(token, Region.US), app_user_id=user, connection_id=as_id)
    changes = {"connection_id": as_id, "app_user_id": user, "token": sealed}
    world.store.put_kept(kept.model_copy(update=changes))
    loaded = world.store.states[connection_id]
    state = loaded.state.model_copy(update={"connection_id": as_id, "app_user_id": user})
    world.store.states[as_id] = type(loaded)(state, -1)
    world.store.rows[as_id] = {}
    world.store.account_rows[as_id] = {}
    return second


def token_of(world: World, connection_id: str) -> PlaidToken:
    connection = world.store.connections[connection_id]
    sealed = world.store.tokens[connection_id]
    return world.vault.open(sealed, app_user_id=connection.app_user_id, connection_id=connection_id)


@pytest.mark.parametrize("allow_duplicate", [False, True])
@pytest.mark.parametrize("old", [False, True])
def test_the_public_token_of_update_mode_is_answered_with_its_connection(
    world: World, allow_duplicate: bool, old: bool
) -> None:
    connection_id = linked(world)
    if old:
        forget_holders(world)
    token = world.plaid.update_mode()
    done = exchange(world, token, allow_duplicate=allow_duplicate)
    assert not done.first, "200, not 201"
    assert done.answer == world.store.connections[connection_id].answer()
    assert list(world.store.connections) == [connection_id]
    assert world.plaid.removed == []
    assert exchange(world, token).answer == done.answer
    assert open_intents_left(world) == broken_invariants(world) == []
    assert all(intent.access_token is None for intent, _ in world.store.intents.values())
    world.settle()
    assert world.store.connections[connection_id].status is ItemStatus.GOOD


def test_public_token_of_update_mode_reconnects_its_connection(world: World) -> None:
    connection_id = linked(world)
    broken = {"status": ItemStatus.BAD, "error_code": "ITEM_LOGIN_REQUIRED"}
    world.store.connections[connection_id] = world.store.connections[connection_id].model_copy(update=broken)
    world.plaid.by_id("item-1").accounts.append(account("savings", name="Savings", mask="1111"))
    world.plaid.by_id("item-1").add(row("t2", account_id="savings"))
    answer = exchange(world, world.plaid.update_mode()).answer
    assert answer["status"] == "good"
    world.settle()
    assert set(world.store.account_rows[connection_id]) == {"checking", "savings"}
    assert set(world.rows(connection_id)) == {"t1", "t2"}


def test_a_login_that_is_still_broken_is_answered_with_its_status(world: World) -> None:
    linked(world)
    world.plaid.by_id("item-1").error = problem(ErrorClass.USER, "ITEM_LOGIN_REQUIRED")
    assert exchange(world, world.plaid.update_mode()).answer["status"] == "bad"


def test_links_metadata_of_update_mode_is_no_duplicate(world: World) -> None:
    connection_id = linked(world)
    accounts = (LinkedAccount("Checking", "0000", account_id="checking"),)
    done = exchange(world, world.plaid.update_mode(), accounts=accounts)
    assert done.answer["connection_id"] == connection_id


def test_accounts_that_were_deselected_make_no_second_connection(world: World) -> None:
    connection_id = linked(world)
    world.plaid.by_id("item-1").accounts[:] = [account("other", name="Other", mask="2222")]
    assert exchange(world, world.plaid.update_mode()).answer["connection_id"] == connection_id
    assert list(world.store.connections) == [connection_id]


def test_while_plaid_is_down_the_same_call_can_be_sent_again(world: World) -> None:
    connection_id = linked(world)
    token = world.plaid.update_mode()
    world.plaid.fail("item", problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR"))
    with pytest.raises(ProviderError):
        exchange(world, token)
    assert exchange(world, token).answer["connection_id"] == connection_id
    assert world.calls.log.count("bank.exchange") == 2
    assert item_violations(world) == open_intents_left(world) == []


@pytest.mark.parametrize("old", [False, True])
def test_another_users_item_is_refused_and_untouched(world: World, old: bool) -> None:
    connection_id = linked(world)
    if old:
        forget_holders(world)
    token = world.plaid.update_mode()
    for _ in range(2):
        with pytest.raises(InvalidArgument) as refused:
            exchange(world, token, user=BOB)
        assert refused.value.code == "public_token_not_yours"
        assert refused.value.connection_id is None
    assert list(world.store.connections) == [connection_id]
    assert world.plaid.removed == []
    assert open_intents_left(world) == broken_invariants(world) == []


def test_a_connection_that_cannot_be_repaired_asks_for_a_new_link(world: World) -> None:
    connection_id = linked(world)
    dead = {"status": ItemStatus.ERROR, "error_code": "ACCESS_TOKEN_LOST"}
    world.store.connections[connection_id] = world.store.connections[connection_id].model_copy(update=dead)
    with pytest.raises(FailedPrecondition) as refused:
        exchange(world, world.plaid.update_mode())
    assert (refused.value.code, refused.value.connection_id) == ("relink_required", connection_id)
    assert item_violations(world) == []


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("user", [ALICE, BOB])
def test_an_item_whose_connection_is_being_removed_is_not_connected_again(world: World, user: str, old: bool) -> None:
    connection_id = linked(world)
    token = world.plaid.update_mode()
    if old:
        forget_holders(world)
    world.plaid.fail("remove", problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR"))
    world.remove(connection_id)
    if not old:
        with pytest.raises(InvalidArgument):
            exchange(world, token, user=user)
        assert world.store.connections == {}
        world.clean_up()
        assert world.plaid.removed == ["item-1"]
        assert world.store.holders == {}
    else:
        made = exchange(world, token, user=user)  # from before holders were stored: the removal finds the new one
        world.clean_up()
        assert world.plaid.removed == []
        assert list(world.store.connections) == [made.answer["connection_id"]]
    assert item_violations(world) == []


@pytest.mark.parametrize("call", range(30))
def test_removal_during_the_exchange_leaves_no_dead_connection(world: World, call: int) -> None:
    """The user removes the connection at any moment of the exchange, and the removal completes."""
    connection_id = linked(world)
    token = world.plaid.update_mode()
    at = len(world.calls.log) + call

    def remove(_: str) -> None:
        if len(world.calls.log) > at:
            world.calls.before = None
            world.remove(connection_id)
            world.clean_up()

    world.calls.before = remove
    error = tried(world, token)
    world.calls.before = None
    for _ in range(200):
        world.clock.move(timedelta(minutes=15))
        sweep(world)
    assert item_violations(world) == open_intents_left(world) == []
    assert error is None or connection_id not in world.store.connections


@pytest.mark.parametrize("user", [ALICE, BOB])
@pytest.mark.parametrize("call", range(14))
def test_two_exchanges_of_one_item_at_once_make_one_connection(world: World, call: int, user: str) -> None:
    world.plaid.new_item()
    second = world.plaid.update_mode()
    errors: list[BankError | None] = []

    def other(_: str) -> None:
        if len(world.calls.log) > call:
            world.calls.before = None
            try:
                exchange(world, second, user=user)
            except BankError as error:
                errors.append(error)

    world.calls.before = other
    first = tried(world)
    world.calls.before = None
    assert len(world.store.connections) == 1
    (connection,) = world.store.connections.values()
    if first is None and errors and user == ALICE:
        assert isinstance(errors[0], Unavailable), "it is still being created: try again"
        assert exchange(world, second).answer["connection_id"] == connection.connection_id
    if connection.app_user_id != ALICE:
        assert first is not None
        assert first.code == "public_token_not_yours"
    assert world.plaid.removed == []
    assert item_violations(world) == broken_invariants(world) == []


def test_a_token_that_cannot_be_stored_does_not_remove_the_item_of_another_connection(world: World) -> None:
    connection_id = linked(world)
    token = world.plaid.update_mode()
    left = [6]

    def down(name: str) -> None:
        if name in ("intents.update", "intents.find") and left[0]:
            left[0] -= 1
            raise store_down()

    world.calls.before = down
    tried(world, token)
    world.calls.before = None
    assert world.plaid.removed == []
    assert world.store.connections[connection_id].status is ItemStatus.GOOD


def test_item_of_unknown_ownership_is_kept_and_reported(world: World, caplog: pytest.LogCaptureFixture) -> None:
    linked(world)
    token, begun = world.plaid.update_mode(), len(world.calls.log)

    def down(name: str) -> None:
        exchanged = "bank.exchange" in world.calls.log[begun:]
        if exchanged and name.startswith(("intents.update", "intents.find", "items", "store")):
            raise store_down()

    world.calls.before = down
    with caplog.at_level(logging.INFO, logger="bank"):
        assert isinstance(tried(world, token), Unavailable)
    world.calls.before = None
    assert world.plaid.removed == []
    assert "exchange.orphan" in caplog.messages


@pytest.mark.parametrize("old", [False, True])
def test_the_sweep_leaves_the_item_of_a_connection_and_drops_the_token(world: World, old: bool) -> None:
    """An exchange from before holders were stored had kept the token when its process died."""
    connection_id = linked(world)
    if old:
        forget_holders(world)
    intent = Intent.new(
        intent_id="left", app_user_id=ALICE, connection_id="never", attempt="a", region=Region.US, now=world.clock.now()
    )
    sealed = world.vault.seal(PlaidToken("token-1", Region.US), app_user_id=ALICE, connection_id="never")
    world.intents.begin(intent.exchanged(sealed, item_id="item-1"))
    world.clock.move(RESUMABLE_FOR + timedelta(minutes=1))
    assert sweep(world).removed == 0
    assert world.plaid.removed == []
    assert open_intents_left(world) == []
    assert list(world.store.connections) == [connection_id]


def test_a_store_that_fails_while_one_exchange_is_left_does_not_stop_the_sweep_of_others(world: World) -> None:
    linked(world)
    for name in ("1", "new"):
        if name == "new":
            world.plaid.new_item(name)
        at = world.clock.now()
        intent = Intent.new(
            intent_id=name, app_user_id=ALICE, connection_id=f"of-{name}", attempt="a", region=Region.US, now=at
        )
        sealed = world.vault.seal(PlaidToken(f"token-{name}", Region.US), app_user_id=ALICE, connection_id=f"of-{name}")
        world.intents.begin(intent.exchanged(sealed, item_id=f"item-{name}"))
    world.clock.move(RESUMABLE_FOR + timedelta(minutes=1))

    def down(name: str) -> None:
        if name == "intents.find":
            world.calls.before = None
            raise store_down()

    world.calls.before = down
    assert sweep(world).removed == 1
    assert world.plaid.removed == ["item-new"]
    world.clock.move(timedelta(minutes=15))
    sweep(world)
    assert open_intents_left(world) == item_violations(world) == []


@pytest.mark.parametrize("first", ["first", "shared"])
@pytest.mark.parametrize("user", [ALICE, BOB])
def test_removing_the_last_of_two_connections_removes_their_shared_item(world: World, user: str, first: str) -> None:
    one = linked(world)
    forget_holders(world)
    share(world, one, user=user)
    order = [(one, ALICE), ("shared", user)]
    if first == "shared":
        order.reverse()
    world.remove(order[0][0], owner=order[0][1])
    world.clean_up()
    assert world.plaid.removed == []
    assert world.audited(order[0][1])[-1] == "removal_done"
    world.remove(order[1][0], owner=order[1][1])
    world.clean_up()
    assert world.plaid.removed == ["item-1"]
    assert world.store.holders == {}


def test_removing_both_connections_at_once_removes_their_shared_item(world: World) -> None:
    one = linked(world)
    forget_holders(world)
    share(world, one, user=ALICE)
    world.eraser.begin(ALICE, reason=RemovalReason.ERASURE)
    world.clean_up()
    assert world.plaid.removed == ["item-1"]
    assert not world.store.holders
    assert not world.store.connections


@pytest.mark.parametrize("which", ["first", "shared"])
def test_token_shared_by_two_connections_is_not_rotated_until_one_is_removed(world: World, which: str) -> None:
    one = linked(world)
    forget_holders(world)
    share(world, one, user=BOB)
    wanted, other = (one, "shared") if which == "first" else ("shared", one)
    world.rotations.request(wanted, by=Actor.OPERATOR)
    world.rotation(wanted)
    assert world.plaid.dead_tokens == set()
    for connection_id in (one, "shared"):
        assert world.plaid.item_at(token_of(world, connection_id).reveal()).item_id == "item-1"
    world.remove(other, owner=world.store.connections[other].app_user_id)
    world.clean_up()
    world.clock.move(timedelta(hours=7))
    world.rotation(wanted)
    assert world.plaid.dead_tokens == {"token-1"}
    assert world.plaid.item_at(token_of(world, wanted).reveal()).item_id == "item-1"


def test_webhook_reaches_both_connections_of_a_shared_item(world: World) -> None:
    one = linked(world)
    forget_holders(world)
    share(world, one, user=BOB)
    tell(world, "USER_PERMISSION_REVOKED")
    assert {c.status for c in world.store.connections.values()} == {ItemStatus.ERROR}
    world.clean_up()
    assert world.plaid.removed == ["item-1"]
    tell(world, "SYNC_UPDATES_AVAILABLE", "TRANSACTIONS")


def test_the_store_refuses_a_second_connection_to_an_item(world: World) -> None:
    world.connected("1")
    wanted = ItemHolder("item-1", "2", BOB, "intent")
    with pytest.raises(ItemHeld):
        world.ownership.claim(wanted)
    with pytest.raises(ItemHeld):
        world.ownership.remove(PlaidToken("token-1", Region.US), wanted)
    assert world.plaid.removed == []


@pytest.mark.parametrize("where", ["crash_before", "crash_after"])
@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("comes_back", [False, True])
def test_a_crash_at_any_call_harms_no_connection(where: str, old: bool, comes_back: bool) -> None:
    def prepared() -> tuple[World, str, str]:
        world = World()
        connection_id = linked(world)
        if old:
            forget_holders(world)
        return world, connection_id, world.plaid.update_mode()

    counted, _, token = prepared()
    start = len(counted.calls.log)
    exchange(counted, token)
    for number in range(start, len(counted.calls.log)):
        world, connection_id, token = prepared()
        setattr(world.calls, where, number)
        with pytest.raises(Crash):
            exchange(world, token)
        setattr(world.calls, where, None)
        world.clock.move(grace_periods.EXCHANGE + timedelta(seconds=1))
        if comes_back:
            tried(world, token)
        for _ in range(4 * 25):
            world.clock.move(timedelta(minutes=15))
            sweep(world)
        at = f"{where} {number}: {counted.calls.log[number]}"
        assert world.plaid.removed == [], at
        assert list(world.store.connections) == [connection_id], at
        assert open_intents_left(world) == [], at
        if not old:
            assert item_violations(world) == [], at


def test_an_exchange_that_was_interrupted_before_holders_were_stored_is_resumed(world: World) -> None:
    world.plaid.new_item()
    world.calls.crash_after = 3
    with pytest.raises(Crash):
        exchange(world)
    assert world.calls.log[-1] == "intents.update"
    world.calls.crash_after = None
    forget_holders(world)
    world.clock.move(grace_periods.EXCHANGE + timedelta(seconds=1))
    assert exchange(world).first
    assert item_violations(world) == broken_invariants(world) == open_intents_left(world) == []


def test_a_duplicate_that_was_left_at_plaid_before_holders_were_stored_is_removed(world: World) -> None:
    linked(world, "0")
    world.plaid.new_item()
    world.plaid.fail("remove", problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR"))
    assert isinstance(tried(world), AlreadyExists)
    forget_holders(world)
    assert isinstance(tried(world), AlreadyExists)
    assert world.plaid.removed == ["item-1"]
    assert open_intents_left(world) == []


def test_metadata_of_update_mode_without_account_ids_is_no_duplicate_either(world: World) -> None:
    connection_id = linked(world)
    hints = tuple(LinkedAccount(one["name"], one["mask"]) for one in world.store.account_rows[connection_id].values())
    now = world.clock.now()
    world.links.remember("link-1", LinkSession(ALICE, now + timedelta(hours=4), updates=True), now=now)
    done = exchange(world, world.plaid.update_mode("1"), accounts=hints)
    assert (done.answer["connection_id"], done.first) == (connection_id, False)


def test_a_store_that_fails_once_does_not_lose_the_answer_of_an_item_that_is_held(world: World) -> None:
    connection_id = linked(world)
    failures = [store_down()]

    def fails_once(name: str) -> None:
        if name == "intents.update" and "bank.exchange" in world.calls.log and failures:
            raise failures.pop()

    world.calls.log.clear()
    world.calls.before = fails_once
    assert exchange(world, world.plaid.update_mode("1")).answer["connection_id"] == connection_id
    world.calls.before = None
    assert failures == []
    assert broken_invariants(world) == []
