"""Removals and erasures that did not come to their end: Plaid was down, a task was lost, a process died."""

from shared import trace
from shared.domain.erasure import Erasure
from shared.domain.errors import Conflict
from shared.domain.removal import Removal
from shared.log import log
from shared.ports import Clock, Erasures, Removals, Tasks, Version
from shared.usecases.due_pages import due_pages
from shared.usecases.enqueue import enqueue_erasure, enqueue_removal

PAGE = 300
MAX_PAGES = 100


def sweep_removals(*, removals: Removals, erasures: Erasures, tasks: Tasks, clock: Clock) -> int:
    """Enqueues them again, as far as they are due. Returns how many."""
    started, enqueued = clock.now(), 0

    def due_removals(limit: int) -> list[tuple[Removal, Version]]:
        return removals.due(started, limit=limit)

    def due_erasures(limit: int) -> list[tuple[Erasure, Version]]:
        return erasures.due(started, limit=limit)

    for page in due_pages(due_removals, lambda one: one[0].connection_id, size=PAGE, max_pages=MAX_PAGES):
        for removal, version in page:
            queued = removal.queued(now=clock.now())
            try:
                removals.update(queued, expected=version)
            except Conflict:
                continue  # its task is processing it
            enqueued += enqueue_removal(tasks, queued)
    for some in due_pages(due_erasures, lambda one: one[0].app_user_id, size=PAGE, max_pages=MAX_PAGES):
        for erasure, at in some:
            waiting = erasure.queued(now=clock.now())
            try:
                erasures.update(waiting, expected=at)
            except Conflict:
                continue
            turn = str(int(waiting.due_at.timestamp() * 1000))
            with trace.resumed(erasure.trace):
                enqueued += enqueue_erasure(tasks, erasure.app_user_id, turn=turn)
    if enqueued:
        log.info("removals.swept", enqueued=enqueued)
    return enqueued
