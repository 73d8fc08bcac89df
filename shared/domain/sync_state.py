"""The state machine behind a sync's progress: pure, and independent of banks.

    pending ──claim──> in_progress ──complete──> completed
       ^                  │  │  ^
       │              fail│  │  └─ claim (after a run died or paused, its lease is free)
       │                  v  └──── pause: the queue delivers the task again in seconds
       └──requeue────── failed

Clients see `SyncProgress`, a projection of the complete `SyncState`. Every commit of a run writes both, with a
compare-and-set on the state, which makes the state the only lock. The state consists of groups, each with the
transitions of its own fields:

* `Lease`: every commit of a run extends it, so every commit is a heartbeat. A run that lost its lease fails the
  compare-and-set, and nothing of its commit is written.
* `Demand`: each request increments `requested`. A run stores the count at its claim (`serving`); when it completes,
  it has served exactly those requests. Newer requests start another run.
* `ReadPosition`: the cursor, and the runs that wrote rows ahead of it.
* `SyncAccounts`: the accounts that are read, and the revoked ones.
* `SyncDocument`: all of them, with the progress and the health of the sync. `due_at` is when the scheduler must check
  this sync again, whatever happens to tasks and triggers in between.

`SyncRun` has the transitions of a running run, this module all others.
"""

from datetime import datetime
from typing import Self

from shared.domain import grace_periods, poll_intervals
from shared.domain.lease import LEASE
from shared.domain.progress import ErrorSummary, Stage, SyncCounts, SyncStatus
from shared.domain.sync_document import IllegalTransition
from shared.domain.sync_transitions import SyncRun

__all__ = ["IllegalTransition", "SyncState"]


class SyncState(SyncRun):
    """The whole state of a sync; no client can read it."""

    @classmethod
    def new(
        cls,
        *,
        connection_id: str,
        app_user_id: str,
        now: datetime,
        account_ids: tuple[str, ...] = (),
        source: str | None = None,
        trace: str | None = None,
        moves_history: bool = False,
    ) -> Self:
        """The state of a new sync: pending; if its task is lost, the scheduler finds it."""
        return cls(
            connection_id=connection_id,
            app_user_id=app_user_id,
            account_ids=account_ids,
            source=source,
            trace=trace,
            moves_history=moves_history,
            updated_at=now,
            wanted_since=now,
            due_at=now + grace_periods.TASK,
        )

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
        continues = self.status is SyncStatus.IN_PROGRESS and (self.is_leased(now) or self.handover is not None)
        return counted if continues else counted.queued(now=now)

    def queued(self, *, now: datetime) -> Self:
        """Makes the sync pending; of the previous attempt, only the suspect rows are kept."""
        return self._with(
            status=SyncStatus.PENDING,
            stage=Stage.QUEUED,
            tries=0,
            percent=None,
            updated_at=now,
            next_retry_at=None,
            error=None,
            due_at=now + grace_periods.TASK,
            **self._lease_revoked(),
            **self._reading_interrupted(),
        )

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
        if self.status is SyncStatus.IN_PROGRESS and self.handover is not None:
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
        died = self.status is SyncStatus.IN_PROGRESS and self.handover is None
        return (self.queued(now=now) if died else self).model_copy(update={"due_at": now + poll_intervals.PAUSED})

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
        """A run starts. Rows that an earlier unfinished run streamed become suspect.

        Raises:
            IllegalTransition: Nothing is pending, or another run holds the lease.
        """
        if self.stopped or self.is_leased(now) or self.status not in (SyncStatus.PENDING, SyncStatus.IN_PROGRESS):
            raise IllegalTransition(f"{self.status}, leased: {self.is_leased(now)}")
        resumed = self.status is SyncStatus.IN_PROGRESS
        continues = self.handover is not None
        # Reading this loop to its end serves every earlier request, except one for a refresh.
        serves_all = not continues or not (resumed or self.refresh > self.served)
        taken_up = {"clears_error_on_success": self.needs_user, **self._requests_taken_up()} if serves_all else {}
        no_counts = SyncCounts(percent=0).changes(percent=0)
        begun = {} if continues else {"started_at": now, **no_counts, **self._run_begun()}
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
            **self._lease_acquired(owner, now=now),
            **taken_up,
            **begun,
        )

    def stop(self, *, now: datetime, error: ErrorSummary) -> Self:
        """The source was removed permanently: a working run loses the lease, and no run starts again.

        Its data is deleted, so the cursor is cleared, too: another run would start from the beginning.
        """
        return self._with(
            status=SyncStatus.FAILED,
            stage=Stage.FAILED,
            stopped=True,
            error=error,
            updated_at=now,
            next_retry_at=None,
            due_at=None,
            **self._lease_revoked(),
            **self._requests_dropped(),
            **self._position_forgotten(),
        )

    def halt(self, *, now: datetime, error: ErrorSummary) -> Self:
        """The source was found unusable outside a run: a working run loses the lease; only an event starts another."""
        return self._with(
            status=SyncStatus.FAILED,
            stage=Stage.FAILED,
            error=error,
            updated_at=now,
            next_retry_at=None,
            needs_user=True,
            clears_error_on_success=False,
            due_at=None,
            **self._lease_revoked(),
            **self._requests_returned(),
            **self._reading_interrupted(),
        )

    def checked(self, *, needs_user: bool) -> Self:
        """The source was checked outside a run."""
        clears = self.clears_error_on_success and not needs_user
        return self._with(needs_user=needs_user, clears_error_on_success=clears)

    def moved_to(self, institution_id: str, *, now: datetime) -> Self:
        """The source moved to another institution: it is set up again, at the next scheduler run if none is working."""
        rests = self.status is SyncStatus.COMPLETED and not self.stopped
        due_at = now if rests else self.due_at
        return self._with(source=institution_id, is_set_up=False, set_up_attempts=0, updated_at=now, due_at=due_at)

    def reconcile(self, *, now: datetime, trace: str | None = None) -> Self:
        """The next run reads everything again and compares it with the store; no effect if stopped.

        Raises:
            IllegalTransition: A run is working: it would continue with the cursor that this transition clears.
        """
        if self.stopped:
            return self
        if self.is_leased(now):
            raise IllegalTransition("a run is working")
        from_beginning = self._reading_abandoned() | self._reads_from_beginning()
        return self.request(now=now, trace=trace).model_copy(update=from_beginning)
