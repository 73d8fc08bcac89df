"""Judges the health of an institution by a statistical rule.

The rule asks how unusual the newest readings of distinct connections are, given the usual share of failures. Plaid's
own status lowers what is needed, but never suffices alone: it lags by up to an hour, also after the end of an outage.
The thresholds were chosen on the development seeds of `benchmarks.health`
(docs/decisions/0017-a-rule-detects-outages.md).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.domain.institution_health.counting import Count, counts, readings, sampled, without_checked
from shared.domain.institution_health.evidence import (
    Evidence,
    HealthState,
    OutageKind,
    PlaidStatus,
    Reading,
    RefreshInterval,
    Verdict,
)
from shared.domain.institution_health.login_storm import is_login_storm

CALM_FOR = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(hours=24)
UNHEALTHY = frozenset({HealthState.DOWN, HealthState.DEGRADED})
PLAID_KNOWN_FOR = timedelta(minutes=30)
LIVE_KNOWN_FOR = timedelta(minutes=30)
USERS = 3

UNUSUAL, UNUSUAL_SMALL = 0.05, 0.2
SMALL = 250  # a failure at a bank with fewer connections is checked at once: the next one may be hours away
DOWN_SHARE, DEGRADED_SHARE = 0.5, 0.15
DOWN_TAIL, DEGRADED_TAIL = 1e-5, 1e-5
_CALM_READINGS, _CALM_SHARE = 3, 0.08
_LONG = 20
_NEWEST_BEFORE_DECLARED = 5
_MAY_BE_OVER = {"many_failures", "some_failures"}

Detector = Callable[[Evidence, Verdict | None], Verdict]


@dataclass(frozen=True, slots=True)
class Finding:
    """What the newest evidence alone says, before the previous verdict is considered."""

    state: HealthState
    reason: str
    count: Count


def judge(evidence: Evidence, previous: Verdict | None) -> Verdict:
    """Judges an institution.

    Args:
        evidence: What is known now.
        previous: The latest verdict, if any. An unhealthy institution must look healthy for a while to be so again.
    """
    newest = readings(evidence, previous.ignore_before if previous else None)
    return decide(evidence, newest, find(evidence, newest), previous)


def find(evidence: Evidence, newest: list[Reading]) -> Finding:
    """The state that the newest evidence supports."""
    known = sampled(newest)
    counted = counts(evidence, known)
    plaid = plaid_says(evidence)
    if down := _strongest(counted, _is_down, evidence.connections):
        return Finding(HealthState.DOWN, "many_failures", down)
    live = counts(evidence, [reading for reading in known if reading.live])
    if down := _strongest(live, _is_down, evidence.connections):
        return Finding(HealthState.DOWN, "live_calls_fail", down)
    if plaid is HealthState.DOWN and newest and newest[0].failed:
        return Finding(HealthState.DOWN, "failures_and_plaid", counts(evidence, newest)[0])
    if degraded := _strongest(counted, _is_degraded, evidence.connections):
        return Finding(HealthState.DEGRADED, "some_failures", degraded)
    unsettled = without_checked(newest)
    unsettled_counts = counts(evidence, unsettled)
    unusual = _strongest(unsettled_counts, _is_unusual, evidence.connections)
    if evidence.connections < SMALL and any(one.failed and not one.sampled for one in unsettled):
        unusual = unusual or unsettled_counts[-1]  # of a daily check, Plaid's update may be older than many calls
    if unusual and plaid is not HealthState.HEALTHY:
        return Finding(HealthState.DEGRADED, "failures_and_plaid", unusual)
    if plaid is not HealthState.HEALTHY:
        return Finding(HealthState.SUSPECTED, "plaid_reports", counted[-1])
    if unusual:
        return Finding(HealthState.SUSPECTED, "first_failures", unusual)
    return Finding(HealthState.HEALTHY, "healthy", counted[-1])


def plaid_says(evidence: Evidence) -> HealthState:
    """The state according to Plaid's own status; healthy if Plaid has none, or is itself the cause."""
    plaid = evidence.plaid
    if plaid is None or evidence.now - plaid.at > PLAID_KNOWN_FOR or plaid.error_plaid > plaid.error_institution:
        return HealthState.HEALTHY
    if plaid.success < 0.5 or plaid.refresh_interval is RefreshInterval.STOPPED:
        return HealthState.DOWN
    delayed = plaid.success < 0.9 or plaid.refresh_interval is RefreshInterval.DELAYED
    return HealthState.DEGRADED if delayed else HealthState.HEALTHY


def decide(evidence: Evidence, newest: list[Reading], found: Finding, previous: Verdict | None) -> Verdict:
    """The verdict: what was found, unless an unhealthy state must be kept for now."""
    was = previous or Verdict(HealthState.HEALTHY, None, evidence.now)
    state = found.state
    evident_at, calm_since, ignored = was.evident_at, None, was.ignore_before
    if supports(found, was.state):
        evident_at = evidence.now
    if was.state in UNHEALTHY:
        calm_since = (was.calm_since or evidence.now) if is_calm(evidence, newest) else None
        state = _kept(was, found, evidence.now, calm_since, evident_at)
        if state is HealthState.HEALTHY:
            ignored, evident_at, calm_since = evidence.now, None, None
    elif state in UNHEALTHY and found.reason in _MAY_BE_OVER and seems_over(newest):
        state = HealthState.SUSPECTED  # the failures were unusual, but the newest readings work
    return Verdict(
        state,
        kind_of(evidence, found) if state is not HealthState.HEALTHY else None,
        was.since if state is was.state else evidence.now,
        found.count.share,
        found.count.seen,
        found.count.failing,
        found.count.users,
        found.count.tail,
        _reason(found, state),
        calm_since,
        evident_at,
        ignored,
    )


def supports(found: Finding, state: HealthState) -> bool:
    """Whether the newest evidence supports a state that is at least as bad."""
    order = (HealthState.HEALTHY, HealthState.SUSPECTED, HealthState.DEGRADED, HealthState.DOWN)
    return found.state is not HealthState.HEALTHY and order.index(found.state) >= order.index(state)


def _kept(
    was: Verdict, found: Finding, now: datetime, calm_since: datetime | None, evident_at: datetime | None
) -> HealthState:
    if calm_since is not None:
        return HealthState.HEALTHY if now - calm_since >= CALM_FOR else was.state
    if found.state is HealthState.DOWN:
        return HealthState.DOWN
    forgotten = was.state is HealthState.DOWN and now - (evident_at or was.since) >= FORGOTTEN_AFTER
    return HealthState.SUSPECTED if forgotten else was.state


def _reason(found: Finding, state: HealthState) -> str:
    if state is found.state:
        return found.reason
    return "no_new_evidence" if state is HealthState.SUSPECTED else "not_recovered_yet"


def is_calm(evidence: Evidence, newest: list[Reading]) -> bool:
    """Whether the newest readings of an unhealthy institution look healthy again."""
    needed = max(min(_CALM_READINGS, evidence.connections), 1)
    recent = [reading for reading in newest[:_LONG] if evidence.now - reading.at <= timedelta(hours=1)]
    live_failed = next((one.failed for one in recent if one.live and evidence.now - one.at <= LIVE_KNOWN_FOR), False)
    if len(recent) < needed or live_failed:
        return False
    failed = sum(reading.failed for reading in recent)
    usual = max(_CALM_SHARE, 1.5 * evidence.baseline.share)
    return not any(reading.failed for reading in recent[:needed]) or (
        len(recent) == _LONG and failed < usual * len(recent)
    )


def seems_over(newest: list[Reading]) -> bool:
    """Whether the failures are over before they were declared: the newest readings work, but for one."""
    recent = newest[:_NEWEST_BEFORE_DECLARED]
    return len(recent) > 1 and sum(reading.failed for reading in recent) <= len(recent) // _NEWEST_BEFORE_DECLARED


def kind_of(evidence: Evidence, found: Finding) -> OutageKind:
    """What fails: logins, data or both."""
    plaid: PlaidStatus | None = evidence.plaid
    plaid_logins = plaid is not None and plaid.login_success is not None and plaid.login_success < 0.5
    logins = plaid_logins or is_login_storm(evidence.logins_lost, evidence.connections, evidence.now)
    data = found.count.failing > 0 or plaid_says(evidence) is not HealthState.HEALTHY
    if logins:
        return OutageKind.BOTH if data else OutageKind.LOGIN
    return OutageKind.DATA


def _strongest(counted: list[Count], test: Callable[[Count, int], bool], connections: int) -> Count | None:
    """The most unusual of the counts that pass a test."""
    return min((count for count in counted if test(count, connections)), key=lambda count: count.tail, default=None)


def _limit(tail: float, connections: int) -> float:
    """A stricter limit at a large bank, which is judged more often and so errs more often by chance."""
    return tail / max(connections, 10)


def _is_down(count: Count, connections: int) -> bool:
    return (
        count.failing >= 3
        and count.users >= USERS
        and count.share >= DOWN_SHARE
        and count.tail < _limit(DOWN_TAIL, connections)
    )


def _is_degraded(count: Count, connections: int) -> bool:
    return (
        count.failing >= 4
        and count.users >= USERS
        and count.share >= DEGRADED_SHARE
        and count.tail < _limit(DEGRADED_TAIL, connections)
    )


def _is_unusual(count: Count, connections: int) -> bool:
    return count.failing > 0 and count.tail < (UNUSUAL_SMALL if connections < SMALL else UNUSUAL)
