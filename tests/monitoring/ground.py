"""A connection on the running stack, problems that tests can cause for it, and the alerts evaluated on its log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.monitoring_setup import metrics, policies
from emulators.client import User, decode_fields, sign_up
from tests.e2e.bank import Bank, wait_until
from tests.e2e.left_behind import unfinished, wait_until_idle
from tests.firestore_rest import Json
from tests.monitoring.evaluate import Line, fires, lines

METRICS, POLICIES = metrics(), policies()
TRACE = "logging.googleapis.com/trace"
TURNS = ("schedule.done", "connections.health")  # events that scheduler runs log about all connections


@dataclass(frozen=True)
class Mark:
    """A position in the log, in bytes; earlier lines may still be written after it."""

    offset: int
    time: datetime


@dataclass
class Ground:
    """One connection, in sync from the start."""

    bank: Bank
    user: User
    connection_id: str
    item_id: str

    @classmethod
    def link(cls, bank: Bank) -> Ground:
        user = sign_up(bank.http, bank.stack.ports)
        login = json.dumps({"transactions": 6})
        made = bank.connect(user, username="user_generated", password=login)["connection_id"]
        bank.wait_until_synced(user, made)
        item_id = (bank.admin.get(f"bank_connections/{made}") or {})["item_id"]
        return cls(bank, user, made, item_id)

    # -- problems --

    @contextmanager
    def fault(self, endpoint: str, **what: Any) -> Iterator[None]:
        """While the context is open, Plaid returns this fault for the connection's item."""
        order = {"kind": "error", "times": None, "item_id": self.item_id, "endpoint": endpoint}
        self.bank.control("POST", "faults", **order | what)
        try:
            yield
        finally:
            self.bank.control("DELETE", "faults")

    def webhook(self, code: str, kind: str = "TRANSACTIONS") -> None:
        self.bank.control("POST", f"items/{self.item_id}/webhook", webhook_type=kind, webhook_code=code)

    def deliver(self, function: str, *, headers: dict[str, str] | None = None, **payload: str) -> None:
        """One delivery of a task, about this connection unless a payload is given."""
        self.bank.deliver(function, headers=headers, **(payload or {"connection_id": self.connection_id}))

    def wait_for_deliveries(self) -> None:
        """Wait until every delivery that runs now has ended."""
        wait_until("no delivery runs", lambda: not any(one.startswith("request") for one in unfinished(self.bank)))

    def document(self, collection: str) -> Json:
        return self.bank.admin.get(f"{collection}/{self.connection_id}") or {}

    def change(self, collection: str, **fields: object) -> None:
        """Move times in the store back, as if time had passed."""
        self.bank.backend.update(f"{collection}/{self.connection_id}", fields).raise_for_status()

    def waiting_webhook(self) -> str:
        """The unhandled delivery in the inbox."""

        def found() -> str | None:
            kept = self.bank.backend.query("bank_webhook_inbox").raise_for_status().json()
            for row in kept:
                [document] = documents_of(row)
                if document.get("connection_id") == self.connection_id and document.get("due_at"):
                    return str(row["document"]["name"].rsplit("/", 1)[-1])
            return None

        return str(wait_until("a webhook that waits", found))

    def works_again(self) -> None:
        """Wait until the connection is in sync, by a run that starts now."""
        began = datetime.now(UTC)
        self.webhook("SYNC_UPDATES_AVAILABLE")
        self.bank.wait_until_synced(self.user, self.connection_id, after=began)
        self.bank.rests(self.connection_id)

    # -- the log --

    def mark(self) -> Mark:
        """The current end of the log, once the lines of all earlier work are in it."""
        wait_until_idle(self.bank)
        return Mark(self._file.stat().st_size, datetime.now(UTC))

    def log(self, since: Mark, event: str, **fields: object) -> list[Line]:
        """The lines since a mark, once the given event and the end of its task are among them.

        Lines about connections of other tests, which share the stack, are left out.
        """
        found: list[Line] = []

        def there() -> bool:
            after = [line for line in lines(self._text(since)) if _time(line) >= since.time]
            found[:] = self._without_others(after)
            for line in found:
                if line["message"] == event and fields.items() <= line.items():
                    return not line.get("task") or any(_ends(end, line) for end in found)
            return False

        wait_until(f"{event} {fields} in the log", there)
        return list(found)

    def _without_others(self, log: list[Line]) -> list[Line]:
        """Keep a connection's lines, which have its id, its task's name, or the trace of such a line."""

        def belongs_to(line: Line) -> str | None:
            if (named := line.get("connection_id")) is not None:
                return str(named)
            task = line.get("task", "").partition("-")[0]  # names of other tasks are hashes, which are longer
            return task if len(task) == len(self.connection_id) else None

        def is_ours(line: Line) -> bool:
            return belongs_to(line) == self.connection_id

        def is_others(line: Line) -> bool:
            return belongs_to(line) not in (None, self.connection_id)

        ours = {line.get(TRACE) for line in log if is_ours(line)}
        others = {line.get(TRACE) for line in log if is_others(line)} - ours
        return [line for line in log if line["message"] in TURNS or not (is_others(line) or line.get(TRACE) in others)]

    @property
    def _file(self) -> Path:
        return self.bank.stack.log("emulators")

    def _text(self, since: Mark) -> str:
        """The text since a mark only, because the log of a long session is large."""
        with self._file.open("rb") as file:
            file.seek(since.offset)
            return file.read().decode("utf-8", errors="replace")


def _time(line: Line) -> datetime:
    return datetime.fromisoformat(line["time"])


def _ends(end: Line, line: Line) -> bool:
    """Whether a line is the end of the delivery that logged another line."""
    return end["message"] == "task.ended" and end["task"] == line["task"] and _time(end) >= _time(line)


def documents_of(row: Json) -> list[Json]:
    """The document in one row of a query's answer."""
    return [decode_fields(row["document"])] if "document" in row else [{}]


def firing(log: list[Line], *, users: int = 1) -> set[str]:
    """The alerts that fire if the log of each of that many users' connections is like this one."""
    return {name for name, policy in POLICIES.items() if fires(policy, METRICS, log * users)} - {"schedule-silent"}
