"""Webhooks that were never settled: their tasks were lost, or given up."""

from shared import trace
from shared.domain.errors import Unavailable
from shared.log import log
from shared.ports import Clock, Inbox, TaskFunction, Tasks

PAGE = 300


def sweep_inbox(*, inbox: Inbox, tasks: Tasks, clock: Clock) -> int:
    """Enqueues them again, as far as they are due. Returns how many."""
    now = clock.now()
    late = inbox.due(now, limit=PAGE)
    for delivery in late:
        name = f"{delivery.delivery_id}-s{int(now.timestamp())}"
        try:
            with trace.resumed(delivery.trace):
                tasks.add(TaskFunction.HANDLE_WEBHOOK, {"delivery_id": delivery.delivery_id}, name=name)
        except Unavailable:
            log.error("queue.not_taken", delivery_id=delivery.delivery_id)
    return len(late)
