"""Plaid, the store or the vault fails while an access token is rotated."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from shared.domain import grace_periods
from shared.domain.audit import AuditAction
from shared.domain.connection import ItemStatus
from shared.domain.errors import ErrorClass, ProviderError, Unavailable, VaultError
from tests.fakes import problem, vault_problem
from tests.usecases.conftest import World
from tests.usecases.tokens.rotating import (
    LATER,
    actions,
    ask,
    is_lost,
    kept,
    no_answer,
    rotate,
    stored,
    with_a_connection,
    work,
    works,
)


@pytest.fixture
def connected(world: World) -> World:
    return with_a_connection(world)


def test_rotation_without_an_answer_stays_marked_until_the_old_token_is_checked(connected: World) -> None:
    world = connected
    world.plaid.fail("invalidate", no_answer())
    ask(world)
    with pytest.raises(ProviderError):
        world.rotation("1")
    assert kept(world).rotating_since is not None
    with pytest.raises(Unavailable):
        world.rotation("1")
    assert world.calls.log.count("bank.invalidate") == 1, "never sent again while it may still be done"
    world.clock.move(LATER)
    world.rotation("1")
    assert stored(world) == "token-1+"
    assert not is_lost(world)


def test_lost_answer_is_detected(connected: World) -> None:
    """A lost network answer opens the same window as a crash."""
    world = connected
    really: Any = world.plaid.invalidate

    def invalidate(token: Any) -> Any:
        really(token)
        raise no_answer()

    setattr(world.plaid, "invalidate", invalidate)  # noqa: B010 (a method, for one test)
    ask(world)
    with pytest.raises(ProviderError):
        world.rotation("1")
    world.clock.move(LATER)
    world.rotation("1")
    assert is_lost(world)


def test_request_executed_late_by_plaid_is_no_refusal(connected: World) -> None:
    """The first request took effect after the old token was verified to work, and before the second request."""
    world = connected
    world.plaid.fail("invalidate", no_answer())
    ask(world)
    with pytest.raises(ProviderError):
        world.rotation("1")
    world.clock.move(LATER)

    def late(name: str) -> None:
        if name == "bank.invalidate":
            world.plaid.dead_tokens.add("token-1")

    world.calls.before = late
    with pytest.raises(ProviderError):
        world.rotation("1")
    assert kept(world).rotating_since is not None
    world.clock.move(LATER)
    world.rotation("1")
    assert is_lost(world)


def test_refusal_clears_the_mark_and_is_retried_later(connected: World) -> None:
    world = connected
    world.plaid.fail("invalidate", problem(ErrorClass.TRANSIENT, "RATE_LIMIT"))
    rotate(world)
    assert kept(world).rotating_since is None
    assert works(world)
    world.sync()
    world.clock.move(timedelta(minutes=10))
    assert world.rotations.sweep() == 1
    work(world)
    assert stored(world) == "token-1+"


def test_rotation_that_only_the_user_can_make_possible_alerts_nobody(
    connected: World, caplog: pytest.LogCaptureFixture
) -> None:
    world = connected
    world.plaid.fail("invalidate", problem(ErrorClass.USER, "ITEM_LOGIN_REQUIRED"))
    rotate(world)
    (line,) = (record for record in caplog.records if record.message == "rotation.refused")
    assert line.levelname == "WARNING"
    assert works(world)


def test_wrong_keys_change_no_connection(connected: World, caplog: pytest.LogCaptureFixture) -> None:
    world = connected
    world.plaid.fail("invalidate", problem(ErrorClass.TERMINAL, "INVALID_ACCESS_TOKEN"))
    with caplog.at_level(logging.ERROR, logger="bank"):
        rotate(world)
    assert [record.message for record in caplog.records] == ["rotation.refused"]
    assert kept(world).rotating_since is None
    assert not is_lost(world)
    world.clock.move(timedelta(hours=1))
    assert world.rotations.sweep() == 1
    work(world)
    assert stored(world) == "token-1+"


def test_token_considered_lost_with_wrong_keys_recovers_with_the_right_ones(connected: World) -> None:
    world = connected
    world.plaid.fail("invalidate", no_answer())
    ask(world)
    with pytest.raises(ProviderError):
        world.rotation("1")
    world.clock.move(LATER)
    world.plaid.dead_tokens.add("token-1")
    world.rotation("1")
    assert is_lost(world)
    world.plaid.dead_tokens.clear()
    world.clock.move(timedelta(days=1))
    world.check.daily_check("1")
    world.settle()
    assert world.store.connections["1"].status is ItemStatus.GOOD


def test_removed_item_has_no_token_to_rotate(connected: World) -> None:
    world = connected
    del world.plaid.items["token-1"]
    rotate(world)
    assert kept(world).due_at is None
    assert not is_lost(world), "sync and daily check decide the connection's status"


def test_plaid_outage_during_the_check_of_a_rotation_changes_nothing(connected: World) -> None:
    world = connected
    world.plaid.fail("invalidate", no_answer())
    world.plaid.fail("item", no_answer(), no_answer())
    ask(world)
    for _ in range(3):
        with pytest.raises(ProviderError):
            world.rotation("1")
        world.clock.move(LATER)
    assert not is_lost(world)
    world.rotation("1")
    assert works(world)


def test_token_of_an_unhealthy_item_still_counts_as_valid(connected: World) -> None:
    world = connected
    world.plaid.fail("invalidate", no_answer(), problem(ErrorClass.TERMINAL, "INSTITUTION_NO_LONGER_SUPPORTED"))
    world.plaid.fail("item", problem(ErrorClass.TERMINAL, "INSTITUTION_NO_LONGER_SUPPORTED"))
    ask(world)
    with pytest.raises(ProviderError):
        world.rotation("1")
    world.clock.move(LATER)
    world.rotation("1")
    assert not is_lost(world)
    assert kept(world).due_at is None


def down(world: World, what: str, *, until: Callable[[], bool]) -> None:
    """The store does not answer, from Plaid's answer on."""

    def hook(name: str) -> None:
        if name.startswith(what) and "token-1" in world.plaid.dead_tokens and not until():
            raise Unavailable("down", code="store_unavailable")

    world.calls.before = hook


def test_live_process_stores_the_new_token_once_the_store_is_back(connected: World) -> None:
    world = connected
    back = world.clock.at + timedelta(minutes=2)
    down(world, "credentials", until=lambda: world.clock.at > back)
    rotate(world)
    assert stored(world) == "token-1+"
    assert kept(world).rotating_since is None
    assert not world.plaid.removed


@pytest.mark.parametrize("plaid_is_down", [False, True])
def test_token_that_cannot_be_stored_leaves_no_item(
    connected: World, caplog: pytest.LogCaptureFixture, plaid_is_down: bool
) -> None:
    world = connected
    down(world, "credentials", until=lambda: False)
    if plaid_is_down:
        world.plaid.fail("remove", no_answer())
    ask(world)
    begun = world.clock.at
    with pytest.raises(Unavailable), caplog.at_level(logging.ERROR, logger="bank"):
        world.rotation("1")
    assert timedelta(minutes=3) < world.clock.at - begun < grace_periods.ROTATION
    event = "rotation.orphan" if plaid_is_down else "rotation.item_removed"
    assert [record.message for record in caplog.records] == [event]
    assert world.plaid.removed == ([] if plaid_is_down else ["item-1"])
    world.calls.before = None
    world.clock.move(LATER)
    world.rotation("1")
    assert is_lost(world)


@pytest.mark.parametrize("nth", [1, 2])
def test_lost_answer_of_the_store_loses_no_token(connected: World, nth: int) -> None:
    world, saves = connected, [0]
    really = world.credentials.save
    ask(world)

    def save(*args: Any, **kwargs: Any) -> Any:
        saves[0] += 1
        version = really(*args, **kwargs)
        if saves[0] == nth:
            raise Unavailable("no answer", code="store_unavailable")
        return version

    world.credentials.save = save  # type: ignore[method-assign]
    if nth == 1:
        with pytest.raises(Unavailable):
            world.rotation("1")
        world.clock.move(LATER)
        world.rotation("1")
    else:
        world.rotation("1")
    assert stored(world) == "token-1+"
    assert actions(world).count(AuditAction.TOKEN_ROTATED) == 1


def test_concurrent_credentials_write_does_not_lose_the_new_token(connected: World) -> None:
    world = connected

    def touch(name: str) -> None:
        if name == "credentials.save" and "token-1" in world.plaid.dead_tokens:
            world.calls.before = None
            world.store.put_kept(kept(world).requeued(now=world.clock.now()))

    world.calls.before = touch
    rotate(world)
    assert stored(world) == "token-1+"
    assert kept(world).due_at is None


def test_process_that_stalled_past_its_lease_still_stores_its_token(connected: World) -> None:
    """Just before the process stores the token, its rotation counts as interrupted and its token as lost."""
    world = connected

    def asleep(name: str) -> None:
        if name == "credentials.save" and "token-1" in world.plaid.dead_tokens:
            world.calls.before = None
            world.clock.move(LATER)
            world.rotation("1")
            assert is_lost(world)

    world.calls.before = asleep
    rotate(world)
    assert works(world)
    world.check.daily_check("1")
    world.settle()
    assert world.store.connections["1"].status is ItemStatus.GOOD


def test_vault_that_cannot_seal_is_detected_while_the_old_token_works(connected: World) -> None:
    world = connected

    def seal(*_: Any, **__: Any) -> Any:
        raise vault_problem(ErrorClass.CONFIGURATION, "NO_VAULT_KEY")

    world.vault.seal = seal  # type: ignore[method-assign]
    ask(world)
    with pytest.raises(VaultError):
        world.rotation("1")
    assert "bank.invalidate" not in world.calls.log
    assert kept(world).rotating_since is None
