"""The scheduler: starts syncs that are due, and resumes those whose trigger, task, webhook or process was lost."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Generic

from shared import trace
from shared.domain.errors import Conflict, Unavailable
from shared.domain.pause import Pauses
from shared.domain.run_state import IllegalTransition
from shared.log import log
from shared.ports import Clock, Executors, LoadedState, PausedSyncs, RunStates
from shared.ports.run_states import S
from shared.usecases.due_pages import due_pages
from shared.usecases.sync.run_claims import may_run

PAGE = 300
MAX_PAGES = 1000


class _Result(Enum):
    """The result for a state that was due."""

    SKIPPED = auto()  # another caller changed it, or it cannot be requeued now
    DEFERRED = auto()  # its syncs are paused
    REQUEUED = auto()  # pending, but the queue did not accept its task
    ENQUEUED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduler(Generic[S]):
    """Makes every due state of a kind `pending` and enqueues its sync: retries, dead runs, lost tasks, overdue polls.

    Handles `at_once` states concurrently, since each needs a commit and a task. `enqueue` enqueues a run of a sync as a
    task whose name has this suffix; False if the queue did not accept it.
    """

    syncs: RunStates[S]
    paused: PausedSyncs
    enqueue: Callable[[S, str], bool]
    clock: Clock
    executors: Executors
    at_once: int = 1

    def run(self) -> int:
        """Performs one scheduler run. Reads only due states; while all syncs are paused, changes nothing.

        Returns:
            The number of enqueued syncs.
        """
        started, pauses = self.clock.now(), self.paused.load()[0]
        if pauses.everything is not None:
            log.warning("schedule.paused", since=pauses.everything.since)
            return 0
        results: Counter[_Result] = Counter()

        def due(limit: int) -> list[LoadedState[S]]:
            return self.syncs.due(started, limit=limit)

        for page in due_pages(due, lambda loaded: loaded.state.sync_id, size=PAGE, max_pages=MAX_PAGES):
            results.update(self._requeue_page(page, pauses))
        log.info("schedule.done", enqueued=results[_Result.ENQUEUED], held=results[_Result.DEFERRED])
        return results[_Result.ENQUEUED]

    def _requeue_page(self, page: list[LoadedState[S]], pauses: Pauses) -> Iterator[_Result]:
        if self.at_once == 1:
            yield from (self._requeue(loaded, pauses) for loaded in page)
            return
        with closing(self.executors(self.at_once, "schedule")) as workers:
            futures = [workers.submit(partial(self._requeue, loaded, pauses)) for loaded in page]
            yield from (future.result() for future in futures)

    def _requeue(self, loaded: LoadedState[S], pauses: Pauses) -> _Result:
        """Requeues one state, unless another caller changes it meanwhile."""
        state = loaded.state
        try:
            if not may_run(state, pauses.of(state.source, now=self.clock.now()), now=self.clock.now()):
                self.syncs.save(state.deferred(now=self.clock.now()), expected=loaded.version)
                return _Result.DEFERRED
            queued = state.requeue(now=self.clock.now(), trace=trace.Trace.new().header())
            self.syncs.save(queued, expected=loaded.version)
        except Conflict:
            return _Result.SKIPPED
        except IllegalTransition:
            return self._postpone(loaded)
        except Exception as error:  # noqa: BLE001 (a failure of one connection must not stop the others)
            log.exception("schedule.skipped", connection_id=state.connection_id)
            # While the store does not answer, another write would only waste time.
            return _Result.SKIPPED if isinstance(error, Unavailable) else self._postpone(loaded)
        # The run and the time make the name unique to this scheduler run, since a queue blocks used names for a while.
        suffix = f"s{state.run}-{int(queued.updated_at.timestamp() * 1000)}"
        try:
            with trace.resumed(queued.trace):
                is_new = self.enqueue(queued, suffix)
        except Exception:  # noqa: BLE001 (as above; the next scheduler run enqueues it again)
            log.exception("schedule.skipped", connection_id=state.connection_id)
            return _Result.REQUEUED
        return _Result.ENQUEUED if is_new else _Result.REQUEUED

    def _postpone(self, loaded: LoadedState[S]) -> _Result:
        """Postpones a state that cannot be requeued now."""
        with suppress(Exception):  # then `due_pages` skips it
            self.syncs.save(loaded.state.backed_off(now=self.clock.now()), expected=loaded.version)
        return _Result.SKIPPED
