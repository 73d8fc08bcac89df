"""Enqueues unfinished moves of notes again: a history is late, a task was lost, or a process died."""

from dataclasses import dataclass

from shared.domain.errors import Conflict
from shared.domain.history_move import HistoryMove
from shared.log import log
from shared.ports import Clock, HistoryMoves, Tasks, Version
from shared.usecases.due_pages import due_pages
from shared.usecases.enqueue import enqueue_history_move

PAGE = 300
MAX_PAGES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepHistoryMoves:
    """Enqueues due moves."""

    moves: HistoryMoves
    tasks: Tasks
    clock: Clock

    def __call__(self) -> int:
        """Enqueues due moves. Returns the number of tasks."""
        started, enqueued = self.clock.now(), 0

        def due(limit: int) -> list[tuple[HistoryMove, Version]]:
            return self.moves.due(started, limit=limit)

        for page in due_pages(due, lambda one: one[0].connection_id, size=PAGE, max_pages=MAX_PAGES):
            for move, version in page:
                queued = move.queued(now=self.clock.now())
                try:
                    self.moves.update(queued, expected=version)
                except Conflict:
                    continue  # its task is processing it, or its connection was removed
                enqueued += enqueue_history_move(self.tasks, move.connection_id, move=queued)
        if enqueued:
            log.info("history_moves.swept", enqueued=enqueued)
        return enqueued
