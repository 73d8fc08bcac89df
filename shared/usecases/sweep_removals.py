"""Removals and erasures that did not come to their end: Plaid was down, a task was lost, a process died."""

from shared import trace
from shared.domain.errors import Conflict
from shared.log import log
from shared.ports import Clock, Erasures, Removals, Tasks
from shared.usecases.enqueue import enqueue_erasure, enqueue_removal

PAGE = 300
MAX_PAGES = 100


def sweep_removals(*, removals: Removals, erasures: Erasures, tasks: Tasks, clock: Clock) -> int:
    """Enqueues them again, as far as they are due. Returns how many."""
    enqueued, started = 0, clock.now()
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
        for erasure, version in erasures.due(started, limit=PAGE):
            waiting = erasure.queued(now=clock.now())
            try:
                erasures.update(waiting, expected=version)
            except Conflict:
                continue
            moved += 1
            turn = str(int(waiting.due_at.timestamp() * 1000))
            with trace.resumed(erasure.trace):
                enqueued += enqueue_erasure(tasks, erasure.app_user_id, turn=turn)
        if not moved:
            break
    if enqueued:
        log.info("removals.swept", enqueued=enqueued)
    return enqueued
