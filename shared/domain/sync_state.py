"""The machine behind a sync's progress: pure, and with nothing of banks in it.

    pending ──claim──> in_progress ──complete──> completed
       ^                  │  │  ^
       │              fail│  │  └─ claim (the lease of a run that died, or that paused, is free)
       │                  v  └──── pause: the queue delivers the task again in seconds
       └──requeue────── failed

`SyncProgress` is what clients see. `SyncState` is the whole truth, of which the progress is a projection; both are
written together in every commit of a run, with a compare-and-set on the state, which makes the state the one lock:

* Lease: `lease_owner` and `lease_expires_at`; every commit extends it, so every commit is a heartbeat.
* Fence: a run that lost its lease fails the compare-and-set, and nothing of its commit is written.
* Coalescing: each request counts `requested` up; a run notes the count at its claim (`serving`) and, when it
  completes, has served exactly those. Anything above that makes one more run.
* `due_at` is when the schedule must look at this sync again, whatever happens to tasks and triggers in between.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Self

from pydantic import ConfigDict, Field

from shared.domain import grace_periods, retry_delays
from shared.domain.errors import ErrorClass
from shared.domain.late_history import LATE_POLL_EVERY
from shared.domain.progress import ErrorSummary, RunRecord, Stage, SyncProgress, SyncStatus

LEASE = timedelta(seconds=90)  # a dead run is free at most 2 minutes after its last sign of life
POLL_EVERY = timedelta(hours=12)  # for connections whose webhooks never arrive
PROBE_EVERY = timedelta(hours=24)  # what only a user or an operator can mend may have been mended elsewhere
DEFERRED_FOR = timedelta(minutes=14)  # below the schedule's quarter: what is held is looked at with every turn
MAX_BACK_OFF = timedelta(hours=6)  # at most, of what the schedule cannot requeue
TRIES_PER_ATTEMPT = 3  # transient failures within one attempt, seconds apart, before it counts as failed


class IllegalTransition(Exception):
    """The machine was asked for a step that does not exist from where it stands."""


class SyncState(SyncProgress):
    """The whole state of a sync; no client can read it.

    Attributes:
        run: Number of the latest run; grows with each claim, but for a continuation's, and with each restart.
        lease_owner, lease_expires_at: Who may write, and until when; None while nobody runs.
        requested, serving, served: Requests so far, at the claim of the running run, and answered by completed runs.
        failures: Failed attempts in a row. tries: transient failures within the running attempt.
        cursor: Where the provider's change log was read up to; None before the first complete read.
        streaming: The running run has written rows ahead of the cursor.
        dirty_runs: Runs that ended after streaming rows without moving the cursor: their rows may be ghosts.
        writer: The delivery that claimed last; with `beat` it tells whose the last commit of a run was.
        handover: The next page's cursor of a loop that a run left to a continuation when its time was up. Whoever
            claims next goes on there, under the same run number.
        restarts: How often the running loop has started again from its first cursor, over all its continuations.
        rebuilding: Everything is read again from the beginning and held against the store; rows that do not come
            again are to go. marking: And that takes longer than one run, so every row that comes is marked with it.
        refresh: The latest of the requests that asked for what is new at the bank itself.
        refresh_tried_at: When the bank was last to be asked for what is new, whatever came of it.
        external_revision: Incremented by every commit made outside the running sync, so that the version always changes.
        beat: Grows by one with every commit of a run: tells a commit whose answer was lost from one that was refused.
        troubled: The source needs its user, or did when it was last looked at.
        heals: It did when the running run began: so if that one works, it does no more.
        stopped: The source is gone for good: nothing runs again, whoever asks.
        welcomed: The source's surroundings (name, logo, webhook) are set up. unwelcomed: how many runs have completed
            while they were not: each makes the scheduler try again, after a longer time than the one before.
        asked_at: When a user last asked for a sync by hand.
        wanted_since: When the oldest of the requests came that the latest claim, or the next, is to serve.
        source: Where the data comes from, as statistics name it.
        trace: Of the request that the latest run served, or the next is to serve; of several, the one that came first:
            what is logged of it and of the run is one story. next_trace: of the first that came while a run works.
        account_ids: The accounts that were there last. revoked_accounts: those that are not to come back.
        former_accounts: Those that were here once, and whose rows may be missing here although the provider never
            named them as removed: if one of them is shared again, everything is read again.
        set_aside: How many rows are on record that cannot be stored.
        accounts_digest: What the accounts looked like when they were last written, so that unchanged ones are not.
        due_at: When the schedule must look again; None when nothing but an event can change anything.
    """

    model_config = ConfigDict(serialize_by_alias=True)  # the names in Firestore

    run: int = 0
    lease_owner: str | None = None
    lease_expires_at: datetime | None = None
    requested: int = 1
    serving: int = 0
    served: int = 0
    failures: int = 0
    tries: int = 0
    cursor: str | None = None
    streaming: bool = False
    dirty_runs: tuple[int, ...] = ()
    handover: str | None = None
    restarts: int = 0
    rebuilding: bool = False
    marking: bool = False
    refresh: int = 0
    refresh_tried_at: datetime | None = None
    writer: str | None = None
    heartbeat_seq: int = Field(default=0, alias="beat")
    needs_user: bool = Field(default=False, alias="troubled")
    clears_error_on_success: bool = Field(default=False, alias="heals")
    stopped: bool = False
    revoked_accounts: tuple[str, ...] = ()
    former_accounts: tuple[str, ...] = ()
    set_aside: int = 0
    external_revision: int = Field(default=0, alias="looks")
    is_set_up: bool = Field(default=False, alias="welcomed")
    set_up_attempts: int = Field(default=0, alias="unwelcomed")
    last_manual_sync_at: datetime | None = Field(default=None, alias="asked_at")
    wanted_since: datetime | None = None
    source: str | None = None
    trace: str | None = None
    next_trace: str | None = None
    account_ids: tuple[str, ...] = ()
    accounts_digest: str | None = None
    due_at: datetime | None = None

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
    ) -> Self:
        """The state of a sync that was never run: pending, and found by the schedule if its task is lost."""
        return cls(
            connection_id=connection_id,
            app_user_id=app_user_id,
            account_ids=account_ids,
            source=source,
            trace=trace,
            updated_at=now,
            wanted_since=now,
            due_at=now + grace_periods.TASK,
        )

    def progress(self) -> SyncProgress:
        """The part that clients see."""
        return SyncProgress.model_validate(self.model_dump(include=set(SyncProgress.model_fields)))

    def record(self) -> RunRecord:
        """The run that has ended, as it is kept."""
        return RunRecord.model_validate(self.model_dump(include=set(RunRecord.model_fields)))

    @property
    def found_anything(self) -> bool:
        """Whether this run is worth a record: of one that found nothing new, the time is all there is to say."""
        return bool(self.added or self.modified or self.removed or self.pages > 1)

    @property
    def wanted(self) -> bool:
        """Whether a request is waiting that no run has taken up."""
        return self.requested > max(self.served, self.serving)

    @property
    def wants_refresh(self) -> bool:
        """Whether the run that works now is to ask the bank itself first; a continuation is not."""
        return self.served < self.refresh <= self.serving and self.handover is None

    def may_refresh(self, *, now: datetime, spacing: timedelta) -> bool:
        """Whether enough time has passed since the bank was last to be asked."""
        return self.refresh_tried_at is None or now - self.refresh_tried_at >= spacing

    def is_leased(self, now: datetime) -> bool:
        """Whether a run that shows life is working."""
        return self.lease_expires_at is not None and now < self.lease_expires_at

    def request(self, *, now: datetime, refresh: bool = False, trace: str | None = None) -> Self:
        """Somebody wants a run: `pending`, or one more after the run that is working now; none once it is stopped.

        Args:
            now: The present.
            refresh: The run is to ask the bank itself first.
            trace: Of whoever wants it.
        """
        if self.stopped:
            return self
        number = self.requested + 1
        since = self.wanted_since if self.wanted else now
        counted = self._with(
            requested=number,
            refresh=number if refresh else self.refresh,
            wanted_since=since,
            **self._story_of(trace),
        )
        goes_on = self.status is SyncStatus.IN_PROGRESS and (self.is_leased(now) or self.handover is not None)
        return counted if goes_on else counted.queued(now=now)

    def requeue(self, *, now: datetime, trace: str | None = None) -> Self:
        """The schedule's turn: what is due becomes `pending` (again).

        Args:
            now: The present.
            trace: Of the turn, where it is the one who asks; what somebody else asked for stays theirs.

        Raises:
            IllegalTransition: A run that shows life is working, or nothing is to run any more.
        """
        if self.is_leased(now) or self.stopped:
            raise IllegalTransition("a run is working, or none is to")
        if self.status is SyncStatus.IN_PROGRESS and self.handover is not None:
            return self._with(updated_at=now, lease_owner=None, lease_expires_at=None, due_at=now + grace_periods.TASK)
        if self.status is SyncStatus.COMPLETED and not self.wanted:
            return self.request(now=now, trace=trace)
        return self.queued(now=now)

    def deferred(self, *, now: datetime) -> Self:
        """Nothing may run now: it is put off for a while, and what is wanted stays wanted.

        Raises:
            IllegalTransition: A run that shows life is working.
        """
        if self.is_leased(now):
            raise IllegalTransition("a run is working")
        died = self.status is SyncStatus.IN_PROGRESS and self.handover is None
        return (self.queued(now=now) if died else self).model_copy(update={"due_at": now + DEFERRED_FOR})

    def backed_off(self, *, now: datetime) -> Self:
        """The schedule could not requeue it: due later, the later the longer that lasts; never once it is stopped."""
        if self.stopped:
            return self._with(due_at=None)
        if self.is_leased(now):
            return self._with(due_at=self.lease_expires_at)
        return self._with(due_at=now + min(max(now - self.updated_at, DEFERRED_FOR), MAX_BACK_OFF))

    def claim(self, *, now: datetime, owner: str) -> Self:
        """A run begins. What an unfinished run before it streamed becomes suspect.

        Raises:
            IllegalTransition: Nothing is pending, or another run holds the lease.
        """
        if self.stopped or self.is_leased(now) or self.status not in (SyncStatus.PENDING, SyncStatus.IN_PROGRESS):
            raise IllegalTransition(f"{self.status}, leased: {self.is_leased(now)}")
        resumed = self.status is SyncStatus.IN_PROGRESS
        # A loop that is read to its end from here on answers whatever was asked for before, but for a refresh.
        serves: dict[str, Any] = {
            "serving": self.requested,
            "next_trace": None,
            "clears_error_on_success": self.needs_user,
        }
        anew: dict[str, Any] = serves | {
            "added": 0,
            "modified": 0,
            "removed": 0,
            "pages": 0,
            "percent": 0,
            "started_at": now,
            "run": self.run + 1,
            "streaming": False,
            "restarts": 0,
            "dirty_runs": self._suspects(),
        }
        goes_on = resumed or self.refresh > self.served
        begins = anew if self.handover is None else {} if goes_on else serves
        return self._with(
            status=SyncStatus.IN_PROGRESS,
            stage=Stage.STARTING,
            attempt=self.failures + 1,
            tries=self.tries if resumed else 0,
            updated_at=now,
            completed_at=None,
            next_retry_at=None,
            error=None,
            heartbeat_seq=self.heartbeat_seq + 1,
            lease_owner=owner,
            lease_expires_at=now + LEASE,
            writer=owner,
            due_at=now + LEASE,
            **begins,
        )

    def advance(self, *, now: datetime, stage: Stage, **counts: Any) -> Self:
        """A sign of life, with what was counted so far. Percent never goes back within a run.

        Raises:
            IllegalTransition: No run is working.
        """
        self._must_run()
        if "percent" in counts:
            counts["percent"] = max(self.percent or 0, min(99, counts["percent"]))
        return self._with(
            stage=stage,
            updated_at=now,
            heartbeat_seq=self.heartbeat_seq + 1,
            lease_expires_at=now + LEASE,
            due_at=now + LEASE,
            **counts,
        )

    def refreshing(self, *, now: datetime) -> Self:
        """The run is about to ask the bank for what is new.

        Raises:
            IllegalTransition: No run is working.
        """
        return self.advance(now=now, stage=self.stage, refresh_tried_at=now)

    def refreshed(self, *, now: datetime) -> Self:
        """The bank was asked.

        Raises:
            IllegalTransition: No run is working.
        """
        return self.advance(now=now, stage=self.stage, refreshed_at=self.refresh_tried_at)

    def restart(self, *, now: datetime) -> Self:
        """The same run reads again from its first cursor; what it streamed becomes suspect.

        The run takes a new number, so that rows delivered again are told from those that are not.

        Raises:
            IllegalTransition: No run is working.
        """
        self._must_run()
        return self._with(
            run=self.run + 1,
            heartbeat_seq=self.heartbeat_seq + 1,
            dirty_runs=(*self.dirty_runs, self.run) if self.streaming else self.dirty_runs,
            streaming=False,
            handover=None,
            restarts=self.restarts + 1,
            added=0,
            modified=0,
            removed=0,
            stage=Stage.FETCHING,
            updated_at=now,
            lease_expires_at=now + LEASE,
            due_at=now + LEASE,
        )

    def complete(
        self, *, now: datetime, cursor: str | None, history_complete: bool, late: bool = False, **counts: Any
    ) -> Self:
        """The run has written everything. With history still to come it is due at every tick; seldom once it is late.

        Raises:
            IllegalTransition: No run is working.
        """
        self._must_run()
        soon = now + (POLL_EVERY if self.is_set_up else retry_delays.SYNC.after(self.set_up_attempts))
        more = self.requested > self.serving
        history_complete = history_complete or self.history_complete  # one odd answer takes nothing back
        if more:
            due_at = now
        elif history_complete or (late and not self.is_set_up):  # a missing set-up does not wait for a late history
            due_at = soon
        else:
            due_at = _next_poll(now, late=late)
        return self._with(
            status=SyncStatus.COMPLETED,
            heartbeat_seq=self.heartbeat_seq + 1,
            stage=Stage.DONE,
            history_complete=history_complete,
            updated_at=now,
            completed_at=now,
            lease_owner=None,
            lease_expires_at=None,
            served=self.serving,
            failures=0,
            tries=0,
            cursor=cursor or self.cursor,
            streaming=False,
            dirty_runs=(),
            handover=None,
            rebuilding=False,
            marking=False,
            set_up_attempts=0 if self.is_set_up else self.set_up_attempts + 1,
            needs_user=self.needs_user and not self.clears_error_on_success,
            trace=self.next_trace if more else self.trace,
            next_trace=None,
            due_at=due_at,
            **(counts | {"percent": 100}),
        )

    def pause(self, *, now: datetime, error: ErrorSummary | None = None, stage: Stage = Stage.RETRYING) -> Self:
        """A hiccup: the run stays `in_progress`, its lease is free, and the queue delivers the task again in seconds.

        Raises:
            IllegalTransition: No run is working.
        """
        self._must_run()
        return self._with(
            stage=stage,
            heartbeat_seq=self.heartbeat_seq + 1,
            tries=self.tries + 1,
            error=error,
            updated_at=now,
            lease_owner=None,
            lease_expires_at=None,
            dirty_runs=self._suspects(),
            streaming=self._goes_on(),
            due_at=now + grace_periods.TASK,
        )

    def hand_over(self, *, now: datetime, cursor: str, **counts: Any) -> Self:
        """The run's time is up: a continuation goes on from this page, with everything counted so far.

        Raises:
            IllegalTransition: No run is working.
        """
        counted = self.advance(now=now, stage=Stage.FETCHING, **counts)
        return counted.model_copy(
            update={
                "handover": cursor,
                "streaming": True,
                "lease_owner": None,
                "lease_expires_at": None,
                "due_at": now + grace_periods.TASK,
            }
        )

    def wait_for_bank(self, *, now: datetime, late: bool = False) -> Self:
        """The provider has nothing yet: pending again, due at the next tick; a webhook is usually quicker.

        Once the data is late, the next poll is hours away, unless a request came during this run.

        Raises:
            IllegalTransition: No run is working.
        """
        self._must_run()
        return self._released(
            now,
            status=SyncStatus.PENDING,
            stage=Stage.WAITING_FOR_BANK,
            tries=0,
            percent=None,
            due_at=_next_poll(now, late=late and self.requested <= self.serving),
        )

    def fail(
        self,
        *,
        now: datetime,
        error: ErrorSummary,
        fault: ErrorClass,
        jitter: float,
        at_least: timedelta,
    ) -> Self:
        """The attempt failed. Retried by the schedule while that can help.

        Args:
            now: The present.
            error: What to tell the user.
            fault: Decides whether and when it is tried again.
            jitter: Between 0 and 1: shortens the delay by up to a quarter, so that many do not retry at once.
            at_least: The provider's own Retry-After, respected beyond our delay.

        Raises:
            IllegalTransition: No run is working.
        """
        self._must_run()
        retry_at = None
        if error.retryable:
            retry_at = now + retry_delays.SYNC.after(self.failures, at_least=at_least, jitter=jitter)
        probe_at = now + PROBE_EVERY if fault is ErrorClass.USER else None
        return self._released(
            now,
            needs_user=self.needs_user or fault in (ErrorClass.USER, ErrorClass.TERMINAL),
            status=SyncStatus.FAILED,
            stage=Stage.FAILED,
            failures=self.failures + 1,
            tries=0,
            error=error,
            next_retry_at=retry_at,
            due_at=retry_at or probe_at,
        )

    def run_again(self, *, now: datetime) -> Self:
        """The attempt failed, but whoever asked meanwhile may have mended why: pending, and nobody is told.

        Raises:
            IllegalTransition: No run is working.
        """
        self._must_run()
        return self._released(
            now,
            status=SyncStatus.PENDING,
            stage=Stage.QUEUED,
            tries=0,
            percent=None,
            error=None,
            due_at=now,
            trace=self.next_trace or self.trace,
            next_trace=None,
        )

    def rebuild(self, *, now: datetime) -> Self:
        """The provider rejected the cursor: the running run reads everything again.

        Raises:
            IllegalTransition: No run is working, or it is reading everything already.
        """
        if self.rebuilding:
            raise IllegalTransition("already reading everything again")
        return self.restart(now=now).model_copy(update={"cursor": None, "rebuilding": True})

    def read_returned(self, accounts: Collection[str], *, now: datetime) -> Self:
        """Accounts that were here once are shared again: the running run reads everything from the beginning.

        Also where it does already: their rows may have been left out when it began.

        Raises:
            IllegalTransition: No run is working.
        """
        left = tuple(i for i in self.former_accounts if i not in accounts)
        anew = {"cursor": None, "rebuilding": True, "former_accounts": left}
        return self.restart(now=now).model_copy(update=anew)

    def mark_all(self, *, now: datetime) -> Self:
        """Reading everything again takes longer than a run: from now on every row is marked, so that it can hand over.

        Raises:
            IllegalTransition: No run is working, or none that reads everything again.
        """
        if not self.rebuilding:
            raise IllegalTransition("not reading everything again")
        return self.restart(now=now).model_copy(update={"marking": True})

    def stop(self, *, now: datetime, error: ErrorSummary) -> Self:
        """The source is gone for good: whoever runs has lost the lease, and nothing will run again.

        Its data goes with it, so the cursor does, too: should it ever run again, it begins at the beginning.
        """
        return self._with(
            status=SyncStatus.FAILED,
            stage=Stage.FAILED,
            stopped=True,
            cursor=None,
            error=error,
            updated_at=now,
            next_retry_at=None,
            lease_owner=None,
            lease_expires_at=None,
            handover=None,
            served=self.requested,
            serving=self.requested,
            due_at=None,
        )

    def halt(self, *, now: datetime, error: ErrorSummary) -> Self:
        """Found unusable outside a run: whoever runs has lost the lease, and only an event starts another run."""
        return self._with(
            status=SyncStatus.FAILED,
            stage=Stage.FAILED,
            error=error,
            updated_at=now,
            next_retry_at=None,
            lease_owner=None,
            lease_expires_at=None,
            dirty_runs=self._suspects(),
            streaming=self._goes_on(),
            serving=self.served,
            needs_user=True,
            clears_error_on_success=False,
            due_at=None,
        )

    def checked(self, needs_user: bool) -> Self:
        """The source was looked at from outside a run: whether it needs its user."""
        return self._with(
            needs_user=needs_user, clears_error_on_success=self.clears_error_on_success and not needs_user
        )

    def moved_to(self, institution_id: str, *, now: datetime) -> Self:
        """The source is another one now: its surroundings are to be set up again, at the next tick if nothing runs."""
        rests = self.status is SyncStatus.COMPLETED and not self.stopped
        due_at = now if rests else self.due_at
        return self._with(source=institution_id, is_set_up=False, set_up_attempts=0, updated_at=now, due_at=due_at)

    def touched(self) -> Self:
        """Something is written with this state from outside a run.

        A write that changes nothing of a document leaves its version as it is, so without this two of them would not
        notice each other.
        """
        return self._with(external_revision=self.external_revision + 1)

    def reselect_accounts(self) -> Self:
        """The user chose accounts again: the next run reads all of them, those that were taken away, too."""
        former = tuple(sorted({*self.former_accounts, *self.revoked_accounts}))
        return self._with(accounts_digest=None, revoked_accounts=(), former_accounts=former)

    def remove_account(self, account_id: str) -> Self:
        """An account was taken away: whatever still comes of it is not wanted."""
        return self._with(
            revoked_accounts=tuple(sorted({*self.revoked_accounts, account_id})),
            account_ids=tuple(i for i in self.account_ids if i != account_id),
        )

    def queued(self, *, now: datetime) -> Self:
        """Pending, with nothing left of what was before but the suspects."""
        return self._with(
            status=SyncStatus.PENDING,
            stage=Stage.QUEUED,
            tries=0,
            percent=None,
            updated_at=now,
            next_retry_at=None,
            error=None,
            lease_owner=None,
            lease_expires_at=None,
            dirty_runs=self._suspects(),
            streaming=self._goes_on(),
            due_at=now + grace_periods.TASK,
        )

    def reconcile(self, *, now: datetime, trace: str | None = None) -> Self:
        """The next run reads everything again and holds it against the store; there is none once it is stopped.

        Raises:
            IllegalTransition: A run is working: it would go on with the cursor that is taken away here.
        """
        if self.stopped:
            return self
        if self.is_leased(now):
            raise IllegalTransition("a run is working")
        dirty = (*self.dirty_runs, self.run) if self.streaming else self.dirty_runs
        anew = {"cursor": None, "rebuilding": True, "handover": None, "streaming": False, "dirty_runs": dirty}
        return self.request(now=now, trace=trace).model_copy(update=anew)

    def _story_of(self, trace: str | None) -> dict[str, str | None]:
        match self.status:
            case SyncStatus.PENDING:
                return {"trace": self.trace or trace}
            case SyncStatus.IN_PROGRESS:
                return {"next_trace": self.next_trace or trace}
            case _:
                return {"trace": trace, "next_trace": None}

    def _released(self, now: datetime, **changes: Any) -> Self:
        return self._with(
            updated_at=now,
            heartbeat_seq=self.heartbeat_seq + 1,
            lease_owner=None,
            lease_expires_at=None,
            serving=self.served,
            dirty_runs=self._suspects(),
            streaming=self._goes_on(),
            **changes,
        )

    def _goes_on(self) -> bool:
        """Whether what the run has streamed belongs to a loop that a continuation will finish."""
        return self.streaming and self.handover is not None

    def _suspects(self) -> tuple[int, ...]:
        return (*self.dirty_runs, self.run) if self.streaming and not self._goes_on() else self.dirty_runs

    def _must_run(self) -> None:
        if self.status is not SyncStatus.IN_PROGRESS or self.lease_owner is None:
            raise IllegalTransition(f"{self.status}: no run is working")

    def _with(self, **changes: Any) -> Self:
        return self.model_copy(update=changes)


def _next_poll(now: datetime, *, late: bool) -> datetime:
    return now + LATE_POLL_EVERY if late else now
