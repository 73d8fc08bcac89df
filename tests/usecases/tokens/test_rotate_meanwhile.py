"""Concurrent users of an access token that is being rotated continue or retry, and no connection gets an error."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from shared.domain.audit import AuditAction
from shared.domain.connection import ItemStatus
from shared.domain.errors import BankError, FailedPrecondition, Unavailable
from shared.domain.link import LinkProducts
from shared.domain.removal import Removal, RemovalReason
from shared.usecases.linking.create_link_token import CreateLinkToken
from shared.usecases.linking.link_options import LinkDefaults, LinkOptions
from shared.usecases.sync import write_changes
from shared.usecases.sync.run_sync import Outcome
from tests.fakes import FakeLinks, FakeProfiles, row
from tests.usecases.conftest import ALICE, World
from tests.usecases.tokens.rotating import (
    LATER,
    actions,
    crash_in_the_window,
    kept,
    rotate,
    stored,
    with_a_connection,
)


@pytest.fixture
def connected(world: World) -> World:
    return with_a_connection(world)


@pytest.fixture(params=["atomic", "streamed"])
def _size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "streamed":
        monkeypatch.setattr(write_changes, "MAX_ATOMIC_ROWS", 2)
        monkeypatch.setattr(write_changes, "STREAM_ROWS", 2)


def changed(world: World) -> None:
    """A connection with new data at the bank, and a sync that is due."""
    item = world.connected("1", *(row(f"t{n}") for n in range(5)))
    world.settle()
    item.add(*(row(f"u{n}") for n in range(6)))
    item.remove("t0", "t1")
    world.clock.move(timedelta(hours=13))
    world.tick()


@pytest.mark.usefixtures("_size")
def test_rotation_at_any_call_of_a_sync_does_not_fail_it() -> None:
    undisturbed = World()
    changed(undisturbed)
    start = len(undisturbed.calls.log)
    undisturbed.settle()
    for number in range(start, len(undisturbed.calls.log)):
        world = World()
        changed(world)
        replace_before(world, number)
        world.settle()
        assert stored(world) == "token-1+", world.calls.log[number]
        assert world.equals_truth(), world.calls.log[number]
        assert world.store.connections["1"].status is ItemStatus.GOOD
        assert world.state().failures == 0
        assert world.store.notifications.keys() <= {"first_sync_done-1"}


def replace_before(world: World, number: int) -> None:
    def hook(_: str) -> None:
        if len(world.calls.log) - 1 == number:
            world.calls.before = None
            rotate(world)

    world.calls.before = hook


def test_sync_during_a_rotation_waits_and_sets_no_error(connected: World) -> None:
    world = connected
    world.plaid.by_id("item-1").add(row("t9"))
    world.clock.move(timedelta(hours=13))
    world.tick()
    synced: list[Outcome] = []

    def meanwhile(name: str) -> None:
        if name == "credentials.save" and "token-1" in world.plaid.dead_tokens:
            world.calls.before = None
            synced.extend(world.sync(task="t") for _ in range(3))

    world.calls.before = meanwhile
    rotate(world)
    assert synced == [Outcome.RETRY, Outcome.RETRY, Outcome.DONE]
    assert (world.state().status, world.state().failures, world.state().error) == ("pending", 0, None)
    assert world.store.connections["1"].status is ItemStatus.GOOD
    world.tick()
    world.settle()
    assert world.equals_truth()


def test_unknown_token_without_a_rotation_is_treated_as_before(connected: World) -> None:
    world = connected
    world.plaid.dead_tokens.add("token-1")
    world.clock.move(timedelta(hours=13))
    world.tick()
    world.sync()
    failed = world.state().error
    assert failed is not None
    assert failed.code == "INVALID_ACCESS_TOKEN"
    assert world.store.connections["1"].status is ItemStatus.GOOD, "wrong API keys look the same"


def meet(world: World, other: Callable[[], Any], *, when: str) -> Any:
    """The answer for another caller in the middle of a rotation: Plaid has answered, but nothing is stored yet."""
    got: list[Any] = []

    def meanwhile(name: str) -> None:
        if name == when and "token-1" in world.plaid.dead_tokens:
            world.calls.before = None
            try:
                got.append(other())
            except BankError as error:
                got.append(error)

    world.calls.before = meanwhile
    rotate(world)
    return got[0]


def link(world: World) -> Any:
    return CreateLinkToken(
        defaults=LinkDefaults("en", ("US",), LinkProducts(("transactions",)), None),
        plaid=world.plaid,
        vault=world.vault,
        connections=world.store,
        credentials=world.credentials,
        institutions=world.institutions,
        product_consents=world.product_consents,
        profiles=FakeProfiles(),
        links=FakeLinks(),
        cap=world.cap,
        clock=world.clock,
    )(LinkOptions(connection_id="1"), app_user_id=ALICE)


def test_checks_and_links_during_a_rotation_are_retried_later(connected: World) -> None:
    busy = meet(connected, lambda: connected.check.daily_check("1"), when="credentials.save")
    assert isinstance(busy, Unavailable)
    assert busy.retry_after_seconds
    assert connected.check.daily_check("1") is not None
    assert link(connected).link_token


def test_check_with_the_old_token_is_repeated_with_the_new_one(connected: World) -> None:
    def replaced_meanwhile(name: str) -> None:
        if name == "bank.item":
            connected.calls.before = None
            rotate(connected)

    connected.calls.before = replaced_meanwhile
    connected.check.daily_check("1")
    assert connected.calls.log.count("bank.item") == 2
    assert connected.store.connections["1"].status is ItemStatus.GOOD


@pytest.mark.parametrize("tombstone", [True, False])
def test_removal_of_a_connection_uses_the_rotated_token(connected: World, tombstone: bool) -> None:
    world = connected

    def remove(name: str) -> None:
        if name == "credentials.save" and "token-1" in world.plaid.dead_tokens:
            world.calls.before = None
            connection, old = world.store.connections.pop("1"), world.store.tokens.pop("1")
            if tombstone:
                begun = Removal.of(connection, token=old, reason=RemovalReason.USER, now=world.clock.now())
                world.store.tombstones["1"] = begun

    world.calls.before = remove
    rotate(world)
    assert "1" not in world.store.tokens
    if not tombstone:
        assert world.plaid.removed == ["item-1"], "the removal has completed, so only this process has the token"
        return
    left = world.store.tombstones["1"]
    assert left.access_token is not None
    assert left.access_token.ciphertext.endswith("token-1+")
    assert left.due_at <= world.clock.now()


def test_lost_token_of_a_connection_being_removed_is_recorded(connected: World) -> None:
    world = connected
    crash_in_the_window(world)
    del world.store.connections["1"]
    world.clock.move(LATER)
    world.rotation("1")
    assert actions(world)[-1] is AuditAction.TOKEN_LOST
    assert kept(world).due_at is None


def gone_before(world: World, call: str) -> None:
    """A removal deletes connection, credentials and the item at Plaid just before a call."""

    def hook(name: str) -> None:
        if name == call:
            world.calls.before = None
            for documents in (world.store.connections, world.store.tokens, world.store.states):
                del documents["1"]
            world.plaid.dead_tokens.add("token-1")

    world.calls.before = hook


def test_check_of_a_connection_removed_meanwhile_changes_nothing(connected: World) -> None:
    commits = len(connected.store.commits)
    gone_before(connected, "bank.item")
    connected.check.daily_check("1")
    assert connected.calls.log[-2:] == ["bank.item", "credentials.load"]
    assert len(connected.store.commits) == commits


def test_link_to_a_connection_removed_meanwhile_requires_a_new_link(connected: World) -> None:
    gone_before(connected, "bank.create_link_token")
    with pytest.raises(FailedPrecondition) as refused:
        link(connected)
    assert refused.value.code == "relink_required"


def test_sync_of_a_connection_removed_meanwhile_ends_silently(
    connected: World, caplog: pytest.LogCaptureFixture
) -> None:
    world = connected
    world.clock.move(timedelta(hours=13))
    world.tick()
    gone_before(world, "bank.changes")
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="bank"):
        assert world.sync() is Outcome.DONE
    assert [record.message for record in caplog.records] == ["sync.lease_lost"]
