"""What the backend does during an outage and after it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.institution_health.evidence import HealthState, OutageKind, Verdict
from shared.domain.institution_health.recovery import (
    CHECK_AGAIN,
    LONGEST_WAIT,
    OVERRIDE,
    PAUSE,
    Plan,
    Probes,
    Recovery,
    Situation,
    plan,
    plan_again,
    sizes,
)

NO_PROBES = Probes()
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def verdict(state: HealthState, *, at: datetime = START, reason: str = "many_failures") -> Verdict:
    return Verdict(state, OutageKind.DATA, since=at, reason=reason, evident_at=at)


def run(
    before: Recovery | None,
    state: HealthState,
    at: datetime,
    *,
    connections: int = 100,
    deferred: int = 60,
    probes: Probes = NO_PROBES,
    may_pause: bool = True,
    reason: str = "many_failures",
    asked: int = 0,
) -> Plan:
    judged = verdict(state, at=START, reason=reason)
    return plan(before, Situation(at, judged, connections, deferred, probes, may_pause, asked=asked))


def test_suspicion_probes_and_pauses_nothing() -> None:
    planned = run(None, HealthState.SUSPECTED, START)
    assert planned.probe == 5
    assert planned.recovery.paused_until is None
    assert planned.check_again_at == START + CHECK_AGAIN


def test_degraded_bank_keeps_syncing_with_its_retries_spaced() -> None:
    planned = run(None, HealthState.DEGRADED, START)
    assert planned.retry_spacing == 4
    assert not planned.recovery.paused(START)


def test_outage_pauses_for_six_hours_and_probes_one_connection() -> None:
    planned = run(None, HealthState.DOWN, START)
    assert planned.recovery.paused_until == START + PAUSE
    assert (planned.probe, planned.release) == (1, 0)


def test_second_connection_is_probed_at_once_after_one_worked() -> None:
    down = run(None, HealthState.DOWN, START).recovery
    assert plan_again(HealthState.DOWN, Probes(1, 0))
    assert run(down, HealthState.DOWN, START, probes=Probes(1, 0)).probe == 2
    assert not plan_again(HealthState.DOWN, Probes(1, 1))


def test_planning_again_before_the_next_probe_is_due_probes_nothing() -> None:
    down = run(None, HealthState.DOWN, START).recovery
    early = run(down, HealthState.DOWN, START + timedelta(minutes=4))
    assert (early.probe, early.check_again_at) == (0, START + CHECK_AGAIN)
    assert run(down, HealthState.DOWN, START + CHECK_AGAIN, probes=Probes(0, 1)).probe == 1


@pytest.mark.parametrize(("hours", "minutes"), [(1, 5), (12, 5), (24, 10), (24 * 6, 60), (24 * 75, 60)])
def test_old_outages_are_probed_less_often(hours: int, minutes: int) -> None:
    at = START + timedelta(hours=hours)
    old = Recovery(HealthState.DOWN, START, down_since=START, paused_until=at + PAUSE)
    assert run(old, HealthState.DOWN, at).check_again_at == at + timedelta(minutes=minutes)


def test_suspicion_is_probed_less_often_after_half_an_hour_unless_probes_fail() -> None:
    at = START + timedelta(hours=2)
    first = run(Recovery(HealthState.SUSPECTED, START), HealthState.SUSPECTED, at)
    assert (first.probe, first.check_again_at) == (5, at + timedelta(minutes=20))
    later = at + CHECK_AGAIN
    assert run(first.recovery, HealthState.SUSPECTED, later).probe == 0
    assert run(first.recovery, HealthState.SUSPECTED, later, probes=Probes(1, 4)).probe == 5
    assert plan_again(HealthState.SUSPECTED, Probes(1, 4))
    assert not plan_again(HealthState.SUSPECTED, Probes(4, 1))


def test_connections_that_were_probed_a_moment_ago_are_not_probed_again() -> None:
    suspected, failing = Recovery(HealthState.SUSPECTED, START), Probes(0, 2)
    probed = [
        run(suspected, HealthState.SUSPECTED, START, connections=connections, probes=failing, asked=asked).probe
        for connections, asked in [(2, 0), (2, 2), (6, 5), (100, 5)]
    ]
    assert probed == [2, 0, 1, 5]


def test_once_enough_connections_work_no_more_are_probed_until_the_next_step_may_start() -> None:
    waiting = replace(run(None, HealthState.DOWN, START).recovery, next_step_at=START + CHECK_AGAIN)
    early = run(waiting, HealthState.DOWN, START, probes=Probes(2, 0))
    assert (early.probe, early.release, early.recovery) == (0, 0, waiting)
    assert run(waiting, HealthState.DOWN, START + CHECK_AGAIN, probes=Probes(2, 0)).release == 2


def test_failing_probes_renew_the_pause() -> None:
    down = run(None, HealthState.DOWN, START).recovery
    later = START + timedelta(hours=5)
    assert run(down, HealthState.DOWN, later, probes=Probes(0, 2)).recovery.paused_until == later + PAUSE


def test_pause_without_new_evidence_expires_into_the_first_half_open_step() -> None:
    down = run(None, HealthState.DOWN, START).recovery
    assert run(down, HealthState.DOWN, START + timedelta(hours=5)).recovery.paused_until == START + PAUSE
    planned = run(down, HealthState.DOWN, START + PAUSE)
    assert planned.recovery.state is HealthState.RECOVERING
    assert planned.release == 2


def test_bank_that_may_not_be_paused_calls_an_operator_once() -> None:
    first = run(None, HealthState.DOWN, START, may_pause=False)
    assert first.call_operator
    assert not first.recovery.paused(START)
    second = run(first.recovery, HealthState.DOWN, START + CHECK_AGAIN, may_pause=False)
    assert not second.call_operator
    assert second.recovery.since == START


def resume(connections: int, deferred: int) -> list[int]:
    """The releases of an undisturbed recovery."""
    recovery = run(None, HealthState.DOWN, START, connections=connections).recovery
    at, probes = START, Probes(2, 0)
    released: list[int] = []
    for _ in range(40):
        at += CHECK_AGAIN
        planned = run(recovery, HealthState.SUSPECTED, at, connections=connections, deferred=deferred, probes=probes)
        recovery = planned.recovery
        if recovery.state is not HealthState.RECOVERING:
            return released
        if planned.release:
            released.append(planned.release)
        deferred -= planned.release
        probes = Probes(max(planned.release, planned.probe), 0)
    raise AssertionError(released)


def test_syncs_resume_in_growing_steps() -> None:
    assert resume(1000, 900) == [2, 5, 50, 200, 200, 200, 200, 43]  # at most 200 at once
    assert resume(30, 30) == [2, 5, 23]
    assert resume(1, 1) == [1]


@pytest.mark.parametrize(("connections", "steps"), [(1, (1,)), (3, (2, 3)), (30, (2, 5, 30)), (100, (2, 5, 20, 100))])
def test_steps_of_small_banks_leave_out_those_that_do_not_grow(connections: int, steps: tuple[int, ...]) -> None:
    assert sizes(connections) == steps


def test_failing_first_step_continues_the_outage_and_doubles_the_wait() -> None:
    down = run(None, HealthState.DOWN, START).recovery
    at = START + CHECK_AGAIN
    half_open = run(down, HealthState.DOWN, at, probes=Probes(2, 0)).recovery
    waits = []
    for _ in range(6):
        at = max(at, half_open.next_step_at or at)
        failed = run(half_open, HealthState.DOWN, at, probes=Probes(0, 2)).recovery
        assert failed.state is HealthState.DOWN
        assert failed.next_step_at is not None
        waits.append(failed.next_step_at - at)
        too_early = run(failed, HealthState.DOWN, at + CHECK_AGAIN, probes=Probes(2, 0))
        assert too_early.release == 0
        at = failed.next_step_at
        half_open = run(failed, HealthState.DOWN, at, probes=Probes(2, 0)).recovery
        assert half_open.state is HealthState.RECOVERING
    assert waits == [timedelta(minutes=minutes) for minutes in (10, 20, 40, 60, 60, 60)]
    assert waits[-1] == LONGEST_WAIT


def test_failing_later_step_is_halved_and_pauses_again() -> None:
    recovering = Recovery(
        HealthState.RECOVERING, START, down_since=START, paused_until=None, step=5, next_step_at=START
    )
    failed = run(recovering, HealthState.DOWN, START, connections=1000, deferred=800, probes=Probes(50, 150))
    assert failed.recovery.state is HealthState.RECOVERING
    assert failed.recovery.paused(START)
    assert failed.release == 0
    at = failed.recovery.next_step_at
    assert at == START + 2 * CHECK_AGAIN
    retried = plan(
        failed.recovery,
        Situation(at, verdict(HealthState.DOWN), 1000, deferred=800, probes=Probes(2, 0), most=1000),
    )
    assert retried.release == 500


def test_one_failure_of_several_does_not_fail_a_step() -> None:
    assert not Probes(1, 1).failing
    assert not Probes(9, 2).failing
    assert Probes(0, 1).failing
    assert not Probes(3, 2).failing
    assert Probes(2, 3).failing


def test_override_keeps_a_bank_down_while_probes_work() -> None:
    down = run(None, HealthState.DOWN, START, reason=OVERRIDE).recovery
    later = START + timedelta(hours=1)
    assert run(down, HealthState.DOWN, later, probes=Probes(2, 0), reason=OVERRIDE).recovery.state is HealthState.DOWN


def test_step_is_repeated_if_its_connections_brought_no_results() -> None:
    down = run(None, HealthState.DOWN, START).recovery
    first = run(down, HealthState.DOWN, START + CHECK_AGAIN, probes=Probes(2, 0))
    again = run(first.recovery, HealthState.DOWN, START + 2 * CHECK_AGAIN)
    assert (first.release, again.release) == (2, 2)


def test_pause_lasts_until_the_last_deferred_syncs_are_released() -> None:
    recovery = Recovery(HealthState.RECOVERING, START, down_since=START, paused_until=START + PAUSE, step=4)
    for deferred in (900, 700, 500, 300):  # without the pause, the scheduler would start all of them at once
        planned = run(recovery, HealthState.SUSPECTED, START, connections=1000, deferred=deferred, probes=Probes(9, 0))
        assert planned.release == 200
        assert planned.recovery.paused(START)
        recovery = replace(planned.recovery, next_step_at=START)
    last = run(recovery, HealthState.SUSPECTED, START, connections=1000, deferred=100, probes=Probes(9, 0))
    assert last.release == 100
    assert not last.recovery.paused(START)


def test_recovery_without_any_results_ends_with_the_pause() -> None:
    recovering = Recovery(HealthState.RECOVERING, START, down_since=START, paused_until=START + PAUSE, step=1)
    waits = run(recovering, HealthState.SUSPECTED, START + PAUSE / 2, deferred=0)
    assert waits.recovery.state is HealthState.RECOVERING
    over = run(recovering, HealthState.HEALTHY, START + PAUSE, deferred=0)
    assert over.recovery.state is HealthState.HEALTHY
    assert run(recovering, HealthState.DOWN, START + PAUSE, deferred=0).recovery.state is HealthState.RECOVERING


STATES = st.sampled_from([state for state in HealthState if state is not HealthState.RECOVERING])
PROBES = st.builds(Probes, st.integers(0, 20), st.integers(0, 20))
TURNS = st.lists(st.tuples(STATES, PROBES, st.integers(0, 400), st.integers(1, 600), st.booleans()), max_size=60)


@given(TURNS, st.integers(1, 2000))
def test_any_history_keeps_the_bounds_of_a_plan(
    turns: list[tuple[HealthState, Probes, int, int, bool]], n: int
) -> None:
    recovery: Recovery | None = None
    at = START
    for state, probes, deferred, minutes, may_pause in turns:
        at += timedelta(minutes=minutes)
        planned = plan(recovery, Situation(at, verdict(state, at=at), n, min(deferred, n), probes, may_pause))
        recovery = planned.recovery
        assert recovery.paused_until is None or recovery.paused_until <= at + PAUSE
        assert planned.probe <= min(5, n)
        assert planned.release <= min(deferred, 200)
        assert CHECK_AGAIN <= recovery.wait <= LONGEST_WAIT
        assert not (recovery.state is HealthState.HEALTHY and recovery.paused(at))
        if recovery.state is not HealthState.HEALTHY:
            assert planned.check_again_at is not None
            assert planned.check_again_at > at
