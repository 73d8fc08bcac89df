"""The daily check of every connection: finds what no webhook, task or trigger has reported."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from shared.domain.errors import Unavailable
from shared.log import log
from shared.ports import Connections, TaskFunction, Tasks

PAGE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyChecks:
    """Enqueues a check of every connection, page by page; each page is a separate task.

    `erase_missing_owners` receives the owners of each page, and erases those that Firebase Auth does not know any more.
    """

    connections: Connections
    tasks: Tasks
    erase_missing_owners: Callable[[Iterable[str]], None]

    def start(self, at: datetime) -> None:
        """Starts a daily check.

        A queue does not accept a task's name twice. So a schedule that fires twice for the same time starts one check;
        a manual run starts another.

        Args:
            at: The scheduled time.

        Raises:
            Unavailable: The queue did not accept the task.
        """
        self._enqueue_page(f"{at:%Y%m%dT%H%M%S%f}", None)

    def page(self, run_id: str, after: str | None) -> int:
        """Enqueues a check of each connection of a page, and the next page. Idempotent.

        Args:
            run_id: The id of the daily check, a part of its tasks' names.
            after: The last connection of the previous page.

        Returns:
            The number of connections in the page.

        Raises:
            Unavailable: A queue or the store did not answer: deliver the page again.
        """
        found = self.connections.page(after=after, limit=PAGE)
        if len(found) == PAGE:
            # The next page first, so that a failure in this page does not stop the checks of later connections.
            self._enqueue_page(run_id, found[-1][0])
        failed = [error for connection_id, _ in found if (error := self._enqueue_check(connection_id, run_id))]
        self.erase_missing_owners({owner for _, owner in found})
        if failed:
            raise failed[0]
        log.info("monitor.page", connections=len(found))
        return len(found)

    def _enqueue_check(self, connection_id: str, run_id: str) -> Unavailable | None:
        try:
            self.tasks.add(TaskFunction.CHECK_ITEM, {"connection_id": connection_id}, name=f"{connection_id}-{run_id}")
        except Unavailable as error:
            return error
        return None

    def _enqueue_page(self, run_id: str, after: str | None) -> None:
        page = {"turn": run_id} | ({"after": after} if after else {})
        self.tasks.add(TaskFunction.CHECK_ITEMS, page, name=f"page-{run_id}-{after or 'first'}")
