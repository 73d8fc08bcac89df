"""A failed exchange is rolled back or can be resumed at once, and raises no alert, whatever the failure."""

from __future__ import annotations

import logging

import pytest

from shared.domain.errors import InvalidArgument, NotStorable
from shared.domain.overlap import LinkedAccount
from tests.usecases.conftest import World
from tests.usecases.linking.test_exchange_crashes import again, rest
from tests.usecases.linking_ground import broken_invariants, exchange, new_world, open_intents_left, orphans

LINKED = (LinkedAccount("Savings", "9999", account_id="s"),)
KINDS = (RuntimeError, ValueError)
IN_THE_WINDOW = "bank.exchange"
THE_STORE_OF_THE_TOKEN = "intents.update"


def calls_of_an_exchange() -> list[str]:
    world = new_world()
    world.plaid.new_item()
    exchange(world, accounts=LINKED)
    return world.calls.log


NUMBERED = [*enumerate(calls_of_an_exchange())]


def failing(at: int, kind: type[Exception]) -> tuple[World, Exception]:
    world = new_world()
    world.plaid.new_item()
    failure = kind("broken")

    def fail(_name: str) -> None:
        if len(world.calls.log) == at + 1:
            raise failure

    world.calls.before = fail
    return world, failure


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("at", "name"), NUMBERED)
def test_failed_call_leaves_no_lease_that_blocks_another(at: int, name: str, kind: type[Exception]) -> None:
    world, failure = failing(at, kind)
    with pytest.raises(Exception) as raised:
        exchange(world, accounts=LINKED)
    world.calls.before = None
    assert raised.value is failure
    held = [intent for intent, _ in world.store.intents.values() if intent.attempt and intent.answer is None]
    assert held == [], name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("at", "name"), [(at, name) for at, name in NUMBERED if name != IN_THE_WINDOW])
def test_an_exchange_that_fails_and_is_never_repeated_raises_no_alert(
    at: int, name: str, kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    world, _ = failing(at, kind)
    with pytest.raises(kind, match="broken"):
        exchange(world, accounts=LINKED)
    world.calls.before = None
    with caplog.at_level(logging.INFO):
        rest(world)
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == [], name
    assert broken_invariants(world) == []
    assert orphans(world) == set()
    assert open_intents_left(world) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("at", "name"), [(at, name) for at, name in NUMBERED if name != THE_STORE_OF_THE_TOKEN])
def test_the_same_call_sent_again_after_any_failure_connects_the_bank(
    at: int, name: str, kind: type[Exception]
) -> None:
    world, _ = failing(at, kind)
    with pytest.raises(kind, match="broken"):
        exchange(world, accounts=LINKED)
    world.calls.before = None
    again(world)
    assert len(world.store.connections) == 1, name
    assert broken_invariants(world) == []


@pytest.mark.parametrize("name", ["store.guards", "store.owned_by"])
def test_a_hint_that_the_store_refuses_is_ignored(name: str) -> None:
    world, _ = failing([one for _, one in NUMBERED].index(name), NotStorable)
    assert exchange(world, accounts=LINKED).first
    assert len(world.store.connections) == 1


@pytest.mark.parametrize(
    "token", ["\x00", "public 1", "public-1\n", "../..", "p\ud800", "🎂", "public-\u202e", "<script>", "", "%00"]
)
def test_malformed_public_token_is_refused_before_anything_is_stored(token: str) -> None:
    world = new_world()
    with pytest.raises(InvalidArgument) as raised:
        exchange(world, token)
    assert raised.value.code == "public_token_invalid"
    assert world.store.intents == {}
    assert world.calls.log == []
