"""Cloud Tasks."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol


class SyncQueue(Protocol):
    """The queue that runs syncs. `name` makes a second enqueue of the same run a no-op."""

    def enqueue(self, connection_id: str, *, name: str, welcome: bool = False) -> None:
        """Adds a task. `welcome` asks it to set the connection up first: its trigger was lost."""


class TaskFunction(StrEnum):
    """The task queues, by their functions' names."""

    HANDLE_WEBHOOK = "handlewebhook"
    CHECK_ITEM = "checkitem"
    CHECK_ITEMS = "checkitems"
    REMOVE_ITEM = "removeitem"
    ERASE_DATA = "erasedata"
    ROTATE_TOKEN = "rotatetoken"  # noqa: S105 (a name)
    EXCHANGE_LINK = "exchangelink"


class Tasks(Protocol):
    """The other queues."""

    def add(self, function: TaskFunction, payload: Mapping[str, Any], *, name: str) -> None:
        """Adds a task; one whose name was used already is there, or was.

        Raises:
            Unavailable: The queue did not take it.
        """
