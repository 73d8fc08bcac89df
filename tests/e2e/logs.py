"""The log lines that the running stack's functions write after a given moment."""

from __future__ import annotations

from collections import defaultdict

from operations.trace import Line, parsed
from tests.e2e.bank import Bank, wait_until


class Log:
    """The log from the object's creation on."""

    def __init__(self, bank: Bank) -> None:
        self._path = bank.stack.log("emulators")
        self._from = self._path.stat().st_size

    def text(self) -> str:
        with self._path.open("rb") as file:
            file.seek(self._from)
            return file.read().decode(errors="replace")

    def lines(self, message: str, **fields: object) -> list[Line]:
        """The lines with a message and the given fields."""
        wanted = {"message": message, **fields}
        found = parsed(self.text().splitlines())
        return [line for line in found if all(line.get(name) == value for name, value in wanted.items())]

    def about(self, notification_id: str) -> dict[str, list[Line]]:
        """The lines about a notification, by event."""
        found: dict[str, list[Line]] = defaultdict(list)
        for line in parsed(self.text().splitlines()):
            if line.get("notification_id") == notification_id:
                found[line["message"]].append(line)
        return found

    def tasks(self, connection_id: str) -> set[str]:
        """The tasks that were enqueued for a connection."""
        return {line["task"] for line in self.lines("task.enqueued") if line["task"].startswith(connection_id)}

    def wait_for_tasks(self, connection_id: str) -> None:
        """Wait until every task that was enqueued for a connection has completed."""

        def left() -> set[str]:
            return self.tasks(connection_id) - {line["task"] for line in self.lines("task.ended", outcome="done")}

        wait_until(f"the tasks of {connection_id} are done", lambda: not left())
