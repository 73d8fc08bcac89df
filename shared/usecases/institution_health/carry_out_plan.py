"""Carries out the plan for an institution. Every part can be repeated, since a process may die between any two."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared import trace
from shared.domain.errors import Conflict
from shared.domain.institution_health.evidence import HealthState, Verdict
from shared.domain.institution_health.outage import OLD_AFTER, Outage
from shared.domain.institution_health.record import HealthRecord
from shared.domain.institution_health.recovery import CHECK_AGAIN, Plan, Probes
from shared.domain.pause import AutomaticPause
from shared.domain.run_state import IllegalTransition
from shared.log import log
from shared.ports import BankContacts, Clock, SyncQueue, Syncs
from shared.usecases.enqueue import enqueue_due
from shared.usecases.institution_health.notify_outage import NotifyOutage
from shared.usecases.institution_health.probe_connections import ConnectionProbes
from shared.usecases.sync.pause_syncs import SyncPauses

RELEASED_FOR = timedelta(minutes=30)  # a released run may be delivered late, or retried
SPACED_FOR = timedelta(hours=1)  # renewed by each judgement of a degraded institution
MOST_CHECKED = 10  # of the connections that one step releases


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanExecution:
    """Carries out plans.

    Attributes:
        pauses: The pauses of syncs.
        publish: Publishes a verdict to apps.
        notify: Notifies users of outages.
        probes: Checks connections.
        contacts: Finds deferred connections.
        syncs, queue: Starts their syncs.
        clock: The time.
    """

    pauses: SyncPauses
    publish: Callable[[str, Verdict], object]
    notify: NotifyOutage
    probes: ConnectionProbes
    contacts: BankContacts
    syncs: Syncs
    queue: SyncQueue
    clock: Clock

    def __call__(self, record: HealthRecord, plan: Plan, *, now: datetime) -> HealthRecord:
        """Carries out a plan, and returns the record with the results."""
        self._pause(record, plan, now=now)
        if record.shown is not None:
            self.publish(record.institution_id, record.shown)
        announce_at, ended = self._announce(record, now=now), self._end(record, now=now)
        results = record.probes
        if plan.probe:
            results = _sum(results, self.probes.some_at(record, count=plan.probe))
        released = self._release(record, plan.release)
        if released:
            results = _sum(results, self.probes.of(released[:MOST_CHECKED], record=record))
        is_quiet = record.state is HealthState.HEALTHY and ended is None and record.override is None
        return record.model_copy(
            update={"probes": results, "announce_at": announce_at, "ended": ended, "settled": is_quiet}
        )

    def resume(self, record: HealthRecord, *, now: datetime) -> None:
        """Ends all automatic measures against an institution."""
        self.pauses.during_outage(record.institution_id, None, spaced_for=None, now=now)

    def _pause(self, record: HealthRecord, plan: Plan, *, now: datetime) -> None:
        recovery = record.recovery
        pause: AutomaticPause | None = None
        if recovery is not None and recovery.paused_until is not None and recovery.paused(now):
            pause = AutomaticPause(
                since=recovery.down_since or recovery.since,
                until=recovery.paused_until,
                next_check_at=plan.check_again_at or now + CHECK_AGAIN,
            )
        spaced_for = SPACED_FOR if plan.retry_spacing > 1 else None
        self.pauses.during_outage(record.institution_id, pause, spaced_for=spaced_for, now=now)

    def _announce(self, record: HealthRecord, *, now: datetime) -> datetime | None:
        """Notifies users of the outage if that is due; returns when to do so again."""
        outage = record.outage(now=now)
        if outage is None or record.announce_at is None or now < record.announce_at:
            return record.announce_at
        return self.notify.announce(outage) or now + OLD_AFTER  # data that is linked now gets old then

    def _end(self, record: HealthRecord, *, now: datetime) -> datetime | None:
        """Notifies users that the outage is over; returns its beginning if some are left."""
        outage: Outage | None = record.ended_outage(now=now)
        return record.ended if outage is not None and not self.notify.end(outage) else None

    def _release(self, record: HealthRecord, count: int) -> list[str]:
        """Starts deferred syncs although the bank is still paused, oldest data first."""
        if not count:
            return []
        chosen = self.contacts.deferred(record.institution_id, limit=count)
        started = [connection_id for connection_id in chosen if self._start(connection_id)]
        log.info("institution.resumed", institution_id=record.institution_id, syncs=len(started))
        return started

    def _start(self, connection_id: str) -> bool:
        loaded = self.syncs.load(connection_id)
        if loaded is None:
            return False
        now = self.clock.now()
        with suppress(Conflict, IllegalTransition):  # another writer was faster, or a run is working
            state = loaded.state.released(now=now, until=now + RELEASED_FOR, trace=trace.Trace.new().header())
            self.syncs.save(state, expected=loaded.version)
            with trace.resumed(state.trace):
                enqueue_due(self.queue, state, f"h{state.run}-{int(state.updated_at.timestamp() * 1000)}")
            return True
        return False


def _sum(one: Probes, other: Probes) -> Probes:
    return Probes(one.worked + other.worked, one.failed + other.failed)
