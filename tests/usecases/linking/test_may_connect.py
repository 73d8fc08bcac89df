"""Who may create connections; existing connections are always kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.domain.caller import Caller
from shared.domain.errors import ErrorClass, InvalidArgument, PermissionDenied, Unavailable
from tests.fakes import problem
from tests.usecases.conftest import ALICE, World
from tests.usecases.linking_ground import (
    broken_invariants,
    exchange,
    may_connect,
    open_intents_left,
    orphans,
    store_down,
    sweep,
    tried,
)

ANONYMOUS = Caller(ALICE, is_anonymous=True)
UNVERIFIED = Caller(ALICE, email_verified=False)
VERIFIED = Caller(ALICE, email_verified=True)
BY_PHONE = Caller(ALICE)
REFUSED = PermissionDenied("verify your e-mail address first", code="email_not_verified")


@pytest.mark.parametrize(
    ("caller", "allow_anonymous", "require_verified_email", "code"),
    [
        (ANONYMOUS, True, True, None),
        (ANONYMOUS, False, False, "anonymous_not_allowed"),
        (UNVERIFIED, False, False, None),
        (UNVERIFIED, True, True, "email_not_verified"),
        (VERIFIED, False, True, None),
        (BY_PHONE, False, True, None),
        (None, False, True, None),  # the task of Hosted Link, whose link token was checked
    ],
)
def test_anonymous_users_and_unverified_addresses_are_refused_as_configured(
    world: World, caller: Caller | None, allow_anonymous: bool, require_verified_email: bool, code: str | None
) -> None:
    rule = may_connect(world, allow_anonymous=allow_anonymous, require_verified_email=require_verified_email)
    found = rule.refusal_of(caller)
    assert (found.code if found else None) == code
    assert found is None or (found.status, found.http) == ("PERMISSION_DENIED", 403)


def test_a_user_without_connections_is_refused_before_any_call_to_plaid(world: World) -> None:
    world.plaid.new_item()
    with pytest.raises(PermissionDenied):
        exchange(world, refused=REFUSED)
    assert not any("exchange" in call for call in world.calls.log)
    assert world.store.intents == {}
    assert exchange(world).first, "once the address is verified the same public token makes the connection"


def test_a_new_item_of_a_refused_user_who_has_connections_is_removed(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.plaid.new_item("1")
    exchange(world)
    before = dict(world.store.connections)
    world.plaid.new_item("2")
    with pytest.raises(PermissionDenied):
        exchange(world, "public-2", allow_duplicate=True, refused=REFUSED)
    assert world.store.connections == before
    assert orphans(world) == set()
    assert open_intents_left(world) == []
    assert broken_invariants(world) == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    with pytest.raises(InvalidArgument):
        exchange(world, "public-2", allow_duplicate=True)


def test_a_new_item_that_plaid_cannot_remove_now_is_removed_by_the_sweep(world: World) -> None:
    world.plaid.new_item("1")
    exchange(world)
    world.plaid.new_item("2")
    world.plaid.fail("remove", problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR"))
    with pytest.raises(PermissionDenied):
        exchange(world, "public-2", allow_duplicate=True, refused=REFUSED)
    assert len(world.store.connections) == 1
    world.clock.move(timedelta(hours=1))
    assert sweep(world).removed == 1
    assert orphans(world) == set()


def test_refused_user_may_exchange_their_own_item_after_update_mode(world: World) -> None:
    world.plaid.new_item("1")
    made = exchange(world).answer
    answered = exchange(world, world.plaid.update_mode("1"), refused=REFUSED)
    assert not answered.first
    assert answered.answer["connection_id"] == made["connection_id"]
    assert set(world.store.connections) == {made["connection_id"]}


def test_refused_user_gets_the_earlier_answer(world: World) -> None:
    world.plaid.new_item()
    made = exchange(world)
    assert exchange(world, refused=REFUSED).answer == made.answer


def test_an_interrupted_exchange_is_not_resumed_for_a_refused_user(world: World) -> None:
    world.plaid.new_item()
    world.calls.before = store_fails_at("create")
    assert tried(world) is not None
    world.calls.before = None
    assert orphans(world) == {"item-1"}
    with pytest.raises(PermissionDenied):
        exchange(world, refused=REFUSED)
    assert world.store.connections == {}
    world.clock.move(timedelta(days=2))
    sweep(world)
    assert orphans(world) == set()


def store_fails_at(part: str) -> Callable[[str], None]:
    def fail(name: str) -> None:
        if part in name:
            raise store_down()

    return fail


def test_store_outage_before_the_exchange_is_not_mistaken_for_a_lost_token(world: World) -> None:
    world.plaid.new_item()

    def owned_by_fails(name: str) -> None:
        if name == "store.owned_by":
            raise store_down()

    world.calls.before = owned_by_fails
    with pytest.raises(Unavailable):
        exchange(world, refused=REFUSED)
    world.calls.before = None
    assert world.store.intents == {}
