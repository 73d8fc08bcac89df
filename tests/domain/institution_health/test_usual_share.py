"""How many connections of a bank usually fail is learnt from fair samples."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.health.drive import Backend, Institution
from benchmarks.health.replay import DAY, Bank, Outage, Replay
from shared.domain.institution_health.detector import judge
from shared.domain.institution_health.evidence import Baseline, HealthState, Reading, Verdict
from shared.domain.institution_health.recovery import Probes, Recovery
from shared.domain.institution_health.usual_share import Learnt, first_checks, is_usual, learn

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
BEFORE = Learnt(Baseline(), NOW - 6 * HOUR)


def call(hours: float, *, failed: bool = False, live: bool = True) -> Reading:
    return Reading(NOW - hours * HOUR, failed, f"c{hours}", f"u{hours}", live)


def counted(learnt: Learnt) -> tuple[int, int]:
    return round(learnt.baseline.failed), round(learnt.baseline.seen)


def judged(
    learnt: Learnt,
    *newest: Reading,
    worked: int = 0,
    failed: int = 0,
    judged_at: datetime = NOW,
    usual: bool = True,
    now: datetime = NOW,
) -> Learnt:
    checks = Probes(worked, failed)
    return learn(learnt, [*newest], checks=checks, judged_at=judged_at, usual=usual, now=now)


def learnt_in(days: float, *banks: Bank, seed: int = 3) -> float:
    """The share of the first bank that the backend learns in a replay."""
    backend = Backend(Replay(banks, days), seed, judge)
    backend.run()
    institution: Institution = backend.institutions[0]
    return institution.learnt.baseline.share


@pytest.mark.parametrize(
    ("size", "share", "least", "most"),
    [(10, 0.156, 0.08, 0.2), (40, 0.156, 0.1, 0.2), (10, 0.0144, 0.01, 0.029), (200, 0.0144, 0.01, 0.02)],
)
def test_the_share_of_small_large_reliable_and_unreliable_banks_is_learnt(
    size: int, share: float, least: float, most: float
) -> None:
    assert least <= learnt_in(60, Bank("ins_1", size, share)) <= most


@pytest.mark.parametrize(("size", "share"), [(20, 0.3), (40, 0.3), (40, 0.5)])
def test_a_day_of_a_partial_outage_is_not_learnt_as_usual(size: int, share: float) -> None:
    outage = Outage(12.4 * DAY, 13.4 * DAY, share)
    others = (Bank(f"ins_{number}", 100, 0.0144, reports_status=False) for number in range(2, 5))
    assert learnt_in(16, Bank("ins_1", size, 0.0144, (outage,), reports_status=False), *others) < 0.06


def test_the_failure_that_has_a_bank_judged_is_left_out_but_not_those_before_it() -> None:
    newest = [call(0, failed=True), call(2, failed=True), call(3), call(4)]
    learnt = judged(BEFORE, *newest, judged_at=NOW - timedelta(days=2))
    assert counted(learnt) == (1, 3)
    assert counted(judged(learnt, *newest, now=NOW + 2 * HOUR)) == (1, 3), "it stays left out"


def test_each_call_at_a_bank_that_is_judged_often_counts_once() -> None:
    newest = [call(hours, failed=hours < 2) for hours in (0.5, 1.5, 2.5, 3.5)]
    learnt = BEFORE
    for minutes in range(0, 121, 5):
        now = NOW + timedelta(minutes=minutes)
        learnt = judged(learnt, *newest, judged_at=now - timedelta(minutes=5), now=now)
    assert counted(learnt) == (2, 4)


def test_all_checks_count_unless_most_of_them_failed() -> None:
    checked = judged(BEFORE, worked=4, failed=1)
    assert counted(checked) == (1, 5)
    assert counted(judged(checked, worked=2, failed=3)) == (1, 5)


def test_of_one_or_two_checks_failures_count_too() -> None:
    assert counted(judged(judged(BEFORE, failed=1), failed=2)) == (3, 3)


def verdict(reason: str) -> Verdict:
    return Verdict(HealthState.SUSPECTED, None, NOW, reason=reason)


def test_only_the_checks_that_begin_a_suspicion_count() -> None:
    suspected, found, single = Recovery(HealthState.SUSPECTED, NOW), Probes(4, 1), verdict("first_failures")
    assert first_checks(single, suspected, found, planned_at=NOW) == found
    assert first_checks(single, suspected, found, planned_at=NOW + HOUR) == Probes()
    assert first_checks(single, Recovery(HealthState.DOWN, NOW), found, planned_at=NOW) == Probes()
    assert first_checks(None, None, found, planned_at=None) == Probes()


def test_checks_during_an_incident_of_plaid_do_not_count() -> None:
    suspected, found = Recovery(HealthState.SUSPECTED, NOW), Probes(4, 1)
    assert first_checks(verdict("plaid_or_us"), suspected, found, planned_at=NOW) == Probes()


@pytest.mark.parametrize(
    ("reason", "state", "usual"),
    [
        ("healthy", HealthState.HEALTHY, True),
        ("first_failures", HealthState.SUSPECTED, True),
        ("healthy", HealthState.RECOVERING, False),
        ("plaid_reports", HealthState.SUSPECTED, False),
        ("operator", HealthState.HEALTHY, False),
    ],
)
def test_single_failures_are_usual_but_no_sign_of_an_outage_is(reason: str, state: HealthState, usual: bool) -> None:
    assert is_usual(verdict(reason), Recovery(state, NOW)) is usual


def test_nothing_counts_of_an_outage_and_of_the_hour_before_it() -> None:
    newest = [call(0.25, failed=True), call(0.5, failed=True)]
    suspected = judged(BEFORE, *newest, failed=5)
    down = judged(suspected, *newest, worked=1, usual=False, now=NOW + HOUR)
    over = judged(down, *newest, now=NOW + 3 * HOUR)
    assert counted(over) == (0, 0)


def test_a_failed_sync_is_no_sample_because_no_sync_that_works_is_one() -> None:
    newest = [call(2, failed=True, live=False), call(3)]
    assert counted(judged(BEFORE, *newest)) == (0, 1)
