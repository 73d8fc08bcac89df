"""Learns how many connections of an institution usually fail, from samples that are fair."""

from datetime import datetime, timedelta
from typing import NamedTuple

from shared.domain.institution_health.evidence import Baseline, HealthState, Reading
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
    worked: int,
    failed: int,
    judged_at: datetime | None,
    is_usual: bool,
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
        worked, failed: The results of the checks that began a suspicion, since the latest judgement.
        judged_at: When the institution was last judged.
        is_usual: Whether nothing indicates an outage; otherwise nothing is learnt.
        now: The present.
    """
    if not is_usual:
        return Learnt(learnt.baseline, now)
    old_enough = now - _DECLARED_WITHIN
    results = [one.failed for one in newest_first if one.live and learnt.until < one.at <= old_enough]
    if failed <= worked or failed + worked < _ENOUGH:
        results += [True] * failed + [False] * worked
    until = now if judged_at is None or judged_at < old_enough else max(old_enough, learnt.until)
    elapsed = max(until - learnt.until, timedelta(0))
    return Learnt(learnt.baseline.after(elapsed, failed=sum(results), seen=len(results)), until)


def first_checks(recovery: Recovery | None, results: Probes, *, planned_at: datetime | None) -> Probes:
    """The results of the checks with which a suspicion began: later ones were made because of earlier results.

    Args:
        recovery: The progress at the latest plan.
        results: The results since then.
        planned_at: When the latest plan was made.
    """
    if recovery is None or recovery.state is not HealthState.SUSPECTED or recovery.since != planned_at:
        return Probes()
    return results
