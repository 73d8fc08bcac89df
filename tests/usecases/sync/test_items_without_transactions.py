"""When Plaid refuses a sync because of one user's item, the user is notified once, and no operator is alerted."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest

from shared.adapters.plaid.errors import SYNC, from_answer
from shared.domain.connection import Action, ItemStatus
from shared.domain.progress import SyncStatus
from tests.fakes import FakeInstitutions, row
from tests.usecases.conftest import World


def refusal(code: str) -> str:
    return json.dumps({"error_type": "ITEM_ERROR", "error_code": code, "error_message": "x", "request_id": "r1"})


@pytest.fixture(params=["PRODUCTS_NOT_SUPPORTED", "PRODUCT_NOT_ENABLED"])
def refused(world: World, request: pytest.FixtureRequest) -> World:
    """A connection whose syncs are always refused, with or without a history that was read before."""
    world.connected("1", row("t1"))
    error = from_answer(400, refusal(request.param), endpoint=SYNC)
    world.plaid.fail("changes", *([error] * 100))
    return world


def days(world: World, number: int) -> None:
    for _ in range(number * 4):
        world.clock.move(timedelta(hours=6))
        world.tick()
        while world.queue.tasks:
            world.sync(world.queue.tasks.pop(0)[1])
        world.check.daily_check("1")
        world.welcome(FakeInstitutions())


def test_connection_ends_in_error_and_names_an_action(refused: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        refused.sync()
    there, state = refused.store.connections["1"], refused.state()
    assert (there.status, there.action) == (ItemStatus.ERROR, Action.RELINK)
    assert state.status is SyncStatus.FAILED
    assert state.error is not None
    assert (state.error.retryable, state.error.action, state.error.request_id) == (False, Action.RELINK, "r1")
    assert "link the bank again" in state.error.message
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_user_is_notified_once_despite_daily_retries(refused: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        refused.sync()
        days(refused, 10)
    assert [one.kind for one in refused.store.notifications.values()] == ["needs_relink"]
    assert refused.store.connections["1"].status is ItemStatus.ERROR
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_item_that_later_supports_transactions_works_again(refused: World) -> None:
    refused.sync()
    refused.plaid.errors.clear()
    days(refused, 2)
    assert refused.equals_truth()
    assert refused.store.connections["1"].status is ItemStatus.GOOD


def test_unknown_item_error_alerts_no_operator_and_asks_nothing_of_the_user(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.connected("1", row("t1"))
    world.plaid.fail("changes", *([from_answer(400, refusal("SOMETHING_NEW"), endpoint=SYNC)] * 3))
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            world.sync(task="a")
    assert world.state().status is SyncStatus.FAILED
    assert world.state().next_retry_at is not None
    assert world.store.connections["1"].status is ItemStatus.GOOD
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    world.settle()
    assert world.equals_truth()
