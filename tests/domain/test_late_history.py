"""How often a connection is polled for a history that never completes, over a month of virtual time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from shared.domain.late_history import is_late
from shared.domain.sync_state import SyncState

EXCHANGED = datetime(2026, 3, 1, 12, 7, tzinfo=UTC)
TICK = timedelta(minutes=15)
A_DAY = timedelta(days=1)
SET_UP = {"is_set_up": True, "accounts_digest": "read"}


def recent_only(state: SyncState, now: datetime) -> SyncState:
    return state.complete(now=now, cursor="c", history_complete=False, late=is_late(EXCHANGED, now=now))


def not_ready(state: SyncState, now: datetime) -> SyncState:
    return state.wait_for_bank(now=now, late=is_late(EXCHANGED, now=now))


def runs_by_day(ends: Callable[[SyncState, datetime], SyncState]) -> Counter[int]:
    """The runs per day of a connection that only the scheduler requests."""
    state = SyncState.new(connection_id="c", app_user_id="u", now=EXCHANGED)
    found: Counter[int] = Counter()
    for tick in range(30 * 96):
        now = EXCHANGED + tick * TICK
        if state.due_at is not None and state.due_at <= now:
            found[tick // 96] += 1
            state = ends(state.requeue(now=now).claim(now=now, owner="x"), now)
    return found


@pytest.mark.parametrize("ends", [recent_only, not_ready])
def test_incomplete_history_is_polled_at_every_scheduler_run_for_a_day_then_four_times_a_day(
    ends: Callable[[SyncState, datetime], SyncState],
) -> None:
    runs = runs_by_day(ends)
    assert runs.pop(0) == 95, "the first tick comes before the task of the exchange counts as lost"
    assert set(runs) == set(range(1, 30))
    assert set(runs.values()) == {4}


@pytest.mark.parametrize("ends", [recent_only, not_ready])
def test_a_request_is_served_soon_however_late_the_history_is(
    ends: Callable[[SyncState, datetime], SyncState],
) -> None:
    late = EXCHANGED + 2 * A_DAY
    state = SyncState.new(connection_id="c", app_user_id="u", now=EXCHANGED).model_copy(update=SET_UP)
    waiting = ends(state.claim(now=late, owner="x"), late)
    assert waiting.due_at == late + timedelta(hours=6)
    assert waiting.request(now=late).claim(now=late, owner="y").lease_owner == "y"
    asked_meanwhile = ends(state.claim(now=late, owner="x").request(now=late), late)
    assert asked_meanwhile.wanted
    assert asked_meanwhile.due_at == late


@pytest.mark.parametrize("missing", [{"is_set_up": False}, {"accounts_digest": None}], ids=str)
def test_a_late_history_does_not_delay_the_set_up_of_a_moved_item_or_the_list_of_accounts(
    missing: dict[str, object],
) -> None:
    late = EXCHANGED + 2 * A_DAY
    state = SyncState.new(connection_id="c", app_user_id="u", now=EXCHANGED).model_copy(update=SET_UP)
    moved = state.claim(now=late, owner="x").model_copy(update=missing)
    assert recent_only(moved, late).due_at == late + timedelta(minutes=1)


def test_complete_history_is_polled_twice_a_day() -> None:
    done = SyncState.new(connection_id="c", app_user_id="u", now=EXCHANGED).model_copy(update=SET_UP)
    done = done.claim(now=EXCHANGED, owner="x").complete(now=EXCHANGED, cursor="c", history_complete=True, late=True)
    assert done.due_at == EXCHANGED + timedelta(hours=12)
