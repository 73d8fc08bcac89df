"""Once a day, every connection is looked at: what no webhook, task or trigger has told."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from shared.log import log
from shared.ports import Clock, Connections, TaskFunction, Tasks

PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionsMonitor:
    """Goes over all connections, page by page, each page a task of its own.

    `erase_gone` is told the owners in each page, and erases those who are gone.
    """

    connections: Connections
    tasks: Tasks
    clock: Clock
    erase_gone: Callable[[Iterable[str]], None]

    def begin(self) -> None:
        """Sets the day's round going. A second one on the same day is none.

        Raises:
            Unavailable: The queue did not take it.
        """
        self._enqueue_page(None)

    def page(self, after: str | None) -> int:
        """Enqueues a check of each connection of a page, and the next page. Twice is harmless.

        Args:
            after: The last connection of the page before.

        Returns:
            How many connections there are in it.

        Raises:
            Unavailable: A queue or the store did not answer: deliver the page again.
        """
        found = self.connections.page(after=after, limit=PAGE)
        for connection_id, _ in found:
            name = f"{connection_id}-d{self._day()}"
            self.tasks.add(TaskFunction.CHECK_ITEM, {"connection_id": connection_id}, name=name)
        self.erase_gone({owner for _, owner in found})
        if len(found) == PAGE:
            self._enqueue_page(found[-1][0])
        log.info("monitor.page", connections=len(found))
        return len(found)

    def _enqueue_page(self, after: str | None) -> None:
        name = f"page-{self._day()}-{after or 'first'}"
        self.tasks.add(TaskFunction.CHECK_ITEMS, {"after": after} if after else {}, name=name)

    def _day(self) -> str:
        return f"{self.clock.now():%Y%m%d}"
