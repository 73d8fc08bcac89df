"""Enqueues unhandled webhooks again, whose tasks were lost or failed too often."""

from dataclasses import dataclass

from shared import trace
from shared.domain.errors import Conflict, Unavailable
from shared.log import log
from shared.ports import Clock, Delivery, Inbox, TaskFunction, Tasks, Version
from shared.usecases.due_pages import due_pages

PAGE = 300
MAX_PAGES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepInbox:
    """Enqueues unhandled deliveries again."""

    inbox: Inbox
    tasks: Tasks
    clock: Clock

    def __call__(self) -> int:
        """Enqueues the deliveries that are due, and postpones each with growing delays. Returns how many."""
        now, enqueued = self.clock.now(), 0

        def due(limit: int) -> list[tuple[Delivery, Version]]:
            return self.inbox.due(now, limit=limit)

        for page in due_pages(due, lambda one: one[0].delivery_id, size=PAGE, max_pages=MAX_PAGES):
            for delivery, version in page:
                try:
                    self.inbox.postpone(delivery.swept(now=now), expected=version)
                except Conflict:
                    continue  # its task has handled it
                enqueued += self._enqueue(delivery, name=f"{delivery.delivery_id}-s{int(now.timestamp())}")
        return enqueued

    def _enqueue(self, delivery: Delivery, *, name: str) -> bool:
        try:
            with trace.resumed(delivery.trace):
                self.tasks.add(TaskFunction.HANDLE_WEBHOOK, {"delivery_id": delivery.delivery_id}, name=name)
        except Unavailable:
            log.error("queue.not_taken", delivery_id=delivery.delivery_id)
            return False
        return True
