"""The state machine of a sync."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import retry_delays
from shared.domain.errors import ErrorClass
from shared.domain.lease import LEASE
from shared.domain.progress import ErrorSummary, Stage, SyncCounts, SyncProgress, SyncStatus
from shared.domain.sync_state import IllegalTransition, SyncState

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OUTAGE = ErrorSummary(type="INSTITUTION_ERROR", code="INSTITUTION_DOWN", message="down", retryable=True)
LOGIN = ErrorSummary(type="ITEM_ERROR", code="ITEM_LOGIN_REQUIRED", message="log in", retryable=False)


def new() -> SyncState:
    return SyncState.new(connection_id="c", app_user_id="u", now=NOW)


def claimed(state: SyncState | None = None) -> SyncState:
    return (state or new()).claim(now=NOW, owner="me")


def failed(state: SyncState, error: ErrorSummary = OUTAGE, fault: ErrorClass = ErrorClass.TRANSIENT) -> SyncState:
    return state.fail(now=NOW, error=error, error_class=fault, jitter=0, at_least=timedelta())


def completed(state: SyncState) -> SyncState:
    return state.complete(now=NOW, cursor="c1", history_complete=True)


def test_new_sync_is_pending_and_due_for_the_scheduler_if_its_task_is_lost() -> None:
    state = new()
    assert state.status is SyncStatus.PENDING
    assert state.wanted
    assert state.due_at is not None
    assert state.due_at > NOW


def test_a_claim_takes_the_lease_and_a_new_run_number() -> None:
    state = claimed()
    assert (state.status, state.run, state.lease_owner) == (SyncStatus.IN_PROGRESS, 1, "me")
    assert state.lease_expires_at == state.due_at == NOW + LEASE


def test_lease_of_a_dead_run_expires_within_two_minutes() -> None:
    assert timedelta(minutes=2) >= LEASE
    state = claimed()
    with pytest.raises(IllegalTransition):
        state.claim(now=NOW + LEASE - timedelta(seconds=1), owner="other")
    assert state.claim(now=NOW + LEASE, owner="other").run == 2


def test_a_run_that_died_is_no_failed_attempt() -> None:
    state = claimed()
    for n in range(50):
        state = state.claim(now=NOW + LEASE * (n + 1), owner=f"{n}")
    assert state.failures == 0
    assert state.attempt == 1


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (new(), lambda s: s.advance(now=NOW, stage=Stage.FETCHING)),
        (new(), completed),
        (new(), failed),
        (new(), lambda s: s.pause(now=NOW)),
        (new(), lambda s: s.restart(now=NOW)),
        (new(), lambda s: s.rebuild(now=NOW)),
        (new(), lambda s: s.wait_for_bank(now=NOW)),
        (claimed(), claimed),
        (claimed(), lambda s: s.requeue(now=NOW)),
        (completed(claimed()), claimed),
        (completed(claimed()), completed),
        (failed(claimed()), claimed),
        (failed(claimed()), failed),
        (claimed().pause(now=NOW), completed),
        (claimed().rebuild(now=NOW), lambda s: s.rebuild(now=NOW)),
    ],
)
def test_steps_that_do_not_exist_are_refused(state: SyncState, step: Callable[[SyncState], SyncState]) -> None:
    with pytest.raises(IllegalTransition):
        step(state)


def test_percent_never_goes_back_within_a_run() -> None:
    state = claimed().advance(now=NOW, stage=Stage.FETCHING, counts=SyncCounts(percent=40))
    assert state.advance(now=NOW, stage=Stage.FETCHING, counts=SyncCounts(percent=10)).percent == 40
    assert state.restart(now=NOW).percent == 40


def test_requests_during_a_run_lead_to_exactly_one_more_run() -> None:
    state = claimed()
    for _ in range(5):
        state = state.request(now=NOW)
    assert state.status is SyncStatus.IN_PROGRESS
    done = completed(state)
    assert done.wanted
    assert done.due_at == NOW
    again = completed(claimed(done.requeue(now=NOW)))
    assert not again.wanted


def test_retries_back_off_up_to_the_longest_delay() -> None:
    state, delays = claimed(), []
    for _ in range(len(retry_delays.SYNC.delays) + 2):
        state = failed(state)
        assert state.next_retry_at is not None
        assert state.due_at == state.next_retry_at
        delays.append(state.next_retry_at - NOW)
        state = claimed(state.requeue(now=NOW))
    assert delays == [*retry_delays.SYNC.delays, retry_delays.SYNC.delays[-1], retry_delays.SYNC.delays[-1]]
    assert delays[:3] <= [timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15)]


def test_the_providers_own_retry_after_is_respected() -> None:
    state = claimed().fail(
        now=NOW, error=OUTAGE, error_class=ErrorClass.TRANSIENT, jitter=0, at_least=timedelta(hours=2)
    )
    assert state.next_retry_at == NOW + timedelta(hours=2)


def test_error_that_only_the_user_can_fix_is_checked_again_after_a_day() -> None:
    state = failed(claimed(), LOGIN, ErrorClass.USER)
    assert state.next_retry_at is None
    assert state.needs_user
    assert state.due_at == NOW + timedelta(hours=24)


def test_permanent_error_is_not_retried() -> None:
    assert failed(claimed(), LOGIN, ErrorClass.TERMINAL).due_at is None


def test_success_resets_the_failure_count() -> None:
    state = completed(claimed(failed(claimed()).requeue(now=NOW)))
    assert (state.failures, state.error, state.next_retry_at, state.needs_user) == (0, None, None, False)


def test_an_empty_cursor_never_replaces_a_real_one() -> None:
    state = claimed(completed(claimed()).request(now=NOW))
    assert state.complete(now=NOW, cursor=None, history_complete=True).cursor == "c1"


def test_a_connection_without_complete_history_is_due_at_every_tick() -> None:
    assert claimed().complete(now=NOW, cursor="c", history_complete=False).due_at == NOW


def test_failing_set_up_is_retried_with_growing_delays() -> None:
    state, delays = new(), []
    for _ in range(len(retry_delays.SYNC.delays) + 1):
        state = completed(claimed(state))
        assert state.due_at is not None
        delays.append(state.due_at - NOW)
        state = state.requeue(now=NOW)
    assert delays == [*retry_delays.SYNC.delays, retry_delays.SYNC.delays[-1]]
    moved = completed(claimed(state)).moved_to("ins_2", now=NOW)
    assert (moved.source, moved.is_set_up, moved.due_at) == ("ins_2", False, NOW)
    assert completed(claimed(moved.requeue(now=NOW))).due_at == NOW + retry_delays.SYNC.delays[0]


def test_rows_streamed_by_an_incomplete_run_are_suspect() -> None:
    streaming = claimed().advance(now=NOW, stage=Stage.WRITING, streaming=True)
    assert streaming.restart(now=NOW).dirty_runs == (1,)
    assert streaming.pause(now=NOW).dirty_runs == (1,)
    assert failed(streaming).dirty_runs == (1,)
    assert streaming.claim(now=NOW + LEASE, owner="x").dirty_runs == (1,)
    assert completed(streaming).dirty_runs == ()


def test_refresh_requested_meanwhile_is_left_to_a_new_run() -> None:
    handed_over = claimed().hand_over(now=NOW, cursor="page")
    asked = failed(handed_over.claim(now=NOW, owner="x")).request(now=NOW, refresh=True)
    done = completed(asked.claim(now=NOW, owner="y"))
    assert done.wanted
    assert done.requeue(now=NOW).claim(now=NOW, owner="z").wants_refresh


def test_clients_see_neither_lease_nor_cursor() -> None:
    seen = completed(claimed()).progress()
    assert type(seen) is SyncProgress
    assert not {"cursor", "lease_owner", "run", "due_at"} & set(seen.model_dump())


STEPS: dict[str, Callable[[SyncState, datetime], SyncState]] = {
    "request": lambda s, now: s.request(now=now),
    "requeue": lambda s, now: s.requeue(now=now),
    "claim": lambda s, now: s.claim(now=now, owner="x"),
    "advance": lambda s, now: s.advance(now=now, stage=Stage.WRITING, counts=SyncCounts(percent=50), streaming=True),
    "restart": lambda s, now: s.restart(now=now),
    "pause": lambda s, now: s.pause(now=now),
    "hand over": lambda s, now: s.hand_over(now=now, cursor="page"),
    "wait": lambda s, now: s.wait_for_bank(now=now),
    "run again": lambda s, now: s.run_again(now=now),
    "complete": lambda s, now: s.complete(now=now, cursor="c", history_complete=True),
    "fail": lambda s, now: s.fail(
        now=now, error=OUTAGE, error_class=ErrorClass.TRANSIENT, jitter=0.5, at_least=timedelta()
    ),
}


@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 200)), max_size=40))
def test_every_reachable_state_can_complete_without_an_operator(steps: list[tuple[str, int]]) -> None:
    state, now = new(), NOW
    for name, seconds in steps:
        now += timedelta(seconds=seconds)
        before = state
        try:
            state = STEPS[name](state, now)
        except IllegalTransition:
            assert state == before
            continue
        assert set(vars(state)) == set(SyncState.model_fields)  # no transition adds a field
        assert state.served <= state.serving or state.lease_owner is None
        assert state.served <= state.requested
        assert (state.lease_owner is None) == (state.lease_expires_at is None)
        assert state.due_at is not None
        # Once the sync is due, a scheduler run completes it.
        later = max(now, state.due_at) + timedelta(seconds=1)
        queued = state.requeue(now=later)
        done = queued.claim(now=later, owner="y").complete(now=later, cursor="z", history_complete=True)
        assert done.status is SyncStatus.COMPLETED
        # A continuation belongs to the run that it continues: requests made meanwhile get one more run.
        one_more_run = queued.status is SyncStatus.IN_PROGRESS and state.requested > state.serving
        assert done.wanted == one_more_run


def test_retried_continuation_serves_the_requests_made_meanwhile() -> None:
    handed_over = claimed().hand_over(now=NOW, cursor="page")
    again = failed(handed_over.claim(now=NOW, owner="x")).queued(now=NOW).claim(now=NOW, owner="y")
    assert (again.handover, again.run) == ("page", handed_over.run)
    assert again.requested == again.serving
    assert not completed(again).wanted


def test_request_counts_as_waiting_from_its_arrival_until_a_run_served_it() -> None:
    later = NOW + timedelta(minutes=7)
    assert new().request(now=later).wanted_since == NOW  # the first is the older
    assert failed(claimed()).queued(now=later).request(now=later).wanted_since == NOW  # no run has served it yet
    assert completed(claimed()).request(now=later).wanted_since == later
    assert claimed().request(now=later).wanted_since == later  # of the run after this one


def test_account_revoked_and_selected_again_is_read_from_the_beginning() -> None:
    state = completed(claimed(new().model_copy(update={"account_ids": ("a", "b")})))
    revoked = state.remove_account("b")
    assert (revoked.account_ids, revoked.revoked_accounts, revoked.former_accounts) == (("a",), ("b",), ())
    chosen = revoked.reselect_accounts()
    assert (chosen.revoked_accounts, chosen.former_accounts, chosen.accounts_digest) == ((), ("b",), None)
    assert chosen.reselect_accounts().former_accounts == ("b",)
    running = claimed(chosen.request(now=NOW))
    again = running.read_returned(("b",), now=NOW)
    assert (again.cursor, again.rebuilding, again.former_accounts) == (None, True, ())
    assert again.run > running.run
    assert again.read_returned(("b",), now=NOW).rebuilding
    with pytest.raises(IllegalTransition):
        state.read_returned(("b",), now=NOW)


def test_stopped_sync_would_start_from_the_beginning() -> None:
    state = completed(claimed())
    assert state.cursor is not None
    assert state.stop(now=NOW, error=OUTAGE).cursor is None
