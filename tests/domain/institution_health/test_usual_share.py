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


def judged(
    learnt: Learnt,
    *newest: Reading,
    worked: int = 0,
    failed: int = 0,
    judged_at: datetime = NOW,
    state: HealthState = SUSPECTED,
    now: datetime = NOW,
) -> Learnt:
    return learn(learnt, [*newest], worked=worked, failed=failed, judged_at=judged_at, state=state, now=now)


@pytest.mark.parametrize(("size", "share"), [(10, 0.156), (40, 0.156), (10, 0.0144), (200, 0.0144)])
def test_the_share_of_small_large_reliable_and_unreliable_banks_is_learnt(size: int, share: float) -> None:
    backend = Backend(Replay((Bank("ins_1", size, share),), 60), 3, judge)
    backend.run()
    institution: Institution = backend.institutions[0]
    assert institution.learnt.baseline.share == pytest.approx(share, rel=0.35, abs=0.02)


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


def test_nothing_counts_of_an_outage_and_of_the_hour_before_it() -> None:
    newest = [call(0.25, failed=True), call(0.5, failed=True)]
    suspected = judged(BEFORE, *newest, failed=5)
    down = judged(suspected, *newest, worked=1, state=HealthState.DOWN, now=NOW + HOUR)
    over = judged(down, *newest, state=HEALTHY, now=NOW + 3 * HOUR)
    assert counted(over) == (0, 0)


def test_a_failed_sync_is_no_sample_because_no_sync_that_works_is_one() -> None:
    newest = [call(2, failed=True, live=False), call(3)]
    assert counted(judged(BEFORE, *newest, state=HEALTHY)) == (0, 1)
