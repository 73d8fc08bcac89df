"""A history that does not arrive: who is notified, and how often Plaid is polled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import count

import pytest

from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.errors import ErrorClass
from shared.domain.progress import Stage, SyncStatus
from shared.domain.transaction import History
from shared.usecases.sync.run_sync import Outcome
from tests.fakes import Crash, FakeInstitutions, FakeItem, account, problem, row
from tests.usecases.conftest import ALICE, World

A_DAY = timedelta(days=1)


def connection(world: World) -> BankConnection:
    return world.store.connections["1"]


def notified_kinds(world: World) -> list[str]:
    return [str(one.kind) for one in world.store.notifications.values()]


def live(world: World, time: timedelta) -> int:
    """Run scheduler and queue for some time; returns how often Plaid was asked for changes."""
    world.welcome(FakeInstitutions())
    before, until = world.calls.log.count("bank.changes"), world.clock.at + time
    while world.clock.at < until:
        world.tick()
        while world.queue.tasks:
            name, connection_id = world.queue.tasks.pop(0)
            while world.sync(connection_id, task=name) is Outcome.RETRY:
                world.clock.move(timedelta(seconds=5))
        world.clock.move(timedelta(minutes=15))
    return world.calls.log.count("bank.changes") - before


def stuck(world: World, ready: History) -> FakeItem:
    item = world.connected("1", row("t1"))
    item.ready = ready
    return item


@pytest.mark.parametrize("ready", [History.RECENT, History.NOT_READY])
def test_a_history_that_never_completes_costs_four_calls_a_day_after_the_first(world: World, ready: History) -> None:
    stuck(world, ready)
    assert 90 <= live(world, A_DAY) <= 96 + 10
    live(world, timedelta(hours=1))
    for _ in range(29):
        assert live(world, A_DAY) <= 4


@pytest.mark.parametrize("ready", [History.RECENT, History.NOT_READY])
def test_late_history_is_shown_and_notified_once_a_day_after_the_exchange(world: World, ready: History) -> None:
    stuck(world, ready)
    live(world, A_DAY - timedelta(hours=1))
    assert not connection(world).history_late
    assert notified_kinds(world) == []
    live(world, timedelta(hours=2))
    assert connection(world).history_late
    assert notified_kinds(world) == ["history_late"]
    live(world, 5 * A_DAY)
    assert notified_kinds(world) == ["history_late"]
    assert connection(world).status is ItemStatus.GOOD


@pytest.mark.parametrize("ready", [History.RECENT, History.NOT_READY])
def test_arriving_history_clears_the_late_mark(world: World, ready: History) -> None:
    item = stuck(world, ready)
    live(world, 3 * A_DAY)
    item.add(row("t0"))
    item.ready = History.COMPLETE
    live(world, timedelta(hours=7))
    assert world.equals_truth()
    assert world.state().history_complete
    assert not connection(world).history_late
    assert notified_kinds(world) == ["history_late", "first_sync_done"]
    assert live(world, A_DAY) <= 3, "it is polled like any other"


def test_a_history_in_time_is_never_late(world: World) -> None:
    world.connected("1", row("t1"))
    live(world, 3 * A_DAY)
    assert not connection(world).history_late
    assert notified_kinds(world) == ["first_sync_done"]


def test_webhook_starts_a_sync_at_once_despite_a_late_history(world: World) -> None:
    item = stuck(world, History.NOT_READY)
    live(world, 3 * A_DAY)
    item.ready = History.COMPLETE
    loaded = world.store.states["1"]
    world.store.save(loaded.state.request(now=world.clock.now()), expected=loaded.version)
    assert world.sync() is Outcome.DONE
    assert world.equals_truth()


def test_an_outage_since_the_exchange_makes_the_history_late_too(world: World) -> None:
    world.connected("1", row("t1"))
    world.plaid.fail("changes", *([problem(ErrorClass.TRANSIENT, "INSTITUTION_DOWN")] * 60))
    live(world, 2 * A_DAY)
    assert world.state().status is SyncStatus.FAILED
    assert connection(world).history_late
    assert notified_kinds(world) == ["history_late"]
    world.plaid.errors.clear()
    live(world, timedelta(hours=7))
    assert not connection(world).history_late
    assert world.equals_truth()


def test_a_broken_login_is_notified_instead_of_a_late_history(world: World) -> None:
    world.connected("1", row("t1"))
    broken = problem(ErrorClass.USER, "ITEM_LOGIN_REQUIRED")
    world.plaid.fail("changes", *([broken] * 60))
    live(world, 3 * A_DAY)
    assert not connection(world).history_late
    assert notified_kinds(world) == ["needs_repair"]


def test_a_complete_connection_that_plaid_is_not_ready_for_is_polled_less_and_no_user_is_notified(
    world: World,
) -> None:
    item = world.connected("1", row("t1"))
    live(world, 10 * A_DAY)
    item.ready = History.NOT_READY
    live(world, A_DAY + timedelta(hours=13))
    assert world.state().stage is Stage.WAITING_FOR_BANK
    for _ in range(5):
        assert live(world, A_DAY) <= 4
    assert not connection(world).history_late
    assert notified_kinds(world) == ["first_sync_done"]


def crash_at_each_call(world: World, when: str, prepare: Callable[[], None]) -> None:
    """Runs die one call further each time, until one completes; each is prepared again."""
    for later in count():
        prepare()
        setattr(world.calls, when, len(world.calls.log) + later)
        try:
            world.sync()
        except Crash:
            setattr(world.calls, when, None)
        else:
            break
    assert later > 4
    setattr(world.calls, when, None)


@pytest.mark.parametrize("when", ["crash_before", "crash_after"])
def test_a_crash_while_the_history_becomes_late_loses_and_repeats_nothing(world: World, when: str) -> None:
    stuck(world, History.RECENT)
    live(world, A_DAY - timedelta(minutes=30))

    def due() -> None:
        world.clock.move(timedelta(hours=7))
        world.tick()

    crash_at_each_call(world, when, due)
    live(world, A_DAY)
    assert connection(world).history_late
    assert notified_kinds(world) == ["history_late"]


# -- the accounts of a connection without history --


def accounts_of(world: World) -> tuple[set[str], set[str]]:
    return set(connection(world).account_ids), set(world.store.account_rows.get("1", {}))


def test_late_history_still_shows_the_accounts_that_the_user_selects(world: World) -> None:
    item = stuck(world, History.NOT_READY)
    item.accounts.append(account("save", name="Save"))
    live(world, 2 * A_DAY)
    assert accounts_of(world) == ({"checking", "save"}, {"checking", "save"})
    item.accounts = item.accounts[1:]
    world.reconnect_connection("1", app_user_id=ALICE)
    live(world, timedelta(hours=1))
    assert accounts_of(world) == ({"save"}, {"save"})
    item.ready = History.COMPLETE
    live(world, timedelta(hours=7))
    assert accounts_of(world) == ({"save"}, {"save"})
    assert notified_kinds(world) == ["history_late", "first_sync_done"]


def test_accounts_are_read_once_while_the_history_is_late(world: World) -> None:
    stuck(world, History.NOT_READY)
    live(world, A_DAY - timedelta(hours=1))
    assert world.calls.log.count("bank.accounts") == 0
    world.plaid.fail("accounts", *[problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR")] * 3)
    live(world, 30 * A_DAY)
    assert world.calls.log.count("bank.accounts") == 4
    assert notified_kinds(world) == ["history_late"]
    assert world.state().stage is Stage.WAITING_FOR_BANK


@pytest.mark.parametrize("when", ["crash_before", "crash_after"])
def test_a_process_that_dies_while_it_reads_the_accounts_leaves_the_work_to_the_next(world: World, when: str) -> None:
    item = stuck(world, History.NOT_READY)
    item.accounts.append(account("save", name="Save"))
    live(world, A_DAY + timedelta(hours=2))
    item.accounts = item.accounts[1:]

    def reselected() -> None:
        world.reconnect_connection("1", app_user_id=ALICE)
        world.clock.move(timedelta(hours=1))

    crash_at_each_call(world, when, reselected)
    live(world, A_DAY)
    assert accounts_of(world) == ({"save"}, {"save"})
    assert notified_kinds(world) == ["history_late"]


def test_an_answer_without_accounts_deletes_none_while_the_history_is_late(world: World) -> None:
    item = stuck(world, History.NOT_READY)
    live(world, 2 * A_DAY)
    accounts, item.accounts = item.accounts, []
    world.reconnect_connection("1", app_user_id=ALICE)
    live(world, timedelta(hours=7))
    assert accounts_of(world) == ({"checking"}, {"checking"})
    assert world.state().account_ids == ("checking",)
    item.accounts = [*accounts, account("save", name="Save")]
    live(world, timedelta(hours=7))
    assert accounts_of(world) == ({"checking", "save"}, {"checking", "save"})


def test_a_login_that_breaks_before_the_accounts_are_read_is_notified(world: World) -> None:
    stuck(world, History.NOT_READY)
    live(world, A_DAY - timedelta(hours=1))
    world.plaid.fail("accounts", problem(ErrorClass.USER, "ITEM_LOGIN_REQUIRED"))
    live(world, timedelta(hours=2))
    assert connection(world).status is ItemStatus.BAD
    assert notified_kinds(world) == ["needs_repair"]
