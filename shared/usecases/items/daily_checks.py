"""Once a day, every connection is looked at: what no webhook, task or trigger has told."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from shared.domain.errors import Unavailable
from shared.log import log
from shared.ports import Connections, TaskFunction, Tasks

PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyChecks:
    """Goes over all connections, page by page, each page a task of its own.

    `erase_gone` is told the owners in each page, and erases those who are gone.
    """

    connections: Connections
    tasks: Tasks
    erase_gone: Callable[[Iterable[str]], None]

    def begin(self, at: datetime) -> None:
        """Sets a round going.

        A queue does not take a task's name twice: a schedule that fires twice for the same time is one round, and one
        that is run again by hand is another.

        Args:
            at: The time that the schedule has fired for.

        Raises:
            Unavailable: The queue did not take it.
        """
        self._enqueue_page(f"{at:%Y%m%dT%H%M%S%f}", None)

    def page(self, turn: str, after: str | None) -> int:
        """Enqueues a check of each connection of a page, and the next page. Twice is harmless.

        Args:
            turn: The round's name, a part of its tasks' names.
            after: The last connection of the page before.

        Returns:
            How many connections there are in it.

        Raises:
            Unavailable: A queue or the store did not answer: deliver the page again.
        """
        found = self.connections.page(after=after, limit=PAGE)
        if len(found) == PAGE:
            # First, so that nothing that fails here keeps the later connections from their daily check.
            self._enqueue_page(turn, found[-1][0])
        failed = [error for connection_id, _ in found if (error := self._enqueue_check(connection_id, turn))]
        self.erase_gone({owner for _, owner in found})
        if failed:
            raise failed[0]
        log.info("monitor.page", connections=len(found))
        return len(found)

    def _enqueue_check(self, connection_id: str, turn: str) -> Unavailable | None:
        try:
            self.tasks.add(TaskFunction.CHECK_ITEM, {"connection_id": connection_id}, name=f"{connection_id}-{turn}")
        except Unavailable as error:
            return error
        return None

    def _enqueue_page(self, turn: str, after: str | None) -> None:
        page = {"turn": turn} | ({"after": after} if after else {})
        self.tasks.add(TaskFunction.CHECK_ITEMS, page, name=f"page-{turn}-{after or 'first'}")
