"""Webhooks that were not settled: their tasks were lost, or failed too often."""

from shared import trace
from shared.domain.errors import Conflict, Unavailable
from shared.log import log
from shared.ports import Clock, Delivery, Inbox, TaskFunction, Tasks, Version
from shared.usecases.due_pages import due_pages

PAGE = 300
MAX_PAGES = 100


def sweep_inbox(*, inbox: Inbox, tasks: Tasks, clock: Clock) -> int:
    """Enqueues the deliveries that are due again, and postpones each with growing delays. Returns how many."""
    now, enqueued = clock.now(), 0

    def due(limit: int) -> list[tuple[Delivery, Version]]:
        return inbox.due(now, limit=limit)

    for page in due_pages(due, lambda one: one[0].delivery_id, size=PAGE, max_pages=MAX_PAGES):
        for delivery, version in page:
            try:
                inbox.postpone(delivery.swept(now=now), expected=version)
            except Conflict:
                continue  # its task has settled it
            enqueued += _enqueue(delivery, tasks=tasks, turn=int(now.timestamp()))
    return enqueued


def _enqueue(delivery: Delivery, *, tasks: Tasks, turn: int) -> bool:
    name = f"{delivery.delivery_id}-s{turn}"
    try:
        with trace.resumed(delivery.trace):
            tasks.add(TaskFunction.HANDLE_WEBHOOK, {"delivery_id": delivery.delivery_id}, name=name)
    except Unavailable:
        log.error("queue.not_taken", delivery_id=delivery.delivery_id)
        return False
    return True
