"""Recovery from an outage: what the backend does in each state, as a pure plan.

While a bank is down, an automatic pause stops its syncs, and only probes run. When the probes work, syncs resume
half-open: 2 connections, then 5, 5 %, 20 %, and all of them, one step every 5 minutes, oldest data first. A failing
step halves the next one and doubles the wait. The pause expires by itself, so a process that dies at any point leaves
nothing paused for longer than PAUSE.

One connection is probed every 5 minutes, and less often once an outage is 12 hours old (CHECK_AGAIN * _PATIENCE):
such an outage rarely ends soon. Those that failed last are probed first: the others may have worked all the time.

The pattern is a circuit breaker with bounded half-open probes that back off:
https://learn.microsoft.com/azure/architecture/patterns/circuit-breaker.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.institution_health.evidence import HealthState, Verdict

PAUSE = timedelta(hours=6)
RENEWED_BY = timedelta(hours=1)  # evidence this recent renews a pause
CHECK_AGAIN = timedelta(minutes=5)
LONGEST_WAIT = timedelta(minutes=60)
_PATIENCE = 144  # the interval between two probes is an outage's age divided by this
_PATIENCE_UNDECLARED = 6  # the same while the bank is suspected or degraded
CALM_SKIPS_WAIT = timedelta(minutes=10)  # several probes in a row worked: no need to wait for the next step
STEPS: tuple[int | float, ...] = (2, 5, 0.05, 0.20, 1.0)
"""Connections released by each step: a number, or a share of the bank's connections."""

PROBES_SUSPECTED = 5
PROBES_DOWN = 2
"""Connections that must work before syncs resume. Until one works, only one is probed."""

AGAIN = 3
RETRY_SPACING_DEGRADED = 4
OVERRIDE = "operator"
"""The reason of a verdict that an operator set: probes do not overrule it."""

_FAILING_SHARE = 0.5
_GROWTH = 2
_COUNTED_STEPS = 2  # the first steps are probes: if one of them fails, the outage is not over


@dataclass(frozen=True, slots=True)
class Probes:
    """Results since the latest plan: of probes, and of the connections that the latest step released.

    Attributes:
        worked, failed: Distinct connections whose bank answered, and those whose bank failed.
    """

    worked: int = 0
    failed: int = 0

    @property
    def failing(self) -> bool:
        """Whether a step with these results failed. One failure of several is usual at an unreliable bank."""
        seen = self.worked + self.failed
        return self.failed > 0 and (self.worked == 0 or (self.failed > 1 and self.failed >= _FAILING_SHARE * seen))


@dataclass(frozen=True, slots=True)
class Recovery:
    """The stored progress of an outage.

    Attributes:
        state: The published state.
        since: When this state began.
        down_since: When the outage was declared; None if there is none.
        paused_until: When the automatic pause expires; None if nothing is paused.
        step: The index of the next step in STEPS.
        halved: How often the next step's size is halved.
        wait: The wait between two steps.
        next_step_at: When the next step may start.
        next_probe_at: When the next probe is due while the bank is down, unless the latest one worked.
    """

    state: HealthState
    since: datetime
    down_since: datetime | None = None
    paused_until: datetime | None = None
    step: int = 0
    halved: int = 0
    wait: timedelta = CHECK_AGAIN
    next_step_at: datetime | None = None
    next_probe_at: datetime | None = None

    def paused(self, now: datetime) -> bool:
        """Whether syncs of the bank are paused, except for probes and released connections."""
        return self.paused_until is not None and now < self.paused_until


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now.

    Attributes:
        recovery: The progress to store.
        probe: How many connections to check with /item/get: while the bank is down or recovering, those that failed
            last; otherwise those without a recent reading. The results may allow or require the next plan at once:
            make it (`plan_again`).
        release: How many deferred connections to sync now, oldest data first.
        retry_spacing: The factor by which retries of this bank are spaced out.
        call_operator: An operator must decide, because this bank may not be paused automatically.
        check_again_at: When to judge again; None: at the next scheduler run that has a reason to.
    """

    recovery: Recovery
    probe: int = 0
    release: int = 0
    retry_spacing: int = 1
    call_operator: bool = False
    check_again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """What a plan depends on.

    Attributes:
        now: The time.
        verdict: The detector's verdict, or an operator's override (its reason is OVERRIDE).
        connections: All connections to the bank.
        deferred: Connections whose sync is due and waits for the pause to end.
        probes: Results since the latest plan.
        may_pause: Whether this bank may be paused automatically (shared/domain/institution_health/scope.py).
        most: The most connections to release at once, so that the bank's catch-up does not crowd out other banks.
        asked: Connections that were probed a moment ago, by the plans that this one follows at once.
    """

    now: datetime
    verdict: Verdict
    connections: int
    deferred: int = 0
    probes: Probes = Probes()
    may_pause: bool = True
    most: int = 200
    asked: int = 0


def plan_again(state: HealthState, results: Probes) -> bool:
    """Whether to judge and plan again at once, because of the results of probes. Do so at most AGAIN times in a row.

    The backend does not wait for the next bucket to declare an outage, or to resume after it.
    """
    if state in {HealthState.DOWN, HealthState.RECOVERING}:
        return results.worked > 0 and not results.failed
    return results.failed > 0 and results.failed >= results.worked


def plan(previous: Recovery | None, situation: Situation) -> Plan:
    """Decides what to do about an institution.

    Args:
        previous: The stored progress; None if the institution was healthy.
        situation: What is known now.

    Returns:
        The next progress and what to do. Calling it again with the same progress is harmless: probes and releases are
        bounded per call.
    """
    was = previous or Recovery(HealthState.HEALTHY, situation.now)
    if was.state is HealthState.RECOVERING:
        return _recovering(was, situation)
    if was.state is HealthState.DOWN and was.paused_until is not None:
        return _down(was, situation)
    if situation.verdict.state is HealthState.DOWN:
        return _declared(was, situation)
    return _followed(was, situation)


def _followed(was: Recovery, situation: Situation) -> Plan:
    """The state is the verdict's, and nothing is paused."""
    now, state = situation.now, situation.verdict.state
    if state is HealthState.HEALTHY:
        return Plan(Recovery(state, was.since if state is was.state else now))
    recovery = was if state is was.state else Recovery(state, now)
    degraded = state is HealthState.DEGRADED
    spacing, due = RETRY_SPACING_DEGRADED if degraded else 1, recovery.next_probe_at
    if due is not None and now < due and not situation.probes.failed:
        return Plan(recovery, retry_spacing=spacing, check_again_at=due)
    wait = min(max((now - recovery.since) / _PATIENCE_UNDECLARED, CHECK_AGAIN), LONGEST_WAIT)
    return Plan(
        Recovery(state, recovery.since, next_probe_at=now + wait),
        probe=min(PROBES_DOWN if degraded else PROBES_SUSPECTED, max(situation.connections - situation.asked, 0)),
        retry_spacing=spacing,
        check_again_at=now + wait,
    )


def _declared(was: Recovery, situation: Situation) -> Plan:
    """The bank is down and nothing is paused yet."""
    now, continues = situation.now, was.state is HealthState.DOWN
    recovery = Recovery(
        HealthState.DOWN,
        was.since if continues else now,
        down_since=was.down_since or now,
        paused_until=now + PAUSE if situation.may_pause else None,
        next_probe_at=was.next_probe_at if continues else None,
    )
    return _probing(recovery, situation, call_operator=not situation.may_pause and not continues)


def _down(was: Recovery, situation: Situation) -> Plan:
    """The bank is down and paused: waits for probes that work, or for the pause to expire."""
    now, verdict, probes = situation.now, situation.verdict, situation.probes
    if verdict.state is HealthState.DOWN and verdict.reason == OVERRIDE:
        return _probing(replace(was, paused_until=now + PAUSE), situation)
    enough = probes.worked >= min(PROBES_DOWN, situation.connections) > 0 and not probes.failed
    calm = verdict.calm_since is not None and now - verdict.calm_since >= CALM_SKIPS_WAIT
    if (enough or verdict.state is not HealthState.DOWN or not was.paused(now)) and (calm or _may_step(was, now)):
        return _release(replace(was, state=HealthState.RECOVERING, since=now, step=0), situation)
    fresh = verdict.evident_at is not None and now - verdict.evident_at <= RENEWED_BY
    return _probing(replace(was, paused_until=now + PAUSE) if probes.failed or fresh else was, situation)


def _recovering(was: Recovery, situation: Situation) -> Plan:
    """Syncs resume step by step."""
    now, verdict, probes = situation.now, situation.verdict, situation.probes
    if verdict.state is HealthState.DOWN and verdict.reason == OVERRIDE:
        return _declared(was, situation)
    if probes.failing:
        return _failed_step(was, situation)
    if not _may_step(was, now):
        return Plan(was, check_again_at=now + CHECK_AGAIN)
    if was.paused_until is not None and not was.paused(now) and verdict.state is not HealthState.DOWN:
        return _followed(was, situation)  # the pause expired, so nothing is left to resume
    if not probes.worked and was.step < len(sizes(situation.connections)):
        # The released connections have no results yet, or their run died: the same step again.
        return _release(replace(was, step=max(was.step - 1, 0)), situation)
    proven = was.step >= min(_COUNTED_STEPS, len(sizes(situation.connections)))
    if proven and not situation.deferred and verdict.state is not HealthState.DOWN:
        return _followed(was, situation)
    return _release(replace(was, wait=max(was.wait / 2, CHECK_AGAIN)), situation)


def _failed_step(was: Recovery, situation: Situation) -> Plan:
    """Waits twice as long for half the step. A failure of the first steps means that the outage continues."""
    now = situation.now
    wait = min(was.wait * 2, LONGEST_WAIT)
    back = replace(
        was,
        paused_until=now + PAUSE if situation.may_pause else was.paused_until,
        step=max(was.step - 1, 0),
        halved=was.halved + 1,
        wait=wait,
        next_step_at=now + wait,
    )
    if was.step > _COUNTED_STEPS:
        return Plan(back, check_again_at=now + CHECK_AGAIN)
    return _probing(replace(back, state=HealthState.DOWN, since=now, step=0, halved=0), situation)


def sizes(connections: int) -> tuple[int, ...]:
    """The sizes of the steps at a bank with so many connections; steps that would hardly grow are left out."""
    found: list[int] = []
    for step in STEPS[:-1]:
        size = step if isinstance(step, int) else round(step * connections)
        if size < connections and size >= _GROWTH * (found[-1] if found else 1):
            found.append(size)
    return (*found, connections)


def _release(was: Recovery, situation: Situation) -> Plan:
    """Releases the connections of the next step; the last step repeats until all are released, and ends the pause."""
    now, steps = situation.now, sizes(situation.connections)
    step = min(was.step, len(steps) - 1)
    release = min(max(steps[step] >> was.halved, 1), situation.most, situation.deferred)
    all_of_them = step == len(steps) - 1 and not was.halved and release == situation.deferred
    after = replace(
        was,
        step=step if was.halved else step + 1,
        halved=max(was.halved - 1, 0),
        next_step_at=now + was.wait,
        paused_until=None if all_of_them else was.paused_until,
    )
    probe = 0 if situation.deferred else min(PROBES_DOWN, situation.connections)
    return Plan(after, probe=probe, release=release, check_again_at=after.next_step_at)


def _probing(recovery: Recovery, situation: Situation, *, call_operator: bool = False) -> Plan:
    """Probes one connection, or more after one worked. Once enough worked, it waits until the next probe is due."""
    now, worked = situation.now, situation.probes.worked > 0 and not situation.probes.failed
    due, enough = recovery.next_probe_at, situation.probes.worked >= min(PROBES_DOWN, situation.connections)
    if due is not None and now < due and (enough or not worked):
        return Plan(recovery, call_operator=call_operator, check_again_at=due)
    age = now - (recovery.down_since or now)
    next_probe_at = now + min(max(age / _PATIENCE, CHECK_AGAIN), LONGEST_WAIT)
    return Plan(
        replace(recovery, next_probe_at=next_probe_at),
        probe=min(PROBES_DOWN if worked else 1, situation.connections),
        call_operator=call_operator,
        check_again_at=next_probe_at,
    )


def _may_step(was: Recovery, now: datetime) -> bool:
    return was.next_step_at is None or now >= was.next_step_at
