"""The verdict on an institution, from the newest readings of its connections."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.institution_health.counting import tail
from shared.domain.institution_health.detector import judge
from shared.domain.institution_health.evidence import (
    Baseline,
    Evidence,
    HealthState,
    ItemUpdate,
    LoginLost,
    OutageKind,
    Outcome,
    PlaidStatus,
    RefreshInterval,
    Verdict,
)
from shared.domain.institution_health.login_storm import is_login_storm, prompt_due_at

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KNOWN = Baseline(failed=5, seen=450)
UNHEALTHY = {HealthState.DOWN, HealthState.DEGRADED}


def outcome(number: int, *, failed: bool, minutes: float, user: str | None = None, live: bool = True) -> Outcome:
    at = NOW - timedelta(minutes=minutes)
    return Outcome(f"c{number}", user or f"u{number}", at, failed, live)


def evidence(*outcomes: Outcome, plaid: PlaidStatus | None = None, connections: int = 100) -> Evidence:
    return Evidence("ins_1", NOW, connections, outcomes, plaid=plaid, baseline=KNOWN)


def failing(count: int, since: float = 10) -> list[Outcome]:
    return [outcome(number, failed=True, minutes=since * (number + 1) / count) for number in range(count)]


def working(count: int, *, minutes: float) -> list[Outcome]:
    return [outcome(500 + number, failed=False, minutes=minutes + number) for number in range(count)]


def reported(success: float, *, plaid: float = 0.0) -> PlaidStatus:
    interval = RefreshInterval.NORMAL if success >= 0.9 else RefreshInterval.DELAYED
    return PlaidStatus(NOW, success, plaid, 1 - success - plaid, interval)


def test_single_failure_is_only_suspected() -> None:
    verdict = judge(evidence(*failing(1), *working(10, minutes=20)), None)
    assert (verdict.state, verdict.reason) == (HealthState.SUSPECTED, "first_failures")


def test_failures_of_several_users_in_a_row_are_an_outage() -> None:
    verdict = judge(evidence(*failing(6), *working(30, minutes=20)), None)
    assert (verdict.state, verdict.kind) == (HealthState.DOWN, OutageKind.DATA)
    assert (verdict.seen, verdict.failing, verdict.users_failing) == (6, 6, 6)


def test_of_checks_at_the_same_moment_those_that_work_count_too() -> None:
    at_once = [outcome(number, failed=number < 6, minutes=1) for number in range(14)]
    assert judge(evidence(*at_once), None).seen == 14
    assert judge(evidence(*at_once[:6]), None).state is HealthState.DOWN


def test_retries_of_one_connection_count_once() -> None:
    retries = [outcome(1, failed=True, minutes=minutes) for minutes in range(30)]
    verdict = judge(evidence(*retries, *working(10, minutes=31)), None)
    assert verdict.state is HealthState.SUSPECTED
    assert verdict.failing == 1


def test_sync_that_worked_says_nothing_and_sync_that_failed_counts() -> None:
    cached = [outcome(number, failed=False, minutes=0, live=False) for number in range(6)]
    assert judge(evidence(*failing(6), *cached), None).state is HealthState.DOWN
    syncs = [outcome(number, failed=True, minutes=number, live=False) for number in range(6)]
    assert judge(evidence(*syncs), None).state is HealthState.DOWN


def test_plaid_down_needs_one_failure_of_ours() -> None:
    assert judge(evidence(plaid=reported(0.1)), None).reason == "plaid_reports"
    verdict = judge(evidence(*failing(1), *working(5, minutes=20), plaid=reported(0.1)), None)
    assert (verdict.state, verdict.reason) == (HealthState.DOWN, "failures_and_plaid")


def test_trouble_of_plaid_itself_is_no_support() -> None:
    verdict = judge(evidence(*failing(1), *working(5, minutes=20), plaid=reported(0.1, plaid=0.8)), None)
    assert verdict.state is HealthState.SUSPECTED


def test_old_status_of_plaid_is_no_support() -> None:
    old = PlaidStatus(NOW - timedelta(hours=2), 0.1, 0.0, 0.9)
    assert judge(evidence(*failing(1), *working(5, minutes=20), plaid=old), None).state is HealthState.SUSPECTED


def test_part_of_the_connections_failing_is_degraded() -> None:
    mixed = [outcome(number, failed=number % 3 == 0, minutes=number * 4) for number in range(60)]
    assert judge(evidence(*mixed), None).state is HealthState.DEGRADED


def test_unreliable_bank_needs_more_failures() -> None:
    usual = Baseline(failed=70, seen=450)
    unreliable = Evidence("ins_1", NOW, 100, (*failing(6), *working(30, minutes=20)), baseline=usual)
    assert judge(unreliable, None).state is HealthState.SUSPECTED


def test_failed_updates_of_items_are_an_outage() -> None:
    updates = tuple(
        ItemUpdate(f"c{n}", f"u{n}", NOW - timedelta(hours=9), NOW - timedelta(minutes=n), NOW) for n in range(6)
    )
    assert judge(Evidence("ins_1", NOW, 100, updates=updates, baseline=KNOWN), None).state is HealthState.DOWN


def check(number: int, *, failed: bool, updated: float, read: float, sampled: bool) -> ItemUpdate:
    """An answer of /item/get, with the minutes since Plaid's update and since the backend read it."""
    at = NOW - timedelta(minutes=updated)
    worked_at, failed_at = (None, at) if failed else (at, None)
    checked_at = NOW - timedelta(minutes=read)
    return ItemUpdate(f"c{900 + number}", f"u{900 + number}", worked_at, failed_at, checked_at, sampled)


def test_failure_of_a_daily_check_is_looked_into_also_while_live_calls_work() -> None:
    found = check(0, failed=True, updated=60, read=1, sampled=False)
    verdict = judge(Evidence("ins_1", NOW, 100, tuple(working(20, minutes=2)), (found,), baseline=KNOWN), None)
    assert (verdict.state, verdict.reason) == (HealthState.SUSPECTED, "first_failures")


def test_checks_of_other_connections_settle_the_failures_of_earlier_daily_checks_only() -> None:
    probes = tuple(check(number, failed=False, updated=90, read=3, sampled=True) for number in range(1, 6))
    earlier = check(6, failed=True, updated=60, read=5, sampled=False)
    assert judge(Evidence("ins_1", NOW, 100, (), (*probes, earlier), baseline=KNOWN), None).state is HealthState.HEALTHY
    later = check(7, failed=True, updated=80, read=1, sampled=False)
    found = judge(Evidence("ins_1", NOW, 100, (), (*probes, earlier, later), baseline=KNOWN), None)
    assert found.state is HealthState.SUSPECTED


def test_verdict_of_plaid_and_a_daily_check_counts_that_check() -> None:
    found = check(0, failed=True, updated=1, read=1, sampled=False)
    live = tuple(working(12, minutes=5))
    verdict = judge(Evidence("ins_1", NOW, 100, live, (found,), plaid=reported(0.1), baseline=KNOWN), None)
    assert (verdict.state, verdict.reason) == (HealthState.DOWN, "failures_and_plaid")
    assert (verdict.failing, verdict.seen, verdict.users_failing) == (1, 1, 1)


def test_live_calls_fail_while_updates_work() -> None:
    updates = tuple(
        ItemUpdate(f"c{50 + n}", f"u{50 + n}", NOW - timedelta(minutes=3 * n), None, NOW) for n in range(1, 12)
    )
    verdict = judge(Evidence("ins_1", NOW, 100, tuple(failing(7, since=60)), updates, baseline=KNOWN), None)
    assert (verdict.state, verdict.reason) == (HealthState.DOWN, "live_calls_fail")


def test_failures_that_are_over_declare_nothing() -> None:
    again = [outcome(600 + number, failed=False, minutes=0) for number in range(5)]
    assert judge(evidence(*failing(12, since=30), *again), None).state is HealthState.SUSPECTED


def down(minutes: float, *, calm_since: datetime | None = None, evident_at: datetime | None = None) -> Verdict:
    since = NOW - timedelta(minutes=minutes)
    return Verdict(HealthState.DOWN, OutageKind.DATA, since, calm_since=calm_since, evident_at=evident_at)


def test_outage_ends_after_a_quarter_of_an_hour_of_working_readings() -> None:
    good = evidence(*working(4, minutes=1))
    first = judge(good, down(120))
    assert (first.state, first.calm_since) == (HealthState.DOWN, NOW)
    ended = judge(good, down(120, calm_since=NOW - timedelta(minutes=15)))
    assert (ended.state, ended.ignore_before) == (HealthState.HEALTHY, NOW)


def test_failures_of_an_outage_that_is_over_are_not_counted_again() -> None:
    over = Verdict(HealthState.HEALTHY, None, NOW - timedelta(minutes=5), ignore_before=NOW - timedelta(minutes=5))
    assert (
        judge(evidence(*[outcome(n, failed=True, minutes=6 + n) for n in range(20)]), over).state is HealthState.HEALTHY
    )


def test_outage_without_new_evidence_for_a_day_is_only_suspected() -> None:
    old = down(3000, evident_at=NOW - timedelta(hours=24))
    assert judge(evidence(), old).state is HealthState.SUSPECTED
    assert judge(evidence(), down(3000, evident_at=NOW - timedelta(hours=23))).state is HealthState.DOWN


def test_counted_working_connections_lower_the_share() -> None:
    few = Evidence(
        "ins_1", NOW, 1000, tuple(failing(6)), baseline=KNOWN, unlisted_working=200, unlisted_working_long=900
    )
    assert judge(few, None).state is not HealthState.DOWN


@pytest.mark.parametrize(("seen", "k", "share"), [(10, 3, 0.05), (20, 8, 0.156), (5, 5, 0.0144), (50, 20, 0.1)])
def test_tail_agrees_with_drawing_at_random(seen: int, k: int, share: float) -> None:
    """The exact sum of the beta-binomial distribution, by its recurrence from zero failures."""
    sure = 500.0
    alpha, beta = share * sure, (1 - share) * sure
    term = 1.0
    for n in range(seen):
        term *= (beta + n) / (sure + n)
    below = 0.0
    for n in range(k):
        below += term
        term *= (seen - n) / (n + 1) * (alpha + n) / (beta + seen - n - 1)
    baseline = Baseline(failed=share * sure - 1.5, seen=450)
    assert tail(k, seen, baseline) == pytest.approx(1 - below, rel=1e-4, abs=1e-12)


OUTCOMES = st.lists(
    st.builds(
        lambda connection, user, failed, live, minutes: outcome(
            connection, failed=failed, live=live, minutes=minutes, user=f"u{user}"
        ),
        st.integers(0, 30),
        st.integers(0, 10),
        st.booleans(),
        st.booleans(),
        st.integers(0, 400),
    ),
    max_size=60,
)


@given(OUTCOMES, st.randoms())
def test_order_of_outcomes_does_not_matter(outcomes: list[Outcome], order: random.Random) -> None:
    shuffled = list(outcomes)
    order.shuffle(shuffled)
    assert judge(evidence(*shuffled), None) == judge(evidence(*outcomes), None)


@given(st.integers(1, 200), st.integers(0, 60), st.integers(1, 2))
def test_one_or_two_users_never_take_a_bank_down(connections: int, others: int, users: int) -> None:
    theirs = [outcome(n, failed=True, minutes=n / 10, user=f"u{n % users}") for n in range(connections)]
    verdict = judge(evidence(*theirs, *working(others, minutes=30), connections=300), None)
    assert verdict.state not in UNHEALTHY


@given(OUTCOMES)
def test_one_more_failure_never_improves_the_verdict(outcomes: list[Outcome]) -> None:
    order = [HealthState.HEALTHY, HealthState.SUSPECTED, HealthState.DEGRADED, HealthState.DOWN]
    before = judge(evidence(*outcomes), None)
    after = judge(evidence(*outcomes, outcome(99, failed=True, minutes=0)), None)
    assert order.index(after.state) >= order.index(before.state)


def lost(count: int, users: int = 100) -> list[LoginLost]:
    return [LoginLost(f"c{n}", f"u{n % users}", NOW - timedelta(minutes=n)) for n in range(count)]


def test_login_storm_needs_three_users_and_an_unusual_number() -> None:
    assert is_login_storm(lost(5), 100, NOW)
    assert not is_login_storm(lost(20, users=2), 100, NOW)
    assert not is_login_storm(lost(3), 5000, NOW)
    assert not is_login_storm([LoginLost(f"c{n}", f"u{n}", NOW - timedelta(hours=2)) for n in range(9)], 100, NOW)


@pytest.mark.parametrize(
    ("connections", "minutes"), [(1, 0), (2, 0), (3, 60), (40, 60), (100, 24), (480, 5), (5000, 5)]
)
def test_a_single_login_prompt_waits_until_a_storm_would_be_recognized(connections: int, minutes: int) -> None:
    assert prompt_due_at(NOW, connections=connections) == NOW + timedelta(minutes=minutes)


@given(st.integers(1, 60), st.integers(0, 4), st.integers(100, 5000))
def test_failures_of_daily_checks_alone_make_a_bank_suspected_at_most(failed: int, worked: int, size: int) -> None:
    at = NOW - timedelta(minutes=5)
    updates = tuple(ItemUpdate(f"c{n}", f"u{n}", None, at, NOW, sampled=False) for n in range(failed))
    others = tuple(outcome(1000 + n, failed=False, minutes=60) for n in range(worked))
    found = judge(Evidence("ins_1", NOW, size, others, updates), None)
    assert found.state is HealthState.SUSPECTED
