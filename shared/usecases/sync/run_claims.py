"""Claims a sync for one delivery of a task, and starts another run for requests that came during a run."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic

from shared import trace
from shared.domain.errors import Conflict
from shared.domain.pause import AutomaticPause, Pause
from shared.domain.progress import SyncStatus
from shared.domain.run_state import IllegalTransition, RunState
from shared.log import log
from shared.ports import Clock, LoadedState, PausedSyncs, RunStates
from shared.ports.run_states import S

MAX_CLAIMS = 5


class Outcome(StrEnum):
    """What the task handler must do with a delivery."""

    DONE = "done"  # acknowledge
    RETRY = "again"  # let the queue deliver again in seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class RunClaims(Generic[S]):
    """The beginning and the end of runs of one kind.

    Attributes:
        states: The states of this kind.
        paused: The operators' pauses.
        enqueue: Enqueues a run of a pending sync, as a task with this suffix to its name.
        clock: The time.
        with_first_commit: Whether the claim is stored only with the run's first commit.
    """

    states: RunStates[S]
    paused: PausedSyncs
    enqueue: Callable[[S, str], object]
    clock: Clock
    with_first_commit: bool = False

    def claim(self, sync_id: str, *, delivery: str) -> LoadedState[S] | Outcome:
        """Acquires the lease, or returns the outcome of the delivery."""
        # Not `retry_on_conflict`: after the last try the queue delivers again, which is no error.
        for _ in range(MAX_CLAIMS):
            loaded = self.states.load(sync_id)
            if loaded is None:
                return Outcome.DONE  # removed meanwhile
            now = self.clock.now()
            if loaded.state.is_leased(now) and loaded.state.lease_owner == delivery:
                return loaded  # this delivery's own claim: only the answer of its commit was lost
            try:
                state = loaded.state.claim(now=now, owner=delivery)
            except IllegalTransition:
                # If another delivery of the same task holds the lease, it died or is still working: retry later. The
                # request of a different task was counted, and the working run starts another run for it.
                same_task = _task(loaded.state.lease_owner) == _task(delivery)
                return Outcome.RETRY if loaded.state.is_leased(now) and same_task else Outcome.DONE
            pause = self.paused.load()[0].of(loaded.state.source, now=now)
            if pause is not None and not may_run(loaded.state, pause, now=now):
                return self._defer(loaded, pause)  # checked last: a sync that would not run anyway is not deferred
            if self.with_first_commit:
                return LoadedState(state=state, version=loaded.version)
            try:
                return LoadedState(state=state, version=self.states.save(state, expected=loaded.version))
            except Conflict:
                continue
        return Outcome.RETRY

    def requeue(self, sync_id: str) -> None:
        """Starts another run for requests that arrived during this one. If this fails, the scheduler starts it."""
        loaded = self.states.load(sync_id)
        if loaded is None or loaded.state.status is not SyncStatus.COMPLETED or not loaded.state.wanted:
            return
        state = loaded.state.requeue(now=self.clock.now())
        try:
            self.states.save(state, expected=loaded.version)
        except Conflict:
            return
        self.enqueue_next(state)

    def enqueue_next(self, state: S) -> None:
        """Enqueues the run that follows the latest one."""
        with trace.resumed(state.trace):
            self.enqueue(state, f"n{state.run}")

    def _defer(self, loaded: LoadedState[S], pause: Pause | AutomaticPause) -> Outcome:
        """Defers the run while it is paused. On a conflict the state stays due, and the scheduler defers it."""
        log.info("sync.held", connection_id=loaded.state.connection_id, since=pause.since)
        with suppress(Conflict):
            self.states.save(loaded.state.deferred(now=self.clock.now()), expected=loaded.version)
        return Outcome.DONE


def may_run(state: RunState, pause: Pause | AutomaticPause | None, *, now: datetime) -> bool:
    """Whether a sync may run: its bank is not paused, or the sync was released from an automatic pause."""
    return pause is None or (isinstance(pause, AutomaticPause) and state.is_released(now))


def _task(delivery: str | None) -> str:
    return (delivery or "").partition("#")[0]
