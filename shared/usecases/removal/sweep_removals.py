"""Enqueues unfinished removals and erasures again: Plaid was down, a task was lost, or a process died."""

from dataclasses import dataclass
from datetime import datetime

from shared import trace
from shared.domain.erasure import Erasure
from shared.domain.errors import Conflict
from shared.domain.removal import Removal
from shared.log import log
from shared.ports import Clock, Erasures, Removals, Tasks, Version
from shared.usecases.due_pages import due_pages
from shared.usecases.enqueue import enqueue_erasure, enqueue_removal
from shared.usecases.removal.erase_user import due_step

PAGE = 300
MAX_PAGES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRemovals:
    """Enqueues unfinished removals and erasures again."""

    removals: Removals
    erasures: Erasures
    tasks: Tasks
    clock: Clock

    def __call__(self) -> int:
        """Enqueues due removals and erasures. Returns the number of tasks."""
        started = self.clock.now()
        enqueued = self._removals(started) + self._erasures(started)
        if enqueued:
            log.info("removals.swept", enqueued=enqueued)
        return enqueued

    def _removals(self, started: datetime) -> int:
        enqueued = 0

        def due(limit: int) -> list[tuple[Removal, Version]]:
            return self.removals.due(started, limit=limit)

        for page in due_pages(due, lambda one: one[0].connection_id, size=PAGE, max_pages=MAX_PAGES):
            for removal, version in page:
                queued = removal.queued(now=self.clock.now())
                try:
                    self.removals.update(queued, expected=version)
                except Conflict:
                    continue  # its task is processing it
                enqueued += enqueue_removal(self.tasks, queued)
        return enqueued

    def _erasures(self, started: datetime) -> int:
        enqueued = 0

        def due(limit: int) -> list[tuple[Erasure, Version]]:
            return self.erasures.due(started, limit=limit)

        for page in due_pages(due, lambda one: one[0].app_user_id, size=PAGE, max_pages=MAX_PAGES):
            for erasure, version in page:
                queued = erasure.queued(now=self.clock.now())
                try:
                    self.erasures.update(queued, expected=version)
                except Conflict:
                    continue  # its task is processing it
                with trace.resumed(erasure.trace):
                    enqueued += enqueue_erasure(self.tasks, erasure.app_user_id, turn=due_step(queued))
        return enqueued
