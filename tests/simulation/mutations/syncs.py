"""Faults of syncs: runs, leases, requests, the cursor, the scheduler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from shared.domain import poll_intervals
from shared.domain.demand import Demand
from shared.domain.lease import Lease
from shared.domain.page_trail import PageTrail
from shared.domain.read_position import ReadPosition
from shared.domain.run_state import RunState
from shared.domain.sync_transitions import SyncRun
from shared.ports import LoadedState, Write
from shared.ports.run_states import S
from shared.usecases.sync import report_late_history, run_sync
from shared.usecases.sync.change_loop import ChangeLoop
from shared.usecases.sync.fenced_commits import FencedRun, LeaseLost
from shared.usecases.sync.write_changes import ChangeWriter
from tests.simulation.mutations import Patch, mutation

YEARS = timedelta(days=3_650)


@mutation
def fence_removed() -> list[Patch]:
    """A run writes its state whatever other writers wrote in between."""

    def commit(
        self: FencedRun[S],
        step: Callable[[S], S],
        writes: Callable[[], Sequence[Write]] = tuple,
    ) -> None:
        after = step(self.state)
        found = self._syncs.load(after.sync_id)
        if found is None:
            raise LeaseLost("the connection is gone")
        version = self._syncs.save(after, expected=found.version, writes=writes())
        self._loaded = LoadedState(state=after, version=version)

    return [Patch(FencedRun, "commit", commit)]


@mutation
def lease_ignored() -> list[Patch]:
    """A second run starts while another one works."""
    return [Patch(Lease, "is_leased", lambda self, now: False)]


@mutation
def lease_of_dead_run_never_ends() -> list[Patch]:
    """The lease of a run that died never expires."""
    return [Patch(Lease, "is_leased", lambda self, now: self.lease_expires_at is not None)]


@mutation
def cursor_saved_early() -> list[Patch]:
    """The cursor of a page is stored before the loop has read all pages."""
    take, stream = ChangeLoop.take, ChangeWriter.stream

    def take_and_note(self: ChangeLoop, page: Any, *, revoked: set[str]) -> None:
        take(self, page, revoked=revoked)
        self.next_cursor = page.next_cursor  # type: ignore[attr-defined]

    def stream_and_save(self: ChangeWriter, loop: ChangeLoop) -> None:
        stream(self, loop)
        cursor = getattr(loop, "next_cursor", None)
        self.run.commit(lambda state: state.model_copy(update={"cursor": cursor or state.cursor}))

    return [Patch(ChangeLoop, "take", take_and_note), Patch(ChangeWriter, "stream", stream_and_save)]


@mutation
def empty_cursor_replaces_the_real_one() -> list[Patch]:
    """An empty cursor replaces the real one, so the next run misses the removals since."""
    original = SyncRun.complete

    def complete(self: SyncRun, *, cursor: str | None, **more: Any) -> SyncRun:
        return original(self, cursor="" if self.run % 3 == 0 else cursor, **more)

    def completed(self: ReadPosition, cursor: str | None) -> Any:
        return kept(self, cursor) | {"cursor": cursor}

    kept = ReadPosition._reading_completed
    return [Patch(SyncRun, "complete", complete), Patch(ReadPosition, "_reading_completed", completed)]


@mutation
def request_during_a_run_lost() -> list[Patch]:
    """A request that arrives while a run works starts no other run."""
    return [
        Patch(Demand, "wanted", property(lambda self: False)),
        Patch(Demand, "has_newer_request", property(lambda self: False)),
    ]


@mutation
def no_poll_without_webhook() -> list[Patch]:
    """A completed sync is never due again, so a lost webhook is not made up for."""
    return [Patch(poll_intervals, "HEALTHY", YEARS)]


@mutation
def failed_sync_not_retried() -> list[Patch]:
    """A failed sync gets no due time."""
    original = RunState.fail

    def fail(self: RunState, **more: Any) -> RunState:
        return original(self, **more).model_copy(update={"due_at": None})

    return [Patch(RunState, "fail", fail)]


@mutation
def interrupted_sync_not_due() -> list[Patch]:
    """A working run sets no due time, so if it dies no other run follows."""
    original = RunState.claim

    def claim(self: RunState, **more: Any) -> RunState:
        return original(self, **more).model_copy(update={"due_at": None})

    def alive(self: RunState, now: Any, **changes: Any) -> RunState:
        return lively(self, now, **changes).model_copy(update={"due_at": None})

    lively = RunState._alive
    return [Patch(RunState, "claim", claim), Patch(RunState, "_alive", alive)]


@mutation
def endless_pages_not_detected() -> list[Patch]:
    """Pages whose cursors repeat are read for ever."""
    return [Patch(PageTrail, "follow", lambda self, page: page.next_cursor)]


@mutation
def late_history_polled_all_day() -> list[Patch]:
    """A history that never comes is polled at every scheduler run, and its user is not notified."""
    return [Patch(report_late_history, "is_late", lambda since, *, now: False)]


@mutation
def late_history_never_polled() -> list[Patch]:
    """A late history is not polled any more."""
    return [Patch(poll_intervals, "LATE_HISTORY", YEARS)]


@mutation
def paused_sync_forgotten() -> list[Patch]:
    """A sync that an operator's pause defers does not start after the pause."""
    original = RunState.deferred

    def deferred(self: RunState, **more: Any) -> RunState:
        return original(self, **more).model_copy(update={"due_at": None})

    return [Patch(RunState, "deferred", deferred)]


@mutation
def continuation_not_started() -> list[Patch]:
    """A run whose time is up clears its due time, so nothing continues it if the task is lost."""
    original = SyncRun.hand_over

    def hand_over(self: SyncRun, **more: Any) -> SyncRun:
        return original(self, **more).model_copy(update={"due_at": None})

    return [Patch(SyncRun, "hand_over", hand_over), Patch(run_sync, "enqueue", lambda *_, **__: True)]
