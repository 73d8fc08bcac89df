"""Exchanges that broke off are brought to an end, each once."""

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
    exchange,
    loose_ends,
    new_world,
    orphans,
    store_down,
    sweep,
    transient,
    tried,
    wrongs,
)

STORED, IN_THE_WINDOW = "bank.accounts", "intents.update"


@pytest.fixture
def world() -> World:
    return new_world()


def broken_off(world: World, before: str, name: str = "1", *, user: str = ALICE) -> None:
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


def test_a_turn_with_nothing_due_reads_nothing_and_asks_nobody(world: World) -> None:
    world.plaid.new_item()
    exchange(world)
    broken_off(world, STORED, "2")
    asked = len(world.calls.log)
    assert sweep(world) == Swept()
    assert world.calls.log[asked:] == ["intents.due"]


def test_an_item_that_nobody_came_back_for_is_removed_after_a_day(world: World) -> None:
    broken_off(world, STORED)
    world.clock.move(RESUMABLE_FOR - timedelta(minutes=1))
    assert sweep(world) == Swept()
    world.clock.move(timedelta(minutes=2))
    assert sweep(world) == Swept(removed=1)
    assert world.plaid.removed == ["item-1"]
    assert world.store.intents == {}
    ((action, details),) = audited(world)
    assert (action, details["reason"]) == ("link_lost", "abandoned")
    assert sweep(world) == Swept()


def test_while_plaid_is_down_the_token_is_kept_for_the_next_turn(world: World) -> None:
    broken_off(world, STORED)
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


def test_an_item_that_is_to_be_removed_is_not_connected_any_more(world: World) -> None:
    """Plaid may have removed it and its answer may be lost."""
    broken_off(world, STORED)
    world.clock.move(RESUMABLE_FOR + timedelta(minutes=1))
    world.plaid.fail("remove", transient())
    sweep(world)
    with pytest.raises(InvalidArgument):
        exchange(world)
    assert world.store.connections == {}


def test_an_app_that_comes_back_while_the_sweep_is_at_it_gets_no_dead_connection(world: World) -> None:
    broken_off(world, STORED)
    world.clock.move(RESUMABLE_FOR + timedelta(minutes=1))
    came: list[object] = []

    def meanwhile(name: str) -> None:
        if name == "bank.remove":
            world.calls.before = None
            came.append(tried(world))

    world.calls.before = meanwhile
    assert sweep(world) == Swept(removed=1)
    assert isinstance(came[0], InvalidArgument)
    assert wrongs(world) == []
    assert world.store.connections == {}


def test_an_app_that_comes_back_first_keeps_its_connection(world: World) -> None:
    broken_off(world, STORED)
    world.clock.move(RESUMABLE_FOR + timedelta(minutes=1))

    def meanwhile(name: str) -> None:
        if name == "intents.update":
            world.calls.before = None
            exchange(world)

    world.calls.before = meanwhile
    assert sweep(world) == Swept()
    assert len(world.store.connections) == 1
    assert wrongs(world) == loose_ends(world) == []


def test_a_token_that_may_be_lost_is_reported_once_and_the_user_asked_to_link_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.profiles.profile = Profile(language="es-MX")
    broken_off(world, IN_THE_WINDOW)
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
def test_what_is_settled_as_lost_is_no_longer_exchanged(world: World, before: str) -> None:
    broken_off(world, before)
    world.clock.move(grace_periods.LOST_EXCHANGE + timedelta(minutes=1))
    sweep(world)
    asked = len(world.calls.log)
    with pytest.raises(InvalidArgument):
        exchange(world)
    assert world.calls.log[asked:] == ["intents.begin"]


def test_a_lost_token_that_an_app_asked_for_again_is_reported_at_the_next_turn(world: World) -> None:
    broken_off(world, IN_THE_WINDOW)
    world.clock.move(grace_periods.EXCHANGE + timedelta(seconds=1))
    assert isinstance(tried(world), InvalidArgument)
    assert sweep(world) == Swept(lost=1)


def test_a_second_item_that_plaid_could_not_remove_is_removed(world: World) -> None:
    for name in ("1", "2"):
        world.plaid.new_item(name)
    first = exchange(world, "public-1").answer["connection_id"]
    world.plaid.fail("remove", transient())
    assert isinstance(tried(world, "public-2"), AlreadyExists)
    assert sweep(world) == Swept(), "its own call may still be at it"
    world.clock.move(grace_periods.EXCHANGE + timedelta(seconds=1))
    assert sweep(world) == Swept(removed=1)
    assert world.plaid.removed == ["item-2"]
    with pytest.raises(AlreadyExists) as refused:
        exchange(world, "public-2")
    assert refused.value.connection_id == first
    assert audited(world) == []
    assert loose_ends(world) == []


@pytest.mark.parametrize("trouble", ["vault.open", "bank.remove"])
def test_one_exchange_in_trouble_does_not_stand_in_the_way_of_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(sweeping, "MAX_INTENTS", 2)
    for name in "123456":
        broken_off(world, STORED, name, user=f"user-{name}")
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


def test_a_report_in_trouble_does_not_stand_in_the_way_of_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "MAX_INTENTS", 1)
    for name in "12":
        broken_off(world, IN_THE_WINDOW, name, user=f"user-{name}")
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


def test_a_report_whose_answer_was_lost_was_made(world: World) -> None:
    broken_off(world, IN_THE_WINDOW)
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


def test_while_the_store_is_down_everything_stays_for_the_next_turn(world: World) -> None:
    broken_off(world, STORED)
    broken_off(world, IN_THE_WINDOW, "2")
    world.clock.move(RESUMABLE_FOR + timedelta(minutes=1))

    def down(name: str) -> None:
        if name in ("intents.update", "intents.find", "intents.forget"):
            raise store_down()

    world.calls.before = down
    assert sweep(world) == Swept(postponed=2)
    assert world.plaid.removed == [], "nothing is removed that somebody might still go on with"
    world.calls.before = None
    assert sweep(world) == Swept(removed=1, lost=1)


def test_a_turn_ends_in_time_and_the_next_goes_on(world: World) -> None:
    for name in "123456":
        broken_off(world, STORED, name, user=f"user-{name}")
    world.clock.move(RESUMABLE_FOR + timedelta(minutes=1))
    world.calls.before = lambda name: world.clock.move(timedelta(seconds=45 if name == "bank.remove" else 0))
    assert [sweep(world).removed for _ in range(3)] == [3, 3, 0]


@pytest.mark.parametrize(("fault", "level"), [(ErrorClass.TRANSIENT, "WARNING"), (ErrorClass.CONFIGURATION, "ERROR")])
def test_an_item_that_nobody_can_remove_is_an_operators_matter(
    world: World, caplog: pytest.LogCaptureFixture, fault: ErrorClass, level: str
) -> None:
    broken_off(world, STORED)
    world.clock.move(RESUMABLE_FOR + timedelta(minutes=1))

    def closed(name: str) -> None:
        if name == "vault.open":
            raise problem(fault, "A_CODE")

    world.calls.before = closed
    assert sweep(world) == Swept(postponed=1)
    (line,) = (r for r in caplog.records if r.getMessage() == "intent.postponed")
    assert line.levelname == level


def test_an_item_that_is_gone_already_counts_as_removed(world: World) -> None:
    broken_off(world, STORED)
    world.plaid.items.clear()
    world.clock.move(RESUMABLE_FOR + timedelta(minutes=1))
    assert sweep(world) == Swept(removed=1)


def unknown_token() -> ProviderError:
    return problem(ErrorClass.TERMINAL, "INVALID_ACCESS_TOKEN")


def test_a_token_that_plaid_does_not_know_is_first_taken_for_our_own_keys_fault(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    broken_off(world, STORED)
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
def test_after_some_days_a_token_that_plaid_does_not_know_is_an_operators_matter(
    world: World, caplog: pytest.LogCaptureFixture, outage: timedelta
) -> None:
    broken_off(world, STORED)
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
