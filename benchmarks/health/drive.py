"""Drives the backend's own detector and recovery plan through a replay, in virtual time.

An institution is judged when the backend would judge it: at the end of the 5-minute bucket in which a call failed, at
the scheduler's runs while Plaid reports trouble, and every 5 minutes while it is not healthy.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from benchmarks.health.replay import DAY, START, Bank, Replay
from benchmarks.health.world import BankWorld, Event, when
from shared.domain.institution_health.counting import readings
from shared.domain.institution_health.detector import UNHEALTHY, Detector
from shared.domain.institution_health.evidence import (
    Baseline,
    Evidence,
    HealthState,
    ItemUpdate,
    Outcome,
    Verdict,
)
from shared.domain.institution_health.recovery import AGAIN, Plan, Probes, Recovery, Situation, plan, plan_again
from shared.domain.institution_health.scope import CONTROLS, OWN, Control, Scope, attributed, may_pause, scope
from shared.domain.institution_health.usual_share import Learnt, first_checks, is_usual, learn

BUCKET, TICK = 5.0, 15.0
UNDECLARED = frozenset({HealthState.SUSPECTED, HealthState.DEGRADED})
KEPT = 360.0
MOST_KEPT = 160
NEVER = math.inf


@dataclass(slots=True)
class Declared:
    """A verdict that was not healthy: from when to when, in minutes."""

    state: HealthState
    start: float
    end: float = NEVER


@dataclass(slots=True)
class Released:
    """Deferred connections that were synced again."""

    at: float
    count: int


@dataclass
class Log:
    """What happened at one institution under one seed."""

    bank: Bank
    declared: list[Declared] = field(default_factory=list)
    released: list[Released] = field(default_factory=list)
    deferred: list[float] = field(default_factory=list)  # times at which connections began to wait
    waited: list[tuple[float, float]] = field(default_factory=list)  # when a connection began to wait, and its sync
    calls: list[tuple[float, int]] = field(default_factory=list)  # calls to Plaid about the outage
    refused_pauses: int = 0


class Institution:
    """The backend's knowledge of one institution."""

    def __init__(self, bank: Bank, replay: Replay, seed: int, detector: Detector) -> None:
        self.world = BankWorld(bank, replay, seed)
        self.log = Log(bank)
        self.detector = detector
        self.learnt = Learnt(Baseline(), START - timedelta(minutes=KEPT))
        self.verdict: Verdict | None = None
        self.recovery: Recovery | None = None
        self.check_at = NEVER
        self.results = [0, 0]
        self.waiting: dict[int, float] = {}
        self.end = replay.days * DAY
        self._days: Iterator[list[Event]] = self.world.events()
        self._coming: deque[Event] = deque()
        self._failures: deque[float] = deque()
        self._seen: deque[Event] = deque(maxlen=MOST_KEPT)
        self._failing: set[int] = set()
        self.judged_at = -1.0
        self._trouble = deque(self.world.status_changes)

    @property
    def state(self) -> HealthState:
        """The state of the latest verdict."""
        return self.verdict.state if self.verdict else HealthState.HEALTHY

    def next_wake(self) -> float:
        """When the institution must be judged next."""
        while not self._failures and self._generate():
            pass
        at = self._bucket_end(self._failures[0]) if self._failures and not self._paused(self._failures[0]) else NEVER
        return min(at, self.check_at, self._next_tick_of_trouble())

    def _paused(self, at: float) -> bool:
        until = self.recovery.paused_until if self.recovery is not None else None
        return until is not None and when(at) < until

    def _generate(self) -> bool:
        day = next(self._days, None)
        if day is None:
            return False
        self._coming.extend(day)
        self._failures.extend(event.at for event in day if event.failed)
        return True

    def _bucket_end(self, at: float) -> float:
        return math.floor(at / BUCKET) * BUCKET + BUCKET

    def _next_tick_of_trouble(self) -> float:
        while self._trouble:
            start, end = self._trouble[0]
            tick = math.ceil(max(start, self.judged_at + 1e-6) / TICK) * TICK
            if tick < end:
                return tick
            self._trouble.popleft()
        return NEVER

    def advance(self, to: float) -> None:
        """Lets the calls until then happen. While the bank is paused they wait."""
        while not self._coming or self._coming[-1].at <= to:
            if not self._generate():
                break
        pauses = self.recovery is not None and self.recovery.paused_until is not None
        while self._coming and self._coming[0].at <= to:
            event = self._coming.popleft()
            if pauses and self._paused(event.at):
                self.waiting.setdefault(event.connection, event.at)
            else:
                self._see(event)
        while self._failures and self._failures[0] <= to:
            self._failures.popleft()

    def _see(self, event: Event) -> None:
        """Records a call as the backend does: of the daily checks only failures and their ends."""
        if not event.live:
            if not event.failed and event.connection not in self._failing:
                return
            event.sampled = False
        (self._failing.add if event.failed else self._failing.discard)(event.connection)
        self._seen.append(event)

    def evidence(self, at: float, shared_at: datetime | None) -> Evidence:
        """The evidence at that time."""
        seen = self._seen
        while seen and seen[0].at < at - KEPT:
            seen.popleft()
        return Evidence(
            self.world.bank.institution_id,
            when(at),
            self.world.bank.size,
            tuple([event.outcome or self._outcome(event) for event in seen if event.live]),
            tuple([event.update or self._update(event) for event in seen if not event.live]),
            self.world.status(at),
            self.learnt.baseline,
            shared_at=shared_at,
        )

    def _outcome(self, event: Event) -> Outcome:
        event.outcome = self.world.outcome(event)
        return event.outcome

    def _update(self, event: Event) -> ItemUpdate:
        event.update = self.world.update(event)
        return event.update

    def judge(self, at: float, shared_at: datetime | None) -> tuple[Evidence, Verdict]:
        """The detector's verdict, which is not stored yet."""
        self.judged_at = at
        known = self.evidence(at, shared_at)
        return known, self.detector(known, self.verdict)

    def accept(self, verdict: Verdict, at: float) -> None:
        """Stores a verdict."""
        if verdict.state is not self.state:
            if self.log.declared and self.log.declared[-1].end == NEVER:
                self.log.declared[-1].end = at
            if verdict.state is not HealthState.HEALTHY:
                self.log.declared.append(Declared(verdict.state, at))
        self.verdict = verdict

    def learn(self, known: Evidence, judged_at: float, checks: Probes) -> None:
        """Learns how many connections usually fail."""
        self.learnt = learn(
            self.learnt,
            readings(known, self.verdict.ignore_before if self.verdict else None),
            checks=checks,
            judged_at=when(judged_at),
            usual=is_usual(self.verdict, self.recovery),
            now=known.now,
        )

    def check(self, at: float, count: int, *, as_control: bool = False) -> int:
        """Checks some connections with /item/get; the number of those whose bank failed."""
        size = self.world.bank.size
        count = min(count, size)
        if as_control:
            chosen = self.world.probes.sample(range(size), count)
        else:
            chosen = (self._failed_last(count) if self.state is HealthState.DOWN else []) or self._unread(count)
        return self._probe(chosen, at, as_control=as_control)

    def _failed_last(self, count: int) -> list[int]:
        """Connections whose newest reading failed, in random order."""
        newest = {event.connection: event.failed for event in self._seen}
        failed = [connection for connection, failed in newest.items() if failed]
        return self.world.probes.sample(failed, min(count, len(failed)))

    def _unread(self, count: int) -> list[int]:
        """Connections without a recent reading, in random order; others only if there are too few."""
        size = self.world.bank.size
        recent = {event.connection for event in self._seen}
        drawn = self.world.probes.sample(range(size), min(size, count + len(recent)))
        return sorted(drawn, key=recent.__contains__)[:count]

    def _probe(self, chosen: list[int], at: float, *, as_control: bool = False) -> int:
        failed = 0
        for connection in chosen:
            event = self.world.probe(connection, at)
            failed += event.failed
            self._seen.append(event)
        if not as_control:
            self.results[0] += len(chosen) - failed
            self.results[1] += failed
        self.log.calls.append((at, len(chosen)))
        return failed

    def release(self, count: int, at: float) -> None:
        """Syncs the connections that waited longest."""
        chosen = sorted(self.waiting, key=self.waiting.__getitem__)[:count]
        self._probe(chosen, at)
        for connection in chosen:
            self.log.waited.append((self.waiting.pop(connection), at))
        if chosen:
            self.log.released.append(Released(at, len(chosen)))


class Backend:
    """All institutions of a replay under one seed."""

    def __init__(self, replay: Replay, seed: int, detector: Detector) -> None:
        self.replay = replay
        self.institutions = [Institution(bank, replay, seed, detector) for bank in replay.banks]
        exposure = replay.exposure
        per_day = replay.connections * (exposure.webhooks + exposure.live + exposure.checks)
        self.usual_per_bucket = per_day / DAY * BUCKET
        self.shared_at: datetime | None = None
        self._released: Counter[float] = Counter()  # by bucket, of all institutions

    def run(self) -> list[Log]:
        """Runs the whole time and returns what happened."""
        end = self.replay.days * DAY
        heap = [(one.next_wake(), at) for at, one in enumerate(self.institutions)]
        heapq.heapify(heap)
        while heap and heap[0][0] <= end:
            at, index = heapq.heappop(heap)
            institution = self.institutions[index]
            institution.advance(at)
            self._wake(institution, at)
            heapq.heappush(heap, (max(institution.next_wake(), at + 1e-6), index))
        return [one.log for one in self.institutions]

    def _wake(self, institution: Institution, at: float) -> None:
        planned = self._judge(institution, at)
        for _ in range(AGAIN):
            if not planned.probe:
                break
            institution.check(at, planned.probe)
            if not plan_again(planned.recovery.state, Probes(*institution.results)):
                break
            planned = self._judge(institution, at)
        if planned.release:
            institution.release(planned.release, at)
            self._released[at // BUCKET] += planned.release
        # At the scheduler's runs, every bank's status is asked for anyway.
        if planned.probe and planned.recovery.state in UNDECLARED and at % TICK:
            institution.log.calls.append((at, 1))
        again = planned.check_again_at
        institution.check_at = NEVER if again is None else (again - START) / timedelta(minutes=1)

    def _judge(self, institution: Institution, at: float) -> Plan:
        judged_at, results = institution.judged_at, Probes(*institution.results)
        checks = first_checks(institution.verdict, institution.recovery, results, planned_at=when(judged_at))
        known, verdict = institution.judge(at, self.shared_at)
        if verdict.state in UNHEALTHY and institution.state not in UNHEALTHY:
            institution.check(at, OWN)
            known, verdict = institution.judge(at, self.shared_at)
        if verdict.state in UNHEALTHY and institution.state not in UNHEALTHY:
            whose = self._scope(known, at, institution)
            verdict = attributed(verdict, institution.verdict, whose, known.now)
        institution.accept(verdict, at)
        pausing = verdict.state is HealthState.DOWN
        situation = Situation(
            when(at),
            verdict,
            institution.world.bank.size,
            len(institution.waiting),
            results,
            self._may_pause(institution, known) if pausing else True,
            max(int(self.usual_per_bucket), 2) - self._released[at // BUCKET],
        )
        institution.results = [0, 0]
        planned = plan(institution.recovery, situation)
        institution.recovery = planned.recovery
        institution.learn(known, judged_at, checks)
        institution.log.refused_pauses += planned.call_operator
        return planned

    def _scope(self, known: Evidence, at: float, institution: Institution) -> Scope:
        others = [one for one in self.institutions if one is not institution and one.state not in UNHEALTHY]
        shuffled = institution.world.probes.sample(others, len(others))
        chosen = (shuffled * CONTROLS)[:CONTROLS]
        controls = []
        for other in chosen:
            other.advance(at)
            failed = bool(other.check(at, 1, as_control=True))
            controls.append(Control(other.world.bank.institution_id, failed, other.learnt.baseline.share))
        whose = scope(known, controls, others=len(others), shared_at=self.shared_at)
        if whose is Scope.SHARED:
            self.shared_at = known.now
        return whose

    def _may_pause(self, institution: Institution, known: Evidence) -> bool:
        paused = sum(
            one.recovery is not None and one.recovery.state is HealthState.DOWN and one is not institution
            for one in self.institutions
        )
        return may_pause(known, all_connections=self.replay.connections, others_paused=paused)
