"""After a user follows a connection's action in Link, its problem is resolved, or stays and is not reported again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.adapters.plaid.errors import BY_CODE, from_answer
from shared.domain.connection import Action, BankConnection, ItemStatus
from shared.domain.errors import ErrorClass, ProviderError
from shared.domain.progress import SyncStatus
from shared.domain.status import ERRORS, breaks_login
from tests.fakes import FakeItem, problem, row
from tests.usecases.conftest import ALICE, World
from tests.usecases.items.test_status_by_webhook import connection, kinds, tell

CONSENT = "ADDITIONAL_CONSENT_REQUIRED"
ACTIONS = {code: ERRORS[meaning.kind][1] for code, meaning in BY_CODE.items() if meaning.kind in ERRORS}
IN_LINK = sorted(code for code, action in ACTIONS.items() if action is not Action.RELINK)


def plaid_error(code: str) -> ProviderError:
    return from_answer(400, f'{{"error_type": "ITEM_ERROR", "error_code": "{code}"}}')


@pytest.fixture
def item(world: World) -> FakeItem:
    item = world.connected("1", row("t1"))
    world.settle()
    return item


def next_sync(world: World) -> None:
    """Request a sync and run all waiting tasks."""
    world.clock.move(timedelta(hours=1))
    world.sync_requests.by_event("1")
    run_queue(world)


def run_queue(world: World) -> None:
    while world.queue.tasks:
        name, connection_id = world.queue.tasks.pop(0)
        world.sync(connection_id, task=name)


def refuse(world: World, item: FakeItem, code: str) -> BankConnection:
    """From now on Plaid answers data calls with an error that the item itself does not report."""
    item.refuses_data = plaid_error(code)
    next_sync(world)
    return connection(world)


def follow(world: World) -> BankConnection:
    """The user completes Link, the app reports it, and the requested sync runs."""
    world.clock.move(timedelta(minutes=5))
    answered = world.reconnect_connection("1", app_user_id=ALICE)
    run_queue(world)
    return answered


@pytest.mark.parametrize("code", IN_LINK)
def test_an_action_that_did_not_help_is_not_reported_again(world: World, item: FakeItem, code: str) -> None:
    broken = refuse(world, item, code)
    assert (broken.error_code, broken.action) == (code, ACTIONS[code])
    assert kinds(world) == ["needs_repair"]
    for _ in range(3):
        answered = follow(world)
        assert (answered.status, answered.action) == (broken.status, broken.action), "it names what is still missing"
        next_sync(world)
    tell(world, "LOGIN_REPAIRED")
    tell(world, "ERROR")
    next_sync(world)
    assert (connection(world).error_code, connection(world).action) == (code, broken.action)
    assert kinds(world) == ["needs_repair"]


@pytest.mark.parametrize("code", IN_LINK)
def test_an_action_that_helped_leaves_no_action_and_the_data_arrives(world: World, item: FakeItem, code: str) -> None:
    refuse(world, item, code)
    follow(world)
    item.refuses_data = None
    item.add(row("t2"))
    answered = follow(world)
    assert (answered.status, answered.action, answered.error_code) == (ItemStatus.GOOD, None, None)
    assert world.state().status is SyncStatus.COMPLETED
    assert world.equals_truth()
    assert kinds(world) == ["needs_repair", *(["repaired"] if breaks_login(plaid_error(code)) else [])]


@pytest.mark.parametrize("code", IN_LINK)
def test_the_same_problem_after_a_working_sync_is_a_new_one(world: World, item: FakeItem, code: str) -> None:
    refuse(world, item, code)
    item.refuses_data = None
    follow(world)
    world.clock.move(timedelta(days=1))
    refuse(world, item, code)
    assert kinds(world).count("needs_repair") == 2


def test_another_problem_than_the_one_that_was_resolved_is_reported(world: World, item: FakeItem) -> None:
    refuse(world, item, CONSENT)
    item.refuses_data = plaid_error("NO_ACCOUNTS")
    answered = follow(world)
    assert (answered.status, answered.action) == (ItemStatus.BAD, Action.SELECT_ACCOUNTS)
    assert kinds(world) == ["needs_repair", "needs_repair"]


def test_a_renewal_counts_though_consent_is_still_missing(world: World, item: FakeItem) -> None:
    tell(world, "PENDING_DISCONNECT")
    refuse(world, item, CONSENT)
    assert connection(world).status is ItemStatus.PENDING_DISCONNECT
    answered = follow(world)
    assert (answered.status, answered.action, answered.error_code) == (ItemStatus.GOOD, Action.RECONNECT, CONSENT)
    assert kinds(world) == ["disconnecting", "needs_repair"]


def test_a_consent_that_was_renewed_elsewhere_does_not_hide_one_that_is_missing(world: World, item: FakeItem) -> None:
    ends = item.consent_expiration_time = world.clock.at + timedelta(days=5)
    tell(world, "PENDING_EXPIRATION", consent_expiration_time=ends.isoformat())
    refuse(world, item, CONSENT)
    item.consent_expiration_time = ends + timedelta(days=180)
    world.check.daily_check("1")
    now = connection(world)
    assert (now.status, now.action, now.error_code) == (ItemStatus.GOOD, Action.RECONNECT, CONSENT)


def test_repaired_login_during_an_outage_gets_the_items_status(world: World, item: FakeItem) -> None:
    refuse(world, item, "ITEM_LOGIN_REQUIRED")
    item.refuses_data = problem(ErrorClass.TRANSIENT, "INSTITUTION_DOWN")
    assert follow(world).status is ItemStatus.GOOD


def test_during_an_outage_missing_consent_stays_missing_until_data_arrives(world: World, item: FakeItem) -> None:
    refuse(world, item, CONSENT)
    item.refuses_data = problem(ErrorClass.TRANSIENT, "INSTITUTION_DOWN")
    assert follow(world).action is Action.RECONNECT
    item.refuses_data = None
    next_sync(world)
    assert (connection(world).action, connection(world).error_code) == (None, None)
    assert kinds(world) == ["needs_repair"]


def test_a_healthy_connection_is_checked_without_calls_for_data(world: World, item: FakeItem) -> None:
    calls = len(world.calls.log)
    world.reconnect_connection("1", app_user_id=ALICE)
    assert [name for name in world.calls.log[calls:] if name.startswith("bank.")] == ["bank.item"]
