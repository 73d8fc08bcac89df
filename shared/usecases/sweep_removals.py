"""Removals that did not come to their end: Plaid was down, a task was lost, a process died."""

from shared.domain.errors import Conflict
from shared.log import log
from shared.ports import Clock, Removals, Tasks
from shared.usecases.enqueue import enqueue_removal

PAGE = 300
MAX_PAGES = 100


def sweep_removals(*, removals: Removals, tasks: Tasks, clock: Clock) -> int:
    """Enqueues them again, as far as they are due. Returns how many."""
    started, enqueued = clock.now(), 0
    for _ in range(MAX_PAGES):
        moved = 0
        for removal, version in removals.due(started, limit=PAGE):
            queued = removal.queued(now=clock.now())
            try:
                removals.update(queued, expected=version)
            except Conflict:
                continue  # somebody goes on with it
            moved += 1
            enqueued += enqueue_removal(tasks, queued)
        if not moved:
            break
    if enqueued:
        log.info("removals.swept", enqueued=enqueued)
    return enqueued
