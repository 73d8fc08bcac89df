"""Adds tasks to the queues. If a queue does not accept a task, the scheduler finds the work due later."""

import hashlib
import re
from datetime import UTC, datetime, timedelta

from shared import trace
from shared.domain.errors import Unavailable
from shared.domain.history_move import HistoryMove
from shared.domain.products.product_state import ProductState
from shared.domain.removal import Removal
from shared.domain.sync_state import SyncState
from shared.log import log
from shared.ports import SyncQueue, TaskFunction, Tasks

JUDGED_EVERY = timedelta(minutes=5)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,200}")
BALANCES = "balances"  # the part of a daily check that calls nothing outside


def enqueue(queue: SyncQueue, connection_id: str, *, name: str, welcome: bool = False) -> bool:
    """Enqueues a sync run; False if the queue did not accept it, which is logged and is no error for the caller."""
    try:
        queue.enqueue(connection_id, name=name, welcome=welcome)
    except Unavailable:
        log.error("queue.not_taken", connection_id=connection_id)
        return False
    return True


def enqueue_due(queue: SyncQueue, state: SyncState, suffix: str) -> bool:
    """Enqueues a run for the scheduler; the task sets the connection up first, if its trigger was lost."""
    welcome = not state.is_set_up
    return enqueue(queue, state.connection_id, name=f"{state.connection_id}-{suffix}", welcome=welcome)


def enqueue_product(tasks: Tasks, state: ProductState, suffix: str) -> bool:
    """Enqueues a run of a product, as a task with this suffix to its name; False if the queue did not accept it."""
    payload, name = {"connection_id": state.connection_id, "kind": state.kind.value}, state.connection_id
    try:
        tasks.add(TaskFunction.SYNC_PRODUCTS, payload, name=f"{name}-{state.kind}-{suffix}")
    except Unavailable:
        log.error("queue.not_taken", connection_id=state.connection_id)
        return False
    return True


def enqueue_removal(tasks: Tasks, removal: Removal) -> bool:
    """Enqueues the next step of a removal, named by its due time; False if the queue did not accept it."""
    name = f"{removal.connection_id}-r{int(removal.due_at.timestamp() * 1000)}"
    try:
        with trace.resumed(removal.trace):
            tasks.add(TaskFunction.REMOVE_ITEM, {"connection_id": removal.connection_id}, name=name)
    except Unavailable:
        log.error("queue.not_taken", connection_id=removal.connection_id)
        return False
    return True


def enqueue_erasure(tasks: Tasks, app_user_id: str, *, turn: str) -> bool:
    """Enqueues the next step of an erasure, which `turn` names uniquely; False if the queue did not accept it."""
    name = f"e{_hashed(app_user_id)}-{turn}"  # a uid may be no valid task name
    try:
        tasks.add(TaskFunction.ERASE_DATA, {"app_user_id": app_user_id}, name=name)
    except Unavailable:
        log.error("queue.not_taken", function=TaskFunction.ERASE_DATA)
        return False
    return True


def enqueue_history_move(tasks: Tasks, connection_id: str, *, move: HistoryMove | None = None) -> bool:
    """Enqueues the move of notes to a connection; False if the queue did not accept it.

    Args:
        tasks: The queues.
        connection_id: The new connection.
        move: The record, whose due time names the task; without it, the history has just become complete.
    """
    turn = f"m{int(move.due_at.timestamp() * 1000)}" if move is not None else "m"
    try:
        with trace.resumed(move.trace if move is not None else trace.carried()):
            tasks.add(TaskFunction.MOVE_HISTORY, {"connection_id": connection_id}, name=f"{connection_id}-{turn}")
    except Unavailable:
        log.error("queue.not_taken", connection_id=connection_id)
        return False
    return True


def enqueue_judgement(tasks: Tasks, institution_id: str, *, at: datetime) -> bool:
    """Enqueues a judgement of an institution at the end of a 5-minute bucket, so that a storm of failures makes one.

    Returns:
        False if the queue did not accept it; the scheduler judges the institution then.
    """
    bucket = int(at.timestamp() // JUDGED_EVERY.total_seconds()) + 1
    due = datetime.fromtimestamp(bucket * JUDGED_EVERY.total_seconds(), UTC)
    name = task_name(institution_id, str(bucket))
    try:
        tasks.add(TaskFunction.JUDGE_INSTITUTION, {"institution_id": institution_id}, name=name, at=due)
    except Unavailable:
        log.error("queue.not_taken", function=TaskFunction.JUDGE_INSTITUTION)
        return False
    return True


def task_name(institution_id: str, suffix: str) -> str:
    """The name of a task about an institution, whose id may be no valid task name."""
    return f"{institution_id if _NAME.fullmatch(institution_id) else _hashed(institution_id)}-{suffix}"


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def enqueue_balances(tasks: Tasks, connection_id: str) -> bool:
    """Enqueues the derivation of balances once the history is complete; without it, the daily check derives them."""
    payload = {"connection_id": connection_id, "only": BALANCES}
    try:
        tasks.add(TaskFunction.CHECK_ITEM, payload, name=f"{connection_id}-{BALANCES}")
    except Unavailable:
        log.error("queue.not_taken", connection_id=connection_id)
        return False
    return True
