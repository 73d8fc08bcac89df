"""What the backend stores about the health of institutions: private, and without a connection or a user in it."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, field_serializer

from shared.domain.institution_health.evidence import (
    LONGEST_WINDOW,
    Baseline,
    HealthState,
    OutageKind,
    PlaidStatus,
    Reading,
    Verdict,
)
from shared.domain.institution_health.outage import Outage
from shared.domain.institution_health.recovery import CHECK_AGAIN, OVERRIDE, Probes, Recovery
from shared.domain.institution_health.usual_share import Learnt, first_checks, is_usual, learn


class Override(BaseModel):
    """A state that an operator has set.

    Attributes:
        state: `down` or `healthy`.
        since: When it was set.
        until: When it expires.
        by: The operator.
    """

    model_config = ConfigDict(frozen=True)

    state: HealthState
    since: datetime
    until: datetime
    by: str


class HealthRecord(BaseModel):
    """The document `bank_institution_evidence/{institution_id}`.

    Attributes:
        institution_id: The institution.
        connections: All connections to it, at the latest judgement.
        verdict: The latest verdict.
        recovery: The progress of its outage.
        probes: The results of probes since the latest plan.
        planned_at: When the latest plan was made.
        plaid: Plaid's own status.
        baseline: The usual share of failing connections.
        baseline_at: Live calls until then are in the baseline, or left out for good.
        override: The operator's override, which may have expired.
        announce_at: When users may have to be notified of the outage.
        ended: The beginning of an outage whose end users must still be notified of.
        settled: Whether nothing is left to do until new evidence comes.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    institution_id: str
    connections: int = 0
    verdict: Verdict | None = None
    recovery: Recovery | None = None
    probes: Probes = Probes()
    planned_at: datetime | None = None
    plaid: PlaidStatus | None = None
    baseline: Baseline = Baseline()
    baseline_at: datetime | None = None
    override: Override | None = None
    announce_at: datetime | None = None
    ended: datetime | None = None
    settled: bool = True

    @field_serializer("recovery")
    def _stored(self, recovery: Recovery | None) -> dict[str, Any] | None:
        """Firestore has no type for a duration: it is stored in seconds."""
        return None if recovery is None else asdict(recovery) | {"wait": recovery.wait.total_seconds()}

    @property
    def state(self) -> HealthState:
        """The state of the institution, as operators and users see it."""
        return self.recovery.state if self.recovery is not None else HealthState.HEALTHY

    @property
    def is_unhealthy(self) -> bool:
        """Whether it was judged degraded or worse."""
        return self.state not in (HealthState.HEALTHY, HealthState.SUSPECTED)

    @property
    def shown(self) -> Verdict | None:
        """The verdict with the state that is shown, which follows the recovery."""
        if self.verdict is None or self.recovery is None or self.verdict.state is self.recovery.state:
            return self.verdict
        kind = None if self.state is HealthState.HEALTHY else self.verdict.kind or OutageKind.BOTH
        return Verdict(
            self.recovery.state,
            kind,
            self.recovery.since,
            self.verdict.share_failing,
            self.verdict.seen,
            self.verdict.failing,
            self.verdict.users_failing,
            self.verdict.tail,
            self.verdict.reason,
        )

    def outage(self, *, now: datetime) -> Outage | None:
        """The outage during which syncs are paused; None if there is none."""
        recovery = self.recovery
        if recovery is None or recovery.down_since is None or not recovery.paused(now):
            return None
        return Outage(self.institution_id, since=recovery.down_since, next_check_at=now + CHECK_AGAIN)

    def ended_outage(self, *, now: datetime) -> Outage | None:
        """The outage of whose end users must still be notified."""
        return Outage(self.institution_id, since=self.ended, next_check_at=now) if self.ended is not None else None

    def is_overridden(self, *, now: datetime) -> bool:
        """Whether an operator's override lasts."""
        return self.override is not None and now < self.override.until

    def previous_verdict(self, *, now: datetime) -> Verdict | None:
        """The verdict that new evidence is compared with; none after an override, which no evidence supports."""
        was_set = self.verdict is not None and self.verdict.reason == OVERRIDE
        return None if was_set and not self.is_overridden(now=now) else self.verdict

    def overridden(self, verdict: Verdict, *, now: datetime) -> Verdict:
        """The verdict, or the operator's own while the override lasts."""
        override = self.override
        if override is None or not self.is_overridden(now=now):
            return verdict
        kind = OutageKind.BOTH if override.state is HealthState.DOWN else None
        return Verdict(override.state, kind, override.since, reason=OVERRIDE, evident_at=now)

    def learning(self, before: "HealthRecord", newest: list[Reading], *, now: datetime) -> Self:
        """Learns the usual share of failures; it is frozen while the bank, Plaid or our own configuration fails.

        Single failures do not stop the learning: if times with failures were skipped, an unreliable bank would look
        reliable.

        Args:
            before: The record before this judgement, with the results of the latest checks.
            newest: The newest readings of this judgement.
            now: The present.
        """
        learnt = learn(
            Learnt(self.baseline, self.baseline_at or now - LONGEST_WINDOW),
            newest,
            checks=first_checks(before.verdict, before.recovery, before.probes, planned_at=before.planned_at),
            judged_at=before.planned_at,
            usual=is_usual(self.verdict, self.recovery),
            now=now,
        )
        return self.model_copy(update={"baseline": learnt.baseline, "baseline_at": learnt.until})


class Watchlist(BaseModel):
    """The document `bank_institution_watch/all`: the institutions that the scheduler watches.

    Attributes:
        institutions: All institutions that have, or had, connections: Plaid's status of each is polled.
        unsettled: Institutions to judge at each scheduler run, because they are unhealthy or something is left to do.
        paused: Institutions that are paused automatically.
        shared_at: When failures were last attributed to Plaid, or to our own configuration.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    institutions: tuple[str, ...] = ()
    unsettled: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()
    shared_at: datetime | None = None

    def with_institutions(self, *institution_ids: str) -> Self:
        """Watches institutions."""
        return self.model_copy(update={"institutions": tuple(sorted({*self.institutions, *institution_ids}))})

    def with_record(self, record: HealthRecord, *, now: datetime, shared_at: datetime | None) -> Self:
        """The list after a judgement."""
        name, recovery = record.institution_id, record.recovery
        paused = recovery is not None and recovery.paused(now)
        return self.with_institutions(name).model_copy(
            update={
                "unsettled": _with(self.unsettled, name, is_in=not record.settled),
                "paused": _with(self.paused, name, is_in=paused),
                "shared_at": max(filter(None, (self.shared_at, shared_at)), default=None),
            }
        )

    def without(self, institution_id: str) -> Self:
        """Stops watching an institution without connections."""
        lists = {name: _with(getattr(self, name), institution_id, is_in=False) for name in _LISTS}
        return self.model_copy(update=lists)


_LISTS = ("institutions", "unsettled", "paused")


def _with(names: tuple[str, ...], name: str, *, is_in: bool) -> tuple[str, ...]:
    others = {one for one in names if one != name}
    return tuple(sorted(others | {name} if is_in else others))
