"""Nothing asks Plaid about a connection whose token was lost: each refusal would look like wrong API keys."""

from __future__ import annotations

import pytest

from tests.fakes import FakeInstitutions
from tests.usecases.conftest import World
from tests.usecases.tokens.rotating import LATER, crash_in_the_window, is_lost, with_a_connection, work


@pytest.fixture
def lost(world: World) -> World:
    with_a_connection(world)
    crash_in_the_window(world)
    world.clock.move(LATER)
    work(world, turns=30)
    assert is_lost(world)
    world.calls.log.clear()
    return world


def test_a_webhook_about_new_rows_requests_no_sync_with_a_lost_token(lost: World) -> None:
    body = {"webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE", "item_id": "item-1"}
    before = lost.store.states["1"].state.requested
    lost.receive_webhook(body, delivery_id="d1", signed_at=None)
    assert lost.store.states["1"].state.requested == before
    assert lost.inbox.deliveries["d1"].due_at is None


def test_daily_check_of_a_lost_token_calls_plaid_for_nothing(lost: World) -> None:
    world = lost
    world.check.daily_check("1")
    world.welcome(FakeInstitutions())
    assert [call for call in world.calls.log if call.startswith("bank.")] == []
