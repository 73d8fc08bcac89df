"""Adds a run to the queue; if the queue does not take it, the schedule finds the state due."""

from shared.domain.errors import Unavailable
from shared.log import log
from shared.ports import SyncQueue


def enqueue(queue: SyncQueue, connection_id: str, *, name: str, welcome: bool = False) -> bool:
    """Adds the task; False if the queue did not take it, which is recorded and no failure of the caller's."""
    try:
        queue.enqueue(connection_id, name=name, welcome=welcome)
    except Unavailable:
        log.error("queue.not_taken", connection_id=connection_id)
        return False
    return True
