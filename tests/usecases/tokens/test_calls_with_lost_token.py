"""A token that was lost raises no alarm at each refusal, and works again if wrong API keys were the cause."""

from __future__ import annotations

import pytest

from shared.domain.connection import ItemStatus
from shared.domain.credentials import LOST_CODE
from tests.fakes import FakeInstitutions
from tests.usecases.conftest import World
from tests.usecases.tokens.rotating import LATER, crash_in_the_window, is_lost, rotate, with_a_connection, work


@pytest.fixture
def lost(world: World) -> World:
    with_a_connection(world)
    crash_in_the_window(world)
    world.clock.move(LATER)
    work(world, turns=30)
    assert is_lost(world)
    return world


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelname == "ERROR"]


def test_the_daily_check_reports_nothing_new(lost: World, caplog: pytest.LogCaptureFixture) -> None:
    before = lost.store.connections["1"]
    caplog.clear()
    lost.check.daily_check("1")
    assert lost.store.connections["1"] == before
    assert errors(caplog) == []


def test_a_sync_that_a_webhook_requests_is_no_alarm(lost: World, caplog: pytest.LogCaptureFixture) -> None:
    body = {"webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE", "item_id": "item-1"}
    lost.receive_webhook(body, delivery_id="d1", signed_at=None)
    caplog.clear()
    lost.sync()
    assert errors(caplog) == []
    assert lost.store.connections["1"].error_code == LOST_CODE


def test_a_rotation_is_no_alarm(lost: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.clear()
    rotate(lost)
    assert errors(caplog) == []
    assert lost.store.kept["1"][0].due_at is None


@pytest.mark.parametrize("call", ["bank.invalidate", "bank.changes"])
def test_a_removal_during_a_call_that_plaid_refuses_is_no_alarm(
    lost: World, call: str, caplog: pytest.LogCaptureFixture
) -> None:
    def remove(name: str) -> None:
        if name == call and "1" not in lost.store.tombstones:
            lost.remove()

    caplog.clear()
    lost.calls.before = remove
    if call == "bank.changes":
        body = {"webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE", "item_id": "item-1"}
        lost.receive_webhook(body, delivery_id="d1", signed_at=None)
        lost.sync()
    else:
        rotate(lost)
    assert "1" in lost.store.tombstones
    assert errors(caplog) == []
    lost.clean_up()
    assert errors(caplog) == ["removal.token_lost"], "the removal reports it, once"
    assert lost.left_of("1") == []


def test_the_daily_check_lets_a_token_that_works_after_all_be_used(lost: World) -> None:
    assert lost.store.connections["1"].error_code == LOST_CODE
    lost.plaid.dead_tokens.clear()
    lost.plaid.items["token-1"] = next(iter(lost.plaid.items.values()))
    lost.check.daily_check("1")
    lost.sync()
    assert lost.store.connections["1"].status is ItemStatus.GOOD
    lost.welcome(FakeInstitutions())
