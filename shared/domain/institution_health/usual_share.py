"""Learns how many connections of an institution usually fail, from samples that are fair."""

from datetime import datetime, timedelta
from typing import NamedTuple

from shared.domain.institution_health.evidence import Baseline, HealthState, Reading, Verdict
from shared.domain.institution_health.recovery import Probes, Recovery

_DECLARED_WITHIN = timedelta(hours=1)
_ENOUGH = 3  # results of checks of which a majority says something


class Learnt(NamedTuple):
    """The usual share of failures; live calls until `until` are counted in it, or left out for good."""

    baseline: Baseline
    until: datetime


def learn(
    learnt: Learnt,
    newest_first: list[Reading],
    *,
    checks: Probes,
    judged_at: datetime | None,
    usual: bool,
    now: datetime,
) -> Learnt:
    """Adds live calls and checks to the baseline.

    Live calls wait for an hour, in which an outage would be declared. If the institution was last judged more than an
    hour ago, the calls of the last hour are left out, and with them the failure because of which it is judged now. The
    calls before are those of any moment, but moments with failures are judged more often
    (https://en.wikipedia.org/wiki/Arrival_theorem). Checks count only if they began a suspicion, and most of them did
    not fail: the others are often those of an outage.

    Args:
        learnt: What was learnt before.
        newest_first: The newest readings.
        checks: The results of the checks that began a suspicion, since the latest judgement.
        judged_at: When the institution was last judged.
        usual: Whether nothing indicates an outage (`is_usual`); otherwise nothing is learnt.
        now: The present.
    """
    if not usual:
        return Learnt(learnt.baseline, now)
    old_enough = now - _DECLARED_WITHIN
    results = [one.failed for one in newest_first if one.live and learnt.until < one.at <= old_enough]
    if checks.failed <= checks.worked or checks.failed + checks.worked < _ENOUGH:
        results += [True] * checks.failed + [False] * checks.worked
    until = now if judged_at is None or judged_at < old_enough else max(old_enough, learnt.until)
    elapsed = max(until - learnt.until, timedelta(0))
    return Learnt(learnt.baseline.after(elapsed, failed=sum(results), seen=len(results)), until)


def is_usual(verdict: Verdict | None, recovery: Recovery | None) -> bool:
    """Whether nothing indicates an outage, of the bank or of Plaid, or a fault in our configuration."""
    state = recovery.state if recovery is not None else HealthState.HEALTHY
    return (verdict is None or verdict.is_usual) and state in (HealthState.HEALTHY, HealthState.SUSPECTED)


def first_checks(
    verdict: Verdict | None, recovery: Recovery | None, results: Probes, *, planned_at: datetime | None
) -> Probes:
    """The results of the checks with which a suspicion began: later ones were made because of earlier results.

    Args:
        verdict, recovery: The verdict and the progress at the latest plan.
        results: The results since then.
        planned_at: When the latest plan was made.
    """
    began = recovery is not None and recovery.state is HealthState.SUSPECTED and recovery.since == planned_at
    return results if began and is_usual(verdict, recovery) else Probes()
