"""The transitions of a running run of transactions; each is refused unless a run is working."""

from collections.abc import Collection
from datetime import datetime
from typing import Self

from shared.domain import grace_periods, poll_intervals, retry_delays
from shared.domain.progress import Stage, SyncCounts
from shared.domain.run_state import IllegalTransition
from shared.domain.state_group import Changes
from shared.domain.sync_document import SyncDocument


class SyncRun(SyncDocument):
    """The transitions of a running run.

    Each raises IllegalTransition if no run is working.
    """

    def advance(
        self, *, now: datetime, stage: Stage, counts: SyncCounts | None = None, streaming: bool = False
    ) -> Self:
        """A heartbeat with the counts so far. The percentage never decreases within a run.

        Args:
            now: The present.
            stage: What the run is doing.
            counts: The counts so far; None if unchanged.
            streaming: Whether it writes rows ahead of the cursor.

        Raises:
            IllegalTransition: No run is working.
        """
        return self._alive(now, stage=stage, streaming=self.streaming or streaming, **self._counted(counts))

    def refreshing(self, *, now: datetime) -> Self:
        """The run is about to ask the bank for a refresh.

        Raises:
            IllegalTransition: No run is working.
        """
        return self._alive(now, **self._refresh_tried(now=now))

    def refreshed(self, *, now: datetime) -> Self:
        """The bank was asked for a refresh.

        Raises:
            IllegalTransition: No run is working.
        """
        return self._alive(now, refreshed_at=self.refresh_tried_at)

    def restart(self, *, now: datetime) -> Self:
        """The run reads again from its first cursor; rows that it streamed become suspect.

        Raises:
            IllegalTransition: No run is working.
        """
        return self._restarted(now)

    def rebuild(self, *, now: datetime) -> Self:
        """The provider rejected the cursor: the run reads everything again.

        Raises:
            IllegalTransition: No run is working, or it is already reading everything.
        """
        if self.rebuilding:
            raise IllegalTransition("already reading everything again")
        return self._restarted(now, **self._reads_from_beginning())

    def read_returned(self, accounts: Collection[str], *, now: datetime) -> Self:
        """Former accounts are shared again: the run reads everything from the beginning.

        It restarts even if it already reads everything, because it may have skipped rows of these accounts.

        Raises:
            IllegalTransition: No run is working.
        """
        return self._restarted(now, **self._reads_from_beginning(), **self._accounts_returned(accounts))

    def mark_all(self, *, now: datetime) -> Self:
        """A rebuild takes longer than one run: every row is marked from now on, so that the run can hand over.

        Raises:
            IllegalTransition: No run is working, or it is not reading everything again.
        """
        if not self.rebuilding:
            raise IllegalTransition("not reading everything again")
        return self._restarted(now, **self._marks_every_row())

    def complete(
        self,
        *,
        now: datetime,
        cursor: str | None,
        history_complete: bool,
        late: bool = False,
        counts: SyncCounts | None = None,
    ) -> Self:
        """The run has written everything. While history is missing, the sync is due at every scheduler run.

        Args:
            now: The present.
            cursor: The position up to which the change log was read.
            history_complete: Whether the provider has delivered the whole history.
            late: Whether the history is late, so that the next poll is hours away.
            counts: The counts of the run; None if unchanged.

        Raises:
            IllegalTransition: No run is working.
        """
        self._must_run()
        history_complete = history_complete or self.history_complete  # one odd response must not undo it
        return self._with(
            history_complete=history_complete,
            set_up_attempts=self.set_up_attempts + 1 if self._misses_basics else 0,
            due_at=self._next_run(now, history_complete=history_complete, late=late),
            **(self._counted(counts) | {"percent": 100}),
            **self._ended(now),
            **self._reading_completed(cursor),
            **(self._products_outdated() if self.clears_error_on_success else {}),  # they may have failed for it, too
        )

    def hand_over(self, *, now: datetime, cursor: str, counts: SyncCounts | None = None) -> Self:
        """The run's time is up: a continuation resumes at this page, with the counts so far.

        Raises:
            IllegalTransition: No run is working.
        """
        self._must_run()
        return self._with(
            stage=Stage.FETCHING,
            updated_at=now,
            due_at=now + grace_periods.TASK,
            **self._counted(counts),
            **self._lease_released(),
            **self._reading_handed_over(cursor),
        )

    def wait_for_bank(self, *, now: datetime, late: bool = False) -> Self:
        """The provider has no data yet: pending again, due at the next scheduler run; a webhook is usually faster.

        Once the data is late, the next poll is hours away, unless a request came during this run.

        Raises:
            IllegalTransition: No run is working.
        """
        due_at = _next_poll(now, late=late and not self.has_newer_request)
        return self._left_pending(now, due_at=due_at, stage=Stage.WAITING_FOR_BANK)

    def _restarted(self, now: datetime, **changes: object) -> Self:
        return self._alive(
            now, stage=Stage.FETCHING, added=0, modified=0, removed=0, **self._reading_restarted(), **changes
        )

    def _counted(self, counts: SyncCounts | None) -> Changes:
        return counts.changes(percent=self.percent or 0) if counts is not None else {}

    @property
    def _misses_basics(self) -> bool:
        """Whether the set-up or the list of accounts is missing, for which no webhook comes."""
        return not self.is_set_up or self.accounts_digest is None

    def _next_run(self, now: datetime, *, history_complete: bool, late: bool) -> datetime:
        if self.has_newer_request:
            return now
        if self._misses_basics and (history_complete or late):  # they do not wait for a late history
            return now + retry_delays.SYNC.after(self.set_up_attempts)
        return now + poll_intervals.HEALTHY if history_complete else _next_poll(now, late=late)


def _next_poll(now: datetime, *, late: bool) -> datetime:
    return now + poll_intervals.LATE_HISTORY if late else now
