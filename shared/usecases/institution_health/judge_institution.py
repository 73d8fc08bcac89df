"""Judges an institution, and does what follows: pauses its syncs, resumes them step by step, notifies users.

A judgement is stored before it takes effect, and everything that follows from it can be repeated: if a process dies,
the next judgement continues. Until everything is done, the watchlist names the institution, so the scheduler judges it
again.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.domain.errors import Conflict
from shared.domain.institution_health.counting import readings
from shared.domain.institution_health.detector import UNHEALTHY, Detector
from shared.domain.institution_health.evidence import Evidence, HealthState, Verdict
from shared.domain.institution_health.record import HealthRecord, Watchlist
from shared.domain.institution_health.recovery import (
    AGAIN,
    OVERRIDE,
    Plan,
    Probes,
    Recovery,
    Situation,
    plan,
    plan_again,
)
from shared.domain.institution_health.scope import OWN, Scope, attributed, may_pause, scope
from shared.log import log
from shared.ports import BankContacts, Clock, HealthRecords, Tasks, Version
from shared.usecases.enqueue import enqueue_judgement
from shared.usecases.institution_health.carry_out_plan import PlanExecution
from shared.usecases.institution_health.gather_evidence import EvidenceGatherer
from shared.usecases.institution_health.probe_connections import ConnectionProbes
from shared.usecases.institution_health.report_verdict import report_refused_pause, report_verdict

LEAST_RELEASED = 20
USUAL_RATE = 3.5 / 288  # of syncs and checks per connection in 5 minutes
MOST_RESULTS = 200
MAX_TRIES = 5  # of a compare-and-set of the watchlist against judgements of other institutions
_INSTANT = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class _Judgement:
    """A judgement that is not stored yet."""

    record: HealthRecord
    plan: Plan
    shared_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeInstitution:
    """Judges institutions.

    Attributes:
        detector: Judges the evidence.
        records: The stored records.
        contacts: The evidence in the states of syncs.
        gather: Gathers the evidence.
        probes: Checks connections.
        execution: Carries out the plan.
        withdraw: Deletes the published health of an institution.
        tasks: Enqueues the next judgement.
        clock: The time.
    """

    detector: Detector
    records: HealthRecords
    contacts: BankContacts
    gather: EvidenceGatherer
    probes: ConnectionProbes
    execution: PlanExecution
    withdraw: Callable[[str], None]
    tasks: Tasks
    clock: Clock

    def __call__(self, institution_id: str) -> None:
        """Judges an institution now. Of two judgements at the same time, the slower one is dropped.

        Raises:
            Unavailable: The store did not answer; the next judgement continues.
        """
        try:
            asked = 0
            for _ in range(1 + AGAIN):
                probed = self._judge(institution_id, asked=asked)
                if not probed:
                    break
                asked += probed
        except Conflict:
            log.info("institution.judged_elsewhere", institution_id=institution_id)

    def _judge(self, institution_id: str, *, asked: int) -> int:
        """Judges, stores and carries out.

        Args:
            institution_id: The institution.
            asked: The connections that the judgements just before this one have probed.

        Returns:
            The connections that were probed, if the results allow or require the next judgement at once; else 0.
        """
        now = self._now()
        watchlist, _ = self.records.watchlist()
        loaded = self.records.load(institution_id)
        before, version = loaded if loaded is not None else (HealthRecord(institution_id=institution_id), None)
        connections = self.contacts.count_at(institution_id)
        if not connections:
            self._forget(before, now=now)
            return 0
        known = before.model_copy(update={"connections": connections, "plaid": self.gather.status(before, now=now)})
        made = self._judged(known, watchlist, asked=asked, now=now)
        record = made.record
        version = self._save(record, expected=version, shared_at=made.shared_at, now=now)
        self._report(before, record, made.plan)
        done = self.execution(record, made.plan, now=now)
        if done != record:
            self._save(done, expected=version, shared_at=None, now=now)
        if not done.settled:
            enqueue_judgement(self.tasks, institution_id, at=(made.plan.check_again_at or now) - _INSTANT)
        return made.plan.probe if plan_again(done.state, done.probes) else 0

    def _save(
        self, record: HealthRecord, *, expected: Version | None, shared_at: datetime | None, now: datetime
    ) -> Version:
        """Stores the record with the watchlist, which judgements of other institutions change, too.

        Raises:
            Conflict: Another judgement of this institution was faster.
        """
        for _ in range(MAX_TRIES):
            watchlist, listed = self.records.watchlist()
            changed = watchlist.with_record(record, now=now, shared_at=shared_at)
            with suppress(Conflict):
                return self.records.save(record, expected=expected, watchlist=(changed, listed))
        raise Conflict

    def _judged(self, known: HealthRecord, watchlist: Watchlist, *, asked: int, now: datetime) -> _Judgement:
        evidence, verdict, attributed_at = self._verdict(known, watchlist, now=now)
        pausing = verdict.state is HealthState.DOWN and verdict.reason != OVERRIDE
        situation = Situation(
            now=now,
            verdict=verdict,
            connections=known.connections,
            deferred=self._deferred(known),
            probes=self._results(known, now=now),
            asked=asked,
            may_pause=not pausing
            or may_pause(
                evidence,
                all_connections=self.contacts.count_all(),
                others_paused=len({*watchlist.paused} - {known.institution_id}),
            ),
            most=self._most_released(known, watchlist),
        )
        planned = _planned(known, situation)
        newest = readings(evidence, verdict.ignore_before)
        record = _after(known, verdict, planned, now=now).learning(known, newest, now=now)
        return _Judgement(record, planned, attributed_at)

    def _verdict(
        self, known: HealthRecord, watchlist: Watchlist, *, now: datetime
    ) -> tuple[Evidence, Verdict, datetime | None]:
        """The evidence, the verdict, and when failures were attributed to Plaid or to us, if they were just now."""
        previous, shared_at = known.previous_verdict(now=now), watchlist.shared_at
        evidence = self.gather(known, shared_at=shared_at, now=self.clock.now())
        verdict = self.detector(evidence, previous)
        if known.is_overridden(now=now):
            return evidence, known.overridden(verdict, now=now), None
        if _is_new(verdict, previous):  # a failure of a moment ago may be over
            self.probes.some_at(known, count=OWN)
            evidence = self.gather(known, shared_at=shared_at, now=self.clock.now())
            verdict = self.detector(evidence, previous)
        if not _is_new(verdict, previous):
            return evidence, verdict, None
        controls, others = self.probes.controls(known, watchlist)
        whose = scope(evidence, controls, others=others, shared_at=shared_at)
        verdict = attributed(verdict, previous, whose, evidence.now)
        return evidence, verdict, now if whose is Scope.SHARED else None

    def _most_released(self, known: HealthRecord, watchlist: Watchlist) -> int:
        """The most syncs to resume at once, so that the catch-up of all banks at most doubles the usual rate."""
        if known.state not in (HealthState.DOWN, HealthState.RECOVERING):
            return LEAST_RELEASED
        others = (self.records.load(one) for one in watchlist.paused if one != known.institution_id)
        sharing = 1 + sum(one is not None and one[0].state is HealthState.RECOVERING for one in others)
        return max(int(self.contacts.count_all() * USUAL_RATE / sharing), LEAST_RELEASED)

    def _deferred(self, known: HealthRecord) -> int:
        is_over = known.recovery is None or known.recovery.down_since is None
        return 0 if is_over else self.contacts.count_deferred(known.institution_id)

    def _results(self, known: HealthRecord, *, now: datetime) -> Probes:
        """The probes since the latest plan, and syncs that failed since then although they were released."""
        if known.state is not HealthState.RECOVERING or known.planned_at is None:
            return known.probes
        latest = self.contacts.latest(known.institution_id, since=known.planned_at, limit=MOST_RESULTS)
        failed = sum(one.failed and one.at <= now for one in latest)
        return Probes(known.probes.worked, max(known.probes.failed, failed))

    def _report(self, before: HealthRecord, after: HealthRecord, planned: Plan) -> None:
        if after.shown is not None:
            report_verdict(after.institution_id, before.shown, after.shown)
            if planned.call_operator:
                report_refused_pause(after.institution_id, after.shown, why="too_much_fails_at_once")

    def _forget(self, record: HealthRecord, *, now: datetime) -> None:
        """Stops watching an institution without connections."""
        self.execution.resume(record, now=now)
        self.withdraw(record.institution_id)
        self.records.forget(record.institution_id)
        watchlist, listed = self.records.watchlist()
        self.records.save_watchlist(watchlist.without(record.institution_id), expected=listed)

    def _now(self) -> datetime:
        """The present, to the minute: judgements are minutes apart, and a queue does not deliver to the second."""
        return self.clock.now().replace(second=0, microsecond=0)


def _is_new(verdict: Verdict, previous: Verdict | None) -> bool:
    """Whether the institution is newly declared unhealthy."""
    return verdict.state in UNHEALTHY and (previous is None or previous.state not in UNHEALTHY)


def _planned(known: HealthRecord, situation: Situation) -> Plan:
    """The plan; an operator's `healthy` ends everything at once."""
    verdict = situation.verdict
    if verdict.reason == OVERRIDE and verdict.state is HealthState.HEALTHY:
        return Plan(Recovery(HealthState.HEALTHY, verdict.since))
    return plan(known.recovery, situation)


def _waits(before: Recovery | None, planned: Plan) -> bool:
    """Whether a plan does nothing but wait; it may renew the pause meanwhile."""
    same = before is not None and replace(planned.recovery, paused_until=before.paused_until) == before
    return same and not planned.probe


def _after(known: HealthRecord, verdict: Verdict, planned: Plan, *, now: datetime) -> HealthRecord:
    """The record after a judgement; until its plan is carried out it is unsettled."""
    before, recovery = known.recovery, planned.recovery
    down_since = before.down_since if before is not None else None
    is_over = down_since is not None and recovery.down_since is None
    # Until the next step or probe is due, results are kept: they count for it.
    waits = recovery.state in (HealthState.DOWN, HealthState.RECOVERING) and _waits(before, planned)
    quiet = recovery.state is HealthState.HEALTHY and not is_over and known.ended is None and known.settled
    return known.model_copy(
        update={
            "verdict": verdict,
            "recovery": recovery,
            "probes": known.probes if waits else Probes(),
            "planned_at": known.planned_at if waits else now,
            "override": known.override if known.override is not None and now < known.override.until else None,
            "announce_at": known.announce_at or recovery.down_since if recovery.down_since is not None else None,
            "ended": down_since if is_over else known.ended,
            "settled": quiet,
        }
    )
