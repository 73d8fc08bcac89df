"""How many connections of a bank usually fail is learnt from fair samples."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.health.drive import Backend, Institution
from benchmarks.health.replay import Bank, Replay
from shared.domain.institution_health.counting import Learnt, learn
from shared.domain.institution_health.detector import judge
from shared.domain.institution_health.evidence import Baseline, HealthState, Reading

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
BEFORE = Learnt(Baseline(), NOW - 6 * HOUR)
HEALTHY, SUSPECTED = HealthState.HEALTHY, HealthState.SUSPECTED


def call(hours: float, *, failed: bool = False, live: bool = True) -> Reading:
    return Reading(NOW - hours * HOUR, failed, f"c{hours}", f"u{hours}", live)


def counted(learnt: Learnt) -> tuple[int, int]:
    return round(learnt.baseline.failed), round(learnt.baseline.seen)


@pytest.mark.parametrize(("size", "share"), [(10, 0.156), (40, 0.156), (10, 0.0144), (200, 0.0144)])
def test_the_share_of_small_large_reliable_and_unreliable_banks_is_learnt(size: int, share: float) -> None:
    backend = Backend(Replay((Bank("ins_1", size, share),), 60), 3, judge)
    backend.run()
    institution: Institution = backend.institutions[0]
    assert institution.learnt.baseline.share == pytest.approx(share, rel=0.35, abs=0.015)


def test_the_failure_that_has_a_bank_judged_is_left_out_but_not_those_before_it() -> None:
    newest = [call(0, failed=True), call(2, failed=True), call(3), call(4)]
    learnt = learn(BEFORE, newest, judged_at=NOW - timedelta(days=2), state=SUSPECTED, now=NOW)
    assert counted(learnt) == (1, 3)
    later = NOW + 2 * HOUR
    again = learn(learnt, newest, judged_at=NOW, state=SUSPECTED, now=later)
    assert counted(again) == (1, 3), "it stays left out"


def test_each_call_at_a_bank_that_is_judged_often_counts_once() -> None:
    newest = [call(hours, failed=hours < 2) for hours in (0.5, 1.5, 2.5, 3.5)]
    learnt = BEFORE
    for minutes in range(0, 121, 5):
        now = NOW + timedelta(minutes=minutes)
        learnt = learn(learnt, newest, judged_at=now - timedelta(minutes=5), state=SUSPECTED, now=now)
    assert counted(learnt) == (2, 4)


def test_checks_count_once_the_suspicion_is_over() -> None:
    checked = BEFORE._replace(worked=9, failed=2)
    suspected = learn(checked, [], judged_at=NOW, state=SUSPECTED, now=NOW)
    assert counted(suspected) == (0, 0)
    assert counted(learn(suspected, [], judged_at=NOW, state=HEALTHY, now=NOW)) == (2, 11)


def test_nothing_counts_of_an_outage_and_of_the_hour_before_it() -> None:
    newest = [call(0.25, failed=True), call(0.5, failed=True)]
    checked = BEFORE._replace(failed=5)
    suspected = learn(checked, newest, judged_at=NOW, state=SUSPECTED, now=NOW)
    down = learn(suspected, newest, judged_at=NOW, state=HealthState.DOWN, now=NOW + HOUR)
    over = learn(down, newest, judged_at=NOW + HOUR, state=HEALTHY, now=NOW + 3 * HOUR)
    assert counted(over) == (0, 0)


def test_a_failed_sync_is_no_sample_because_no_sync_that_works_is_one() -> None:
    newest = [call(2, failed=True, live=False), call(3)]
    assert counted(learn(BEFORE, newest, judged_at=NOW, state=HEALTHY, now=NOW)) == (0, 1)
