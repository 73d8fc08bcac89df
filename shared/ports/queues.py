"""Cloud Tasks."""

from collections.abc import Mapping
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


class Tasks(Protocol):
    """The queues of all other tasks."""

    def add(self, function: TaskFunction, payload: Mapping[str, Any], *, name: str) -> None:
        """Adds a task. A name that was used before makes this a no-op.

        Raises:
            Unavailable: The queue did not accept the task.
        """
