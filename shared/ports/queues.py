"""Cloud Tasks."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol


class SyncQueue(Protocol):
    """The queue that runs syncs. `name` makes a second enqueue of the same run a no-op."""

    def enqueue(self, connection_id: str, *, name: str, welcome: bool = False) -> None:
        """Adds a task. With `welcome`, the task first sets the connection up, because its trigger was lost."""


class TaskFunction(StrEnum):
    """The task queues, by their functions' names."""

    HANDLE_WEBHOOK = "handlewebhook"
    CHECK_ITEM = "checkitem"
    CHECK_ITEMS = "checkitems"
    REMOVE_ITEM = "removeitem"
    ERASE_DATA = "erasedata"
    MOVE_HISTORY = "movehistory"
    ROTATE_TOKEN = "rotatetoken"  # noqa: S105 (a name)
    SYNC_PRODUCTS = "syncproducts"
    EXCHANGE_LINK = "exchangelink"
    JUDGE_INSTITUTION = "judgeinstitution"
    SEND_PUSH = "sendpush"


class Tasks(Protocol):
    """The queues of all other tasks."""

    def add(self, function: TaskFunction, payload: Mapping[str, Any], *, name: str, at: datetime | None = None) -> None:
        """Adds a task. A name that was used before makes this a no-op.

        Args:
            function: The queue, by its function.
            payload: The task's data.
            name: The task's name.
            at: When it is to be delivered; None: at once. The emulator of Cloud Tasks always delivers at once.

        Raises:
            Unavailable: The queue did not accept the task.
        """
