"""The outcome of calls that reach the bank is kept apart from the outcome of the sync that reads Plaid's cache."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.domain.bank_contact import ContactSource
from shared.domain.ceilings import LiveBalanceCeilings
from shared.domain.errors import ErrorClass, ProviderError
from shared.domain.progress import SyncStatus
from shared.usecases.items.refresh_balances import RefreshBalances
from shared.usecases.tokens.call_with_token import AccessTokens
from tests.fakes import problem, row
from tests.usecases.conftest import ALICE, World

DOWN = problem(ErrorClass.TRANSIENT, "INSTITUTION_DOWN")
HOUR = timedelta(hours=1)


def refresh(world: World) -> int:
    """A manual sync; the number of its commits."""
    world.sync_requests.by_user("1", app_user_id=ALICE, count=lambda: None)
    before = world.calls.log.count("store.save")
    world.queue.tasks.clear()
    world.sync()
    return world.calls.log.count("store.save") - before


@pytest.fixture
def connected(world: World) -> World:
    world.connected("1", row("t1"))
    world.settle()
    world.clock.move(2 * HOUR)
    return world


def test_a_first_extraction_that_works_reached_the_bank(world: World) -> None:
    world.connected("1", row("t1"))
    world.settle()
    state = world.state()
    assert (state.bank_failed, state.bank_source) == (False, ContactSource.LIVE)


def test_a_sync_of_cached_data_says_nothing_about_the_bank(connected: World) -> None:
    before = connected.state().bank_at
    connected.sync_requests.by_event("1")
    connected.sync()
    assert connected.state().bank_at == before


def test_a_failed_refresh_is_recorded_without_a_commit_of_its_own(connected: World) -> None:
    connected.plaid.by_id("item-1").refuses_live = DOWN
    failed = refresh(connected)
    state = connected.state()
    assert state.status is SyncStatus.COMPLETED
    assert (state.bank_failed, state.bank_source) == (True, ContactSource.LIVE)
    assert connected.queue.judgements != []
    connected.plaid.by_id("item-1").refuses_live = None
    connected.clock.move(2 * HOUR)
    worked = refresh(connected)
    assert (connected.state().bank_failed, connected.state().bank_source) == (False, ContactSource.LIVE)
    assert failed < worked, "a refresh that works is recorded as such in a commit of its own, as before"


def test_a_sync_that_fails_because_of_the_bank_is_evidence_and_the_user_s_login_is_none(connected: World) -> None:
    item = connected.plaid.by_id("item-1")
    item.refuses_data = problem(ErrorClass.USER, "ITEM_LOGIN_REQUIRED")
    connected.sync_requests.by_event("1")
    connected.sync()
    assert not connected.state().bank_failed
    item.refuses_data = DOWN
    connected.sync_requests.by_event("1")
    connected.sync()
    assert (connected.state().bank_failed, connected.state().bank_source) == (True, ContactSource.SYNC)


def test_retries_at_a_degraded_bank_are_spaced_out(connected: World) -> None:
    def delay() -> timedelta:
        connected.plaid.by_id("item-1").refuses_data = DOWN
        connected.sync_requests.by_event("1")
        while connected.state().status is not SyncStatus.FAILED:
            connected.sync()
        state = connected.state()
        assert state.next_retry_at is not None
        connected.plaid.by_id("item-1").refuses_data = None
        connected.sync_requests.by_event("1")
        connected.sync()
        assert connected.state().failures == 0
        return state.next_retry_at - state.updated_at

    usual = delay()
    connected.pauses.during_outage("ins_1", None, spaced_for=HOUR, now=connected.clock.at)
    assert delay() >= 3 * usual
    connected.clock.move(HOUR)
    assert delay() <= timedelta(minutes=1)


def test_a_failed_live_balance_is_recorded_and_the_bank_is_judged(connected: World) -> None:
    balances = RefreshBalances(
        connections=connected.store,
        syncs=connected.store,
        paused=connected.paused,
        plaid=connected.plaid_products,
        access_tokens=AccessTokens(credentials=connected.credentials, vault=connected.vault),
        item_status=connected.check,
        tasks=connected.queue,
        budgets=connected.budgets,
        ceilings=LiveBalanceCeilings(per_user_and_day=5),
        clock=connected.clock,
    )
    connected.plaid.fail("live_balances", DOWN)
    with pytest.raises(ProviderError):
        balances("1", app_user_id=ALICE)
    assert (connected.state().bank_failed, connected.state().bank_source) == (True, ContactSource.LIVE)
    assert [one for _, one in connected.queue.judgements] == ["ins_1"]
    connected.clock.move(HOUR)
    balances("1", app_user_id=ALICE)
    assert not connected.state().bank_failed


def test_a_daily_check_records_plaid_s_failed_update_once_and_its_end(connected: World) -> None:
    item = connected.plaid.by_id("item-1")
    item.last_update = connected.store.connections["1"].last_sync
    connected.check.daily_check("1")  # shows the update in the connection
    writes = connected.calls.log.count("store.save")
    connected.check.daily_check("1")
    assert connected.calls.log.count("store.save") == writes, "a healthy connection costs no write"
    item.last_failed_update = connected.clock.at + HOUR
    connected.check.daily_check("1")
    state = connected.state()
    assert (state.bank_failed, state.bank_source, state.bank_at) == (True, ContactSource.CHECK, item.last_failed_update)
    assert [one for _, one in connected.queue.judgements] == ["ins_1"], "Plaid's update may be hours old already"
    connected.check.daily_check("1")
    assert connected.calls.log.count("store.save") == writes + 1
    item.last_update = item.last_failed_update + HOUR
    connected.check.daily_check("1")
    assert not connected.state().bank_failed


def test_an_update_that_failed_for_a_broken_login_is_not_the_bank_s_fault(connected: World) -> None:
    item = connected.plaid.by_id("item-1")
    item.error, item.last_failed_update = problem(ErrorClass.USER, "ITEM_LOGIN_REQUIRED"), connected.clock.at
    connected.check.daily_check("1")
    assert not connected.state().bank_failed
