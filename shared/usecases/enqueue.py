"""Adds work to the queues; what a queue does not take, the schedule finds due."""

import hashlib

from shared import trace
from shared.domain.errors import Unavailable
from shared.domain.removal import Removal
from shared.log import log
from shared.ports import SyncQueue, TaskFunction, Tasks


def enqueue(queue: SyncQueue, connection_id: str, *, name: str, welcome: bool = False) -> bool:
    """Adds a run; False if the queue did not take it, which is recorded and no failure of the caller's."""
    try:
        queue.enqueue(connection_id, name=name, welcome=welcome)
    except Unavailable:
        log.error("queue.not_taken", connection_id=connection_id)
        return False
    return True


def enqueue_removal(tasks: Tasks, removal: Removal) -> bool:
    """Adds the next step of a removal; its due time names the turn. False as above."""
    name = f"{removal.connection_id}-r{int(removal.due_at.timestamp() * 1000)}"
    try:
        with trace.resumed(removal.trace):
            tasks.add(TaskFunction.REMOVE_ITEM, {"connection_id": removal.connection_id}, name=name)
    except Unavailable:
        log.error("queue.not_taken", connection_id=removal.connection_id)
        return False
    return True


def enqueue_erasure(tasks: Tasks, app_user_id: str, *, turn: str) -> bool:
    """Adds the next step of an erasure; `turn` tells it from the steps before. False as above."""
    name = f"e{hashlib.sha256(app_user_id.encode()).hexdigest()[:32]}-{turn}"  # an uid may be no name for a task
    try:
        tasks.add(TaskFunction.ERASE_DATA, {"app_user_id": app_user_id}, name=name)
    except Unavailable:
        log.error("queue.not_taken", function=TaskFunction.ERASE_DATA)
        return False
    return True
