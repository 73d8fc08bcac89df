"""The number of connections per user is limited: every item costs the owner of the backend money while it exists."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.connection import ItemStatus
from shared.domain.errors import BankError, ErrorClass, ResourceExhausted
from shared.domain.hosted_link import LinkSession
from shared.domain.overlap import LinkedAccount
from shared.domain.removal import RemovalReason
from tests.fakes import problem
from tests.usecases.conftest import ALICE, World
from tests.usecases.linking.test_create_link_token import link
from tests.usecases.linking_ground import exchange, open_intents_left, orphans, sweep, tried


@pytest.fixture
def full(world: World) -> World:
    """Alice has as many connections as allowed; a third bank is linked in Link, but not exchanged."""
    world.cap = replace(world.cap, most=2)
    for name in ("1", "2"):
        world.connected(name)
    world.plaid.new_item("3")
    world.calls.log.clear()
    return world


def at_plaid(world: World) -> list[str]:
    return [call for call in world.calls.log if call.startswith("bank.")]


def refused(world: World, public_token: str = "public-3", **given: object) -> None:
    with pytest.raises(ResourceExhausted) as error:
        exchange(world, public_token, allow_duplicate=True, **given)  # type: ignore[arg-type]
    assert error.value.code == "too_many_connections"


def updating(world: World) -> None:
    """Alice has a link token for update mode."""
    until = world.clock.now() + timedelta(hours=4)
    world.links.remember("link-update", LinkSession(ALICE, until, updates=True), now=world.clock.now())


def fixtures(world: World) -> list[str]:
    """The intents behind the fixture's first two connections, which the fixture leaves open."""
    return open_intents_left(world)[:2]


METADATA = (LinkedAccount("Checking", "9999", account_id="of-another-bank"),)


@pytest.mark.parametrize("accounts", [(), METADATA])
def test_one_connection_more_is_refused_before_plaid_is_called(
    full: World, accounts: tuple[LinkedAccount, ...]
) -> None:
    for _ in range(2):
        refused(full, accounts=accounts)
    assert at_plaid(full) == []
    assert open_intents_left(full) == fixtures(full)


def test_a_link_token_for_another_bank_is_refused_and_one_for_update_mode_is_not(full: World) -> None:
    with pytest.raises(ResourceExhausted) as error:
        link(full)
    assert error.value.code == "too_many_connections"
    assert at_plaid(full) == []
    assert link(full, connection_id="1").access_token is not None


def test_limit_does_not_affect_another_user(full: World) -> None:
    assert exchange(full, "public-3", user="bob").first


def test_a_connection_that_is_removed_or_in_error_makes_room(full: World) -> None:
    full.store.describe("1", {"status": ItemStatus.ERROR})
    assert link(full).access_token is None
    exchange(full, "public-3", allow_duplicate=True)
    full.plaid.new_item("4")
    refused(full, "public-4")
    full.remove("2")
    exchange(full, "public-4", allow_duplicate=True)


def test_the_same_public_token_is_still_answered_at_the_limit(full: World) -> None:
    full.remove("1")
    made = exchange(full, "public-3", allow_duplicate=True)
    again = exchange(full, "public-3", allow_duplicate=True)
    assert (again.answer, again.first) == (made.answer, False)


def test_an_exchange_that_was_interrupted_after_plaid_answered_is_not_resumed_beyond_the_limit(world: World) -> None:
    world.cap = replace(world.cap, most=1)
    world.plaid.new_item("3")
    world.plaid.fail("accounts", problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR"))
    world.plaid.fail("item", problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR"))

    def another(name: str) -> None:
        if name == "bank.accounts":
            world.calls.before = None
            world.connected("1")

    world.calls.before = another
    refused(world)
    assert world.plaid.removed == ["item-3"]
    assert set(world.store.connections) == {"1"}


@pytest.mark.parametrize("known_by", ["metadata", "link token"])
def test_an_item_that_the_user_has_already_is_answered_at_the_limit(full: World, known_by: str) -> None:
    full.store.account_rows["1"] = {"checking": full.plaid.by_id("item-1").accounts[0]}
    if known_by == "link token":
        updating(full)
    accounts = (LinkedAccount("Checking", "0000", account_id="checking"),) if known_by == "metadata" else ()
    done = exchange(full, full.plaid.update_mode("1"), accounts=accounts)
    assert (done.answer["connection_id"], done.first) == ("1", False)


def test_new_item_linked_through_update_mode_is_removed_again(full: World) -> None:
    updating(full)
    refused(full)
    assert full.plaid.removed == ["item-3"]
    assert set(full.store.connections) == {"1", "2"}
    assert open_intents_left(full) == fixtures(full)
    assert orphans(full) == set()


def test_a_new_item_that_plaid_does_not_remove_at_once_is_removed_by_the_sweep(full: World) -> None:
    updating(full)
    full.plaid.fail("remove", problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR"))
    refused(full)
    assert full.plaid.removed == []
    full.clock.move(timedelta(minutes=15))
    sweep(full)
    assert full.plaid.removed == ["item-3"]
    assert open_intents_left(full) == fixtures(full)


def test_expired_link_token_for_update_mode_does_not_bypass_the_limit(full: World) -> None:
    updating(full)
    full.clock.move(timedelta(hours=4))
    refused(full)
    assert at_plaid(full) == []


def test_exchanges_at_the_same_moment_do_not_exceed_the_limit() -> None:
    """A second exchange starts at every call of the first."""
    undisturbed = World()
    undisturbed.plaid.new_item("1")
    exchange(undisturbed, "public-1", allow_duplicate=True)
    for number in range(len(undisturbed.calls.log)):
        world = World()
        world.cap = replace(world.cap, most=1)
        world.plaid.new_item("1")
        world.plaid.new_item("2", institution_id="ins_2")

        def second(_: str, at: int = number, world: World = world) -> None:
            if len(world.calls.log) > at:
                world.calls.before = None
                tried(world, "public-2", allow_duplicate=True)

        world.calls.before = second
        errors: list[BankError | None] = [tried(world, "public-1", allow_duplicate=True)]
        at = f"{number}: {undisturbed.calls.log[number]}"
        assert len(world.store.connections) == 1, at
        assert all(error is None or error.code == "too_many_connections" for error in errors), at
        assert orphans(world) == set(), at


def test_an_erasure_makes_room(full: World) -> None:
    full.eraser.begin(ALICE, reason=RemovalReason.ERASURE)
    assert exchange(full, "public-3").first


def test_limit_of_zero_refuses_every_bank(world: World) -> None:
    world.cap = replace(world.cap, most=0)
    world.plaid.new_item("1")
    refused(world, "public-1")
    assert at_plaid(world) == []


def test_a_surplus_exchange_gets_the_same_refusal_when_it_is_sent_again(full: World) -> None:
    updating(full)
    refused(full)
    refused(full)
