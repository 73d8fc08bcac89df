"""Interrupted exchanges are completed or rolled back by the sweep, each once."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

from shared.domain import grace_periods
from shared.domain.audit import AuditAction
from shared.domain.errors import AlreadyExists, ErrorClass, InvalidArgument, ProviderError
from shared.domain.exchange import RESUMABLE_FOR, SWEPT_AGAIN_AFTER, Intent
from shared.domain.notification import NotificationKind
from shared.ports import Profile
from shared.usecases.linking import sweep_exchanges as sweeping
from shared.usecases.linking.sweep_exchanges import Swept
from tests.fakes import Crash, problem
from tests.usecases.conftest import ALICE, World
from tests.usecases.linking_ground import (
    broken_invariants,
    exchange,
    new_world,
    open_intents_left,
    orphans,
    store_down,
    sweep,
    transient,
    tried,
)

STORED, IN_THE_WINDOW = "bank.accounts", "intents.update"


@pytest.fixture
def world() -> World:
    return new_world()


def interrupted_exchange(world: World, before: str, name: str = "1", *, user: str = ALICE) -> None:
    """An exchange whose process died before a call."""
    world.plaid.new_item(name)

    def die(call: str) -> None:
        if call == before:
            world.calls.before = None
            raise Crash(call)

    world.calls.before = die
    with pytest.raises(Crash):
        exchange(world, f"public-{name}", user=user)


def audited(world: World, user: str = ALICE) -> list[tuple[str, dict[str, str]]]:
    return [(e.action, e.details) for e in world.store.audit.get(user, []) if e.action is AuditAction.LINK_LOST]


def test_sweep_with_nothing_due_makes_no_calls(world: World) -> None:
    world.plaid.new_item()
    exchange(world)
    interrupted_exchange(world, STORED, "2")
    asked = len(world.calls.log)
    assert sweep(world) == Swept()
    assert world.calls.log[asked:] == ["intents.due"]


def test_item_of_an_abandoned_exchange_is_removed_after_a_day(world: World) -> None:
    interrupted_exchange(world, STORED)
    world.clock.move(RESUMABLE_FOR - timedelta(minutes=1))
    assert sweep(world) == Swept()
    world.clock.move(timedelta(minutes=2))
    assert sweep(world) == Swept(removed=1)
    assert world.plaid.removed == ["item-1"]
    assert world.store.intents == {}
    ((action, details),) = audited(world)
    assert (action, details["reason"]) == ("link_lost", "abandoned")
    assert sweep(world) == Swept()


def test_token_is_kept_for_the_next_sweep_while_plaid_is_down(world: World) -> None:
    interrupted_exchange(world, STORED)
    world.clock.move(RESUMABLE_FOR + timedelta(minutes=1))
    world.plaid.fail("remove", transient(), transient())
    assert sweep(world) == Swept(postponed=1)
    assert sweep(world) == Swept(), "not again at once"
    world.clock.move(SWEPT_AGAIN_AFTER)
    assert sweep(world) == Swept(postponed=1)
    assert len(world.store.intents) == 1
    world.clock.move(SWEPT_AGAIN_AFTER)
    assert sweep(world) == Swept(removed=1)
    assert orphans(world) == set()
    assert len(audited(world)) == 1


def test_item_that_is_being_removed_is_not_connected(world: World) -> None:
    """Plaid may have removed the item although its answer was lost."""
    interrupted_exchange(world, STORED)
    world.clock.move(RESUMABLE_FOR + timedelta(minutes=1))
    world.plaid.fail("remove", transient())
    sweep(world)
    with pytest.raises(InvalidArgument):
        exchange(world)
    assert world.store.connections == {}


def test_app_retrying_during_the_sweep_gets_no_dead_connection(world: World) -> None:
    interrupted_exchange(world, STORED)
    world.clock.move(RESUMABLE_FOR + timedelta(minutes=1))
    came: list[object] = []

    def meanwhile(name: str) -> None:
        if name == "bank.remove":
            world.calls.before = None
            came.append(tried(world))

    world.calls.before = meanwhile
    assert sweep(world) == Swept(removed=1)
    assert isinstance(came[0], InvalidArgument)
    assert broken_invariants(world) == []
    assert world.store.connections == {}


def test_app_retrying_before_the_sweep_keeps_its_connection(world: World) -> None:
    interrupted_exchange(world, STORED)
    world.clock.move(RESUMABLE_FOR + timedelta(minutes=1))

    def meanwhile(name: str) -> None:
        if name == "intents.update":
            world.calls.before = None
            exchange(world)

    world.calls.before = meanwhile
    assert sweep(world) == Swept()
    assert len(world.store.connections) == 1
    assert broken_invariants(world) == open_intents_left(world) == []


def test_possibly_lost_token_is_reported_once_and_the_user_asked_to_link_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.profiles.profile = Profile(language="es-MX")
    interrupted_exchange(world, IN_THE_WINDOW)
    world.clock.move(grace_periods.LOST_EXCHANGE - timedelta(minutes=1))
    assert sweep(world) == Swept()
    world.clock.move(timedelta(minutes=2))
    with caplog.at_level(logging.ERROR, logger="bank"):
        assert sweep(world) == Swept(lost=1)
        for _ in range(5):
            world.clock.move(timedelta(days=1))
            assert sweep(world) == Swept()
    (line,) = (r for r in caplog.records if r.getMessage() == "exchange.lost")
    (intent_id,) = world.store.intents
    assert line.__dict__["fields"] == {"intent_id": intent_id, "app_user_id": ALICE}
    (told,) = world.store.notifications.values()
    assert told.kind is NotificationKind.LINK_AGAIN
    assert told.title == "No pudimos conectar tu banco"
    ((_, details),) = audited(world)
    assert details["reason"] == "lost"


@pytest.mark.parametrize("before", [IN_THE_WINDOW, "bank.exchange"])
def test_exchange_settled_as_lost_is_not_resumed(world: World, before: str) -> None:
    interrupted_exchange(world, before)
    world.clock.move(grace_periods.LOST_EXCHANGE + timedelta(minutes=1))
    sweep(world)
    asked = len(world.calls.log)
    with pytest.raises(InvalidArgument):
        exchange(world)
    assert world.calls.log[asked:] == ["intents.begin"]


def test_lost_token_requested_again_by_an_app_is_reported_by_the_next_sweep(world: World) -> None:
    interrupted_exchange(world, IN_THE_WINDOW)
    world.clock.move(grace_periods.EXCHANGE + timedelta(seconds=1))
    assert isinstance(tried(world), InvalidArgument)
    assert sweep(world) == Swept(lost=1)


def test_a_second_item_that_plaid_could_not_remove_is_removed(world: World) -> None:
    for name in ("1", "2"):
        world.plaid.new_item(name)
    first = exchange(world, "public-1").answer["connection_id"]
    world.plaid.fail("remove", transient())
    assert isinstance(tried(world, "public-2"), AlreadyExists)
    assert sweep(world) == Swept(), "its own call may still be running"
    world.clock.move(grace_periods.EXCHANGE + timedelta(seconds=1))
    assert sweep(world) == Swept(removed=1)
    assert world.plaid.removed == ["item-2"]
    with pytest.raises(AlreadyExists) as refused:
        exchange(world, "public-2")
    assert refused.value.connection_id == first
    assert audited(world) == []
    assert open_intents_left(world) == []


@pytest.mark.parametrize("trouble", ["vault.open", "bank.remove"])
def test_failing_exchange_does_not_block_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(sweeping, "MAX_INTENTS", 2)
    for name in "123456":
        interrupted_exchange(world, STORED, name, user=f"user-{name}")
    world.clock.move(RESUMABLE_FOR + timedelta(minutes=1))
    seen: list[str] = []

    def broken(name: str) -> None:
        if name == trouble and len(seen) < 2:
            seen.append(name)
            raise ZeroDivisionError

    world.calls.before = broken
    assert [sweep(world).removed for _ in range(3)] == [0, 2, 2]
    world.clock.move(SWEPT_AGAIN_AFTER)
    assert sweep(world) == Swept(removed=2)
    assert orphans(world) == set()


def test_failing_report_does_not_block_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "MAX_INTENTS", 1)
    for name in "12":
        interrupted_exchange(world, IN_THE_WINDOW, name, user=f"user-{name}")
    world.clock.move(grace_periods.LOST_EXCHANGE + timedelta(minutes=1))
    really = world.profiles.find

    def broken(app_user_id: str) -> Profile:
        if app_user_id == "user-1":
            raise ZeroDivisionError
        return really(app_user_id)

    monkeypatch.setattr(world.profiles, "find", broken)
    assert [sweep(world) for _ in range(3)] == [Swept(postponed=1), Swept(lost=1), Swept()]
    monkeypatch.undo()
    world.clock.move(SWEPT_AGAIN_AFTER)
    assert sweep(world) == Swept(lost=1)


def test_report_with_a_lost_answer_is_not_repeated(world: World) -> None:
    interrupted_exchange(world, IN_THE_WINDOW)
    world.clock.move(grace_periods.LOST_EXCHANGE + timedelta(minutes=1))
    really = world.intents.update

    def update(intent: Intent, **kwargs: Any) -> object:
        really(intent, **kwargs)
        setattr(world.intents, "update", really)  # noqa: B010
        raise store_down()

    setattr(world.intents, "update", update)  # noqa: B010 (a method, for one test)
    sweep(world)
    world.clock.move(SWEPT_AGAIN_AFTER)
    assert sweep(world) == Swept()
    assert len(audited(world)) == 1


def test_store_outage_defers_everything_to_the_next_sweep(world: World) -> None:
    interrupted_exchange(world, STORED)
    interrupted_exchange(world, IN_THE_WINDOW, "2")
    world.clock.move(RESUMABLE_FOR + timedelta(minutes=1))

    def down(name: str) -> None:
        if name in ("intents.update", "intents.find", "intents.forget"):
            raise store_down()

    world.calls.before = down
    assert sweep(world) == Swept(postponed=2)
    assert world.plaid.removed == [], "no item is removed that an app may still connect"
    world.calls.before = None
    assert sweep(world) == Swept(removed=1, lost=1)


def test_sweep_ends_before_its_deadline_and_the_next_one_continues(world: World) -> None:
    for name in "123456":
        interrupted_exchange(world, STORED, name, user=f"user-{name}")
    world.clock.move(RESUMABLE_FOR + timedelta(minutes=1))
    world.calls.before = lambda name: world.clock.move(timedelta(seconds=45 if name == "bank.remove" else 0))
    assert [sweep(world).removed for _ in range(3)] == [3, 3, 0]


@pytest.mark.parametrize(
    ("fault", "level"),
    [(ErrorClass.TRANSIENT, "WARNING"), (ErrorClass.USER, "WARNING"), (ErrorClass.CONFIGURATION, "ERROR")],
)
def test_item_that_cannot_be_removed_is_reported_to_operators(
    world: World, caplog: pytest.LogCaptureFixture, fault: ErrorClass, level: str
) -> None:
    interrupted_exchange(world, STORED)
    world.clock.move(RESUMABLE_FOR + timedelta(minutes=1))

    def closed(name: str) -> None:
        if name == "vault.open":
            raise problem(fault, "A_CODE")

    world.calls.before = closed
    assert sweep(world) == Swept(postponed=1)
    (line,) = (r for r in caplog.records if r.getMessage() == "intent.postponed")
    assert line.levelname == level


def test_item_already_gone_counts_as_removed(world: World) -> None:
    interrupted_exchange(world, STORED)
    world.plaid.items.clear()
    world.clock.move(RESUMABLE_FOR + timedelta(minutes=1))
    assert sweep(world) == Swept(removed=1)


def unknown_token() -> ProviderError:
    return problem(ErrorClass.TERMINAL, "INVALID_ACCESS_TOKEN")


def test_unknown_token_is_first_treated_as_a_configuration_error(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    interrupted_exchange(world, STORED)
    world.clock.move(RESUMABLE_FOR + timedelta(minutes=1))
    world.plaid.fail("remove", *[unknown_token()] * 5)
    for _ in range(5):
        assert sweep(world) == Swept(postponed=1)
        world.clock.move(SWEPT_AGAIN_AFTER)
    assert [r.getMessage() for r in caplog.records if r.levelname == "ERROR"] == ["intent.postponed"] * 5
    assert sweep(world) == Swept(removed=1)
    assert world.plaid.removed == ["item-1"]
    assert len(audited(world)) == 1


@pytest.mark.parametrize("outage", [timedelta(), timedelta(days=30)])
def test_token_unknown_for_days_is_reported_to_operators(
    world: World, caplog: pytest.LogCaptureFixture, outage: timedelta
) -> None:
    interrupted_exchange(world, STORED)
    world.clock.move(RESUMABLE_FOR + outage)
    world.plaid.fail("remove", *[unknown_token()] * 1000)
    began, swept = world.clock.at, Swept(postponed=1)
    while swept == Swept(postponed=1):
        world.clock.move(timedelta(hours=1))
        swept = sweep(world)
    assert swept == Swept(lost=1)
    assert grace_periods.UNKNOWN_TOKEN <= world.clock.at - began < grace_periods.UNKNOWN_TOKEN + timedelta(hours=3)
    assert world.store.intents == {}
    last = [record for record in caplog.records if record.levelname == "ERROR"][-1]
    assert last.getMessage() == "exchange.orphan"
    assert sweep(world) == Swept()
