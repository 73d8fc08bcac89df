"""The state machine of every kind of sync: pure, and independent of what is synced.

    pending ──claim──> in_progress ──complete──> completed
       ^                  │  │  ^
       │              fail│  │  └─ claim (after a run died or paused, its lease is free)
       │                  v  └──── pause: the queue delivers the task again in seconds
       └──requeue────── failed

Every commit of a run is a compare-and-set on its state, which makes the state the only lock. Each kind has a document
of its own that inherits from `RunState` and adds its fields (docs/decisions/0015): `SyncState` for transactions,
`ProductState` for products. The hooks at the end are a kind's parts of the shared transitions. The groups:

* `Lease`: every commit of a run extends it, so every commit is a heartbeat. A run that lost its lease fails the
  compare-and-set, and nothing of its commit is written.
* `Demand`: each request increments `requested`. A run stores the count at its claim (`serving`); when it completes,
  it has served exactly those requests. Newer requests start another run.

`due_at` is when the scheduler must check the sync again, whatever happens to tasks and triggers in between.
"""

from datetime import datetime, timedelta
from typing import Self

from pydantic import Field

from shared.domain import grace_periods, poll_intervals, retry_delays
from shared.domain.deferral import Deferral
from shared.domain.demand import Demand
from shared.domain.errors import ErrorClass
from shared.domain.lease import LEASE, Lease
from shared.domain.progress import ErrorSummary, RunProgress, Stage, SyncStatus
from shared.domain.state_group import Changes, RunNumber


class IllegalTransition(Exception):
    """The state machine has no such transition from the current status."""


class RunState(RunProgress, Lease, Demand, Deferral, RunNumber):
    """Progress, lease, demand and health of one sync.

    Attributes:
        failures: Failed attempts in a row.
        tries: Transient failures within the running attempt.
        needs_user: The source needed its user at the last check.
        clears_error_on_success: The source already needed its user when the running run started, so a successful run
            proves that it no longer does.
        stopped: The source was removed permanently: no run ever starts again, even on request.
        source: The source of the data, as pauses and statistics name it.
        due_at: When the scheduler must check this sync; None if only an event can change it.
    """

    failures: int = 0
    tries: int = 0
    needs_user: bool = Field(default=False, alias="troubled")
    clears_error_on_success: bool = Field(default=False, alias="heals")
    stopped: bool = False
    source: str | None = None
    due_at: datetime | None = None

    @property
    def sync_id(self) -> str:
        """The id of the state's document."""
        return self.connection_id

    def request(self, *, now: datetime, refresh: bool = False, trace: str | None = None) -> Self:
        """Requests a run: the sync becomes `pending`, or runs again after the working run; no effect if stopped.

        Args:
            now: The present.
            refresh: Whether the run should first refresh the data at the bank.
            trace: Of the caller.
        """
        if self.stopped:
            return self
        counted = self._with(**self._request_counted(now=now, refresh=refresh, trace=trace, status=self.status))
        continues = self.status is SyncStatus.IN_PROGRESS and (self.is_leased(now) or self.has_continuation)
        return counted if continues else counted.queued(now=now)

    def queued(self, *, now: datetime) -> Self:
        """Makes the sync pending; of the previous attempt, only the suspect rows are kept."""
        return self._with(
            status=SyncStatus.PENDING,
            stage=Stage.QUEUED,
            tries=0,
            updated_at=now,
            next_retry_at=None,
            error=None,
            due_at=now + grace_periods.TASK,
            **self._lease_revoked(),
            **self._interrupted(),
            **self._percent_unknown(),
        )

    def awaits_source(self, *, error: ErrorSummary, until: datetime) -> Self:
        """The source is down: a pending sync waits for it and shows why; no effect on a sync that is not pending."""
        if self.status is not SyncStatus.PENDING:
            return self
        return self._with(error=error, next_retry_at=until, due_at=until, deferred_from=self._data_from(until))

    def requeue(self, *, now: datetime, trace: str | None = None) -> Self:
        """The scheduler found the sync due: it becomes `pending`.

        Args:
            now: The present.
            trace: Of the scheduler run, if that makes the request; an earlier request keeps its own.

        Raises:
            IllegalTransition: A run with a valid lease is working, or the sync is stopped.
        """
        if self.is_leased(now) or self.stopped:
            raise IllegalTransition("a run is working, or the sync is stopped")
        if self.status is SyncStatus.IN_PROGRESS and self.has_continuation:
            return self._with(updated_at=now, due_at=now + grace_periods.TASK, **self._lease_revoked())
        if self.status is SyncStatus.COMPLETED and not self.wanted:
            return self.request(now=now, trace=trace)
        return self.queued(now=now)

    def deferred(self, *, now: datetime) -> Self:
        """Defers a paused sync: it is due again later, and its requests stay waiting.

        Raises:
            IllegalTransition: A run with a valid lease is working.
        """
        if self.is_leased(now):
            raise IllegalTransition("a run is working")
        died = self.status is SyncStatus.IN_PROGRESS and not self.has_continuation
        due_at = now + poll_intervals.PAUSED
        state = self.queued(now=now) if died else self
        retry_at = due_at if state.next_retry_at else None
        return state._with(due_at=due_at, next_retry_at=retry_at, deferred_from=self._data_from(now))  # noqa: SLF001

    def _data_from(self, now: datetime) -> datetime:
        return self.deferred_from or self.completed_at or self.wanted_since or now

    def released(self, *, now: datetime, until: datetime, trace: str | None = None) -> Self:
        """The sync may run although its bank is paused automatically; refused like `requeue`."""
        return self.requeue(now=now, trace=trace)._with(released_until=until)  # noqa: SLF001

    def backed_off(self, *, now: datetime) -> Self:
        """The scheduler could not requeue the sync: it is due later, with a growing delay; never if stopped."""
        if self.stopped:
            return self._with(due_at=None)
        if self.is_leased(now):
            return self._with(due_at=self.lease_expires_at)
        return self._with(
            due_at=now + min(max(now - self.updated_at, poll_intervals.PAUSED), poll_intervals.LONGEST_BACK_OFF)
        )

    def claim(self, *, now: datetime, owner: str) -> Self:
        """A run starts.

        Raises:
            IllegalTransition: Nothing is pending, or another run holds the lease.
        """
        if self.stopped or self.is_leased(now) or self.status not in (SyncStatus.PENDING, SyncStatus.IN_PROGRESS):
            raise IllegalTransition(f"{self.status}, leased: {self.is_leased(now)}")
        resumed = self.status is SyncStatus.IN_PROGRESS
        # Reading a continued loop to its end serves every earlier request, except one for a refresh.
        serves_all = not self.has_continuation or not (resumed or self.refresh > self.served)
        taken_up = {"clears_error_on_success": self.needs_user, **self._requests_taken_up()} if serves_all else {}
        return self._with(
            status=SyncStatus.IN_PROGRESS,
            stage=Stage.STARTING,
            attempt=self.failures + 1,
            tries=self.tries if resumed else 0,
            updated_at=now,
            completed_at=None,
            next_retry_at=None,
            error=None,
            due_at=now + LEASE,
            deferred_from=None,
            **self._lease_acquired(owner, now=now),
            **taken_up,
            **({} if self.has_continuation else {"started_at": now, **self._begun()}),
        )

    def pause(self, *, now: datetime, error: ErrorSummary | None = None, stage: Stage = Stage.RETRYING) -> Self:
        """A transient failure: the run stays `in_progress` without a lease, and the queue retries it in seconds.

        Raises:
            IllegalTransition: No run is working.
        """
        self._must_run()
        return self._with(
            stage=stage,
            tries=self.tries + 1,
            error=error,
            updated_at=now,
            due_at=now + grace_periods.TASK,
            **self._lease_released(),
            **self._interrupted(),
        )

    def fail(
        self,
        *,
        now: datetime,
        error: ErrorSummary,
        error_class: ErrorClass,
        jitter: float,
        at_least: timedelta,
    ) -> Self:
        """The attempt failed. The scheduler retries it if a retry can help.

        Args:
            now: The present.
            error: The error that clients see.
            error_class: Decides whether and when it is retried.
            jitter: Between 0 and 1; shortens the delay by up to a quarter, to spread out retries.
            at_least: The provider's Retry-After, which may be longer than our delay.

        Raises:
            IllegalTransition: No run is working.
        """
        self._must_run()
        retry_at = None
        if error.retryable:
            retry_at = now + retry_delays.SYNC.after(self.failures, at_least=at_least, jitter=jitter)
        probe_at = now + poll_intervals.NEEDS_USER if error_class is ErrorClass.USER else None
        return self._with(
            needs_user=self.needs_user or error_class in (ErrorClass.USER, ErrorClass.TERMINAL),
            status=SyncStatus.FAILED,
            stage=Stage.FAILED,
            failures=self.failures + 1,
            tries=0,
            error=error,
            updated_at=now,
            next_retry_at=retry_at,
            due_at=retry_at or probe_at,
            **self._released(),
        )

    def run_again(self, *, now: datetime) -> Self:
        """The attempt failed, but a newer request may have fixed the cause: pending, and clients see no error.

        Raises:
            IllegalTransition: No run is working.
        """
        return self._left_pending(now, due_at=now, stage=Stage.QUEUED, error=None, **self._newer_requests_first())

    def _left_pending(self, now: datetime, *, due_at: datetime, stage: Stage, **changes: object) -> Self:
        """The run ends without having served its requests, and is pending again."""
        self._must_run()
        return self._with(
            status=SyncStatus.PENDING,
            stage=stage,
            tries=0,
            updated_at=now,
            due_at=due_at,
            **self._released(),
            **self._percent_unknown(),
            **changes,
        )

    def _alive(self, now: datetime, **changes: object) -> Self:
        """A commit of the working run, which renews its lease."""
        self._must_run()
        return self._with(updated_at=now, due_at=now + LEASE, **self._lease_renewed(now=now), **changes)

    def _ended(self, now: datetime) -> Changes:
        """The run has served its requests."""
        return {
            "status": SyncStatus.COMPLETED,
            "stage": Stage.DONE,
            "updated_at": now,
            "completed_at": now,
            "failures": 0,
            "tries": 0,
            "needs_user": self.needs_user and not self.clears_error_on_success,
            **self._lease_released(),
            **self._requests_served(),
        }

    def _released(self) -> Changes:
        """Changes at the end of a run that did not serve its requests."""
        return self._lease_released() | self._requests_returned() | self._interrupted()

    def _must_run(self) -> None:
        if self.status is not SyncStatus.IN_PROGRESS or self.lease_owner is None:
            raise IllegalTransition(f"{self.status}: no run is working")

    # -- A kind's parts of the transitions -----------------------------------------------------------------------------

    @property
    def has_continuation(self) -> bool:
        """Whether a run left work to the next one, which continues it under the same number."""
        return False

    def _begun(self) -> Changes:
        """A new run starts."""
        return {"run": self.run + 1}

    def _interrupted(self) -> Changes:
        """The run stops before its end."""
        return {}

    def _percent_unknown(self) -> Changes:
        """The run's progress does not count any more."""
        return {}
