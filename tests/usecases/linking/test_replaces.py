"""An exchange that names the connection to replace."""

from __future__ import annotations

import pytest

from shared.domain.account import Account
from shared.domain.connection import REVOKED_CODE
from shared.domain.errors import AlreadyExists, ErrorClass, InvalidArgument, NotFound, ProviderError
from shared.domain.overlap import LinkedAccount
from tests.fakes import account, problem
from tests.usecases.conftest import World
from tests.usecases.linking_ground import exchange, new_world, open_intents_left, orphans, tried
from tests.usecases.removal.relink_ground import coffee, dies, link, synced

HINTS = (LinkedAccount("Checking", "0000"),)
OTHERS = (LinkedAccount("Other", "9999"),)


@pytest.fixture
def world() -> World:
    return new_world()


def other(account_id: str, **changes: object) -> Account:
    return {**account(account_id, name="Other", mask="9999"), **changes}  # type: ignore[typeddict-item]


def called_plaid(world: World, before: int) -> bool:
    return any(name.startswith("bank.") for name in world.calls.log[before:])


def test_working_connection_that_is_replaced_is_no_duplicate(world: World) -> None:
    old = synced(world, link(world, "old", coffee("o1")))
    world.plaid.new_item("new")
    done = exchange(world, "public-new", accounts=HINTS, replaces=old)
    assert done.first
    assert world.store.connections[str(done.answer["connection_id"])].replaces == old


def test_another_working_connection_with_the_accounts_is_still_a_duplicate(world: World) -> None:
    old = synced(world, link(world, "old", coffee("o1")))
    second = link(world, "second", coffee("s1"), allow_duplicate=True)
    world.plaid.new_item("new")
    with pytest.raises(AlreadyExists) as refused:
        exchange(world, "public-new", replaces=old)
    assert refused.value.connection_id == second


@pytest.mark.parametrize("whose", ["nobody", "bob"])
def test_unknown_connection_and_one_of_another_user_are_refused_before_plaid_is_called(
    world: World, whose: str
) -> None:
    world.plaid.new_item("bobs", accounts=[account("b")])
    theirs = str(exchange(world, "public-bobs", user="bob").answer["connection_id"])
    world.plaid.new_item("new")
    before = len(world.calls.log)
    with pytest.raises(NotFound) as refused:
        exchange(world, "public-new", replaces=theirs if whose == "bob" else "nothing")
    assert refused.value.code == "connection_not_found"
    assert not called_plaid(world, before)
    assert open_intents_left(world) == []
    assert exchange(world, "public-new").first  # the public token is still usable


def test_revoked_connection_is_refused_before_plaid_is_called(world: World) -> None:
    old = synced(world, link(world, "old", coffee("o1")))
    dies(world, old, code=REVOKED_CODE)
    world.plaid.new_item("new")
    before = len(world.calls.log)
    with pytest.raises(InvalidArgument) as refused:
        exchange(world, "public-new", replaces=old)
    assert refused.value.code == "connection_not_replaceable"
    assert not called_plaid(world, before)


def test_connection_without_the_accounts_is_refused_before_plaid_is_called_if_link_names_them(world: World) -> None:
    old = synced(world, link(world, "old", coffee("o1")))
    world.plaid.new_item("new", accounts=[other("x")])
    before = len(world.calls.log)
    with pytest.raises(InvalidArgument) as refused:
        exchange(world, "public-new", accounts=OTHERS, replaces=old)
    assert refused.value.code == "connection_not_replaceable"
    assert not called_plaid(world, before)
    assert open_intents_left(world) == []


def test_connection_with_persistent_ids_is_refused_only_by_the_accounts_from_plaid(world: World) -> None:
    lasting = {**account("o"), "persistent_account_id": "p"}
    old = synced(world, link(world, "old", coffee("o1"), accounts=[lasting]))  # type: ignore[list-item]
    world.plaid.new_item("new", accounts=[other("x", persistent_account_id="p")])
    done = exchange(world, "public-new", accounts=OTHERS, replaces=old)
    assert world.store.connections[str(done.answer["connection_id"])].replaces == old


def test_item_is_removed_if_only_plaid_shows_that_it_has_none_of_the_accounts(world: World) -> None:
    old = synced(world, link(world, "old", coffee("o1")))
    world.plaid.new_item("new", accounts=[other("x")])
    for _ in range(2):  # the answer is stored
        with pytest.raises(InvalidArgument) as refused:
            exchange(world, "public-new", replaces=old)
        assert refused.value.code == "connection_not_replaceable"
    assert world.plaid.removed == ["item-new"]
    assert world.store.connections.keys() == {old}
    assert open_intents_left(world) == []
    assert orphans(world) == set()


def test_exchange_can_be_sent_again_if_plaid_does_not_name_the_accounts(world: World) -> None:
    old = synced(world, link(world, "old", coffee("o1")))
    world.plaid.new_item("new")
    world.plaid.fail("accounts", problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR"))
    with pytest.raises(ProviderError):
        exchange(world, "public-new", replaces=old)
    done = exchange(world, "public-new", replaces=old)
    assert world.store.connections[str(done.answer["connection_id"])].replaces == old


def test_same_token_again_gets_the_same_answer_and_no_second_move(world: World) -> None:
    old = synced(world, link(world, "old", coffee("o1")))
    world.plaid.new_item("new")
    first = exchange(world, "public-new", replaces=old)
    again = exchange(world, "public-new", replaces=old)
    assert again.answer == first.answer
    assert not again.first
    assert len(world.store.moves) == 1


def test_dead_connection_that_another_link_replaces_already_is_not_replaced_again(world: World) -> None:
    old = synced(world, link(world, "old", coffee("o1")))
    dies(world, old)
    first = link(world, "first", coffee("f1"))
    second = link(world, "second", coffee("s1"), allow_duplicate=True)
    assert world.store.connections[first].replaces == old
    assert world.store.connections[second].replaces is None
    assert len(world.store.moves) == 1
    assert tried(world, "public-second") is None
