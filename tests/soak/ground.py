"""Shared by the campaigns: connections with changing histories, the log of the runs, the worker processes."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from emulators.client import User, sign_up
from emulators.supervisor import members
from tests.e2e.bank import Bank
from tests.firestore_rest import Json

SOAK = bool(os.environ.get("SOAK"))
ESTABLISHED, LISTENING = "01", "0A"
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
SYNC = "/transactions/sync"
_CONNECTING = threading.Semaphore(1)  # the emulator starts a process per concurrent call, and gives up on slow ones
NEWS = {"webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE"}


# -- a connection, and the events at its bank --


@dataclass
class Connected:
    """A user's connection with a generated history, and the rows that the bank is known to hold."""

    bank: Bank
    user: User
    connection_id: str
    item_id: str
    rows: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    changed_at: datetime = LONG_AGO
    sentinel: str | None = None

    @classmethod
    def new(cls, bank: Bank, *, rows: int, seed: int = 1) -> Connected:
        """Connect a new user through the public API."""
        login = json.dumps({"transactions": rows, "seed": seed})
        with _CONNECTING:
            user = sign_up(bank.http, bank.stack.ports)
            made = bank.connect(user, username="user_generated", password=login)["connection_id"]
        return cls(bank, user, made, (bank.admin.get(f"bank_connections/{made}") or {})["item_id"])

    @property
    def root(self) -> str:
        return f"bank_connections/{self.connection_id}"

    def state(self) -> Json:
        return self.bank.admin.get(f"bank_sync_state/{self.connection_id}") or {}

    def died(self, log: Log) -> bool:
        """Whether the run that holds the lease was killed.

        The queue delivers a task again only when its last delivery has failed. So a redelivery of the owner's own task
        that was answered with a retry, after the owner's last heartbeat, shows that the owner is dead.
        """
        state = self.state()
        task = (state["lease_owner"] or "").partition("#")[0]
        return bool(task) and any(
            line["outcome"] == "again" and datetime.fromisoformat(line["time"]) > state["updated_at"]
            for line in log.lines(event="task.ended")
            if line.get("task") == task
        )

    def expire_the_lease(self) -> None:
        """Move the lease's expiry into the past, as if it had expired since the run died."""
        self.put_state(lease_expires_at=LONG_AGO, due_at=LONG_AGO)

    def connection(self) -> Json:
        return self.bank.admin.get(self.root) or {}

    def look_at_the_bank(self) -> None:
        """Read the bank's rows, to choose changes from."""
        known = self.bank.truth(self.item_id)["transactions"]
        self.rows = [row["transaction_id"] for row in known if not row["pending"]]
        self.pending = [row["transaction_id"] for row in known if row["pending"]]

    def change(self, **body: Any) -> Json:
        """Change data at the bank. The last new row is the one to find in the store."""
        self.changed_at = datetime.now(UTC)
        answer = self.bank.control("POST", f"items/{self.item_id}/transactions", **body)
        gone = set(answer["removed"])
        added = list(zip(answer["added"], body.get("add", []), strict=True))
        self.rows = [i for i in self.rows if i not in gone] + [i for i, row in added if not row.get("pending")]
        self.rows += answer["posted"].values()
        self.pending = [i for i in self.pending if i not in gone] + [i for i, row in added if row.get("pending")]
        if answer["added"]:
            self.sentinel = answer["added"][-1]
        return answer

    def settled(self) -> bool:
        """Whether a run that saw the last change has completed."""
        state = self.state()
        return (
            state["status"] == "completed"
            and state["history_complete"]
            and state["served"] == state["requested"]
            and (
                self.sentinel is None
                or self.bank.admin.get(f"{self.root}/bank_transactions/{self.sentinel}") is not None
            )
        )

    def holds(self, transaction_id: str) -> bool:
        return self.bank.admin.get(f"{self.root}/bank_transactions/{transaction_id}") is not None

    def settle(self, *, within: float, every: float = 0.5) -> None:
        """Wait until the connection is settled."""
        wait(lambda: f"{self.connection_id}: {self.state()}", self.settled, within=within, every=every)

    def news(self) -> None:
        """Send a webhook about new data without any change."""
        self.bank.control("POST", f"items/{self.item_id}/webhook", **NEWS)

    def webhooks_delivered(self) -> bool:
        """Whether all webhooks are delivered. Plaid sends, and counts, a webhook again if its answer is late."""
        sent = self.bank.control("GET", f"webhooks?item_id={self.item_id}")["webhooks"]
        return all(webhook["state"] in ("delivered", "given up") for webhook in sent)

    def slow(self, seconds: float) -> None:
        """Slow down each page of this item by some seconds."""
        self.bank.control(
            "POST", "faults", kind="latency", endpoint=SYNC, item_id=self.item_id, seconds=seconds, times=None
        )

    def put_state(self, **changes: object) -> None:
        """Overwrite the sync state, to move time or undo a step; in production only an operator could."""
        self.bank.backend.update(f"bank_sync_state/{self.connection_id}", changes).raise_for_status()

    def differences(self) -> list[str]:
        return [f"{self.connection_id} {what}" for what in self.bank.differences(self.user, self.connection_id)[:20]]


def deliver(bank: Bank, connection_id: str, task: str) -> int:
    """One delivery of a sync task."""
    return bank.deliver("synctransactions", headers={"X-Cloudtasks-Taskname": task}, connection_id=connection_id)


def random_changes(rng: random.Random, of: Connected, *, most: int, least: int = 0) -> Json:
    """Up to `most` changes of all kinds; without `least`, about half of the plans are large enough to be streamed."""
    size = rng.randint(least or most // 2, most) if least or rng.random() < 0.6 else rng.randint(1, 40)
    touched = rng.sample(of.rows, min(len(of.rows) // 2, size // 2))
    modified, removed = touched[: len(touched) // 2], touched[len(touched) // 2 :]
    posted = rng.sample(of.pending, min(len(of.pending), max(1, size // 6)))
    withdrawn = [i for i in of.pending if i not in posted and rng.random() < 0.2]
    today = datetime.now(UTC).date().isoformat()
    added = [
        {"amount": rng.randint(-50_000, 50_000) / 100, "name": f"Row {rng.getrandbits(32)}", "date": today}
        | {"pending": rng.random() < 0.3}
        for _ in range(max(1, size // 2))
    ]
    return {
        "add": added,
        "modify": [{"transaction_id": i, "name": f"Name {rng.getrandbits(32)}"} for i in modified],
        "post": posted,
        "remove": [*removed, *withdrawn],
    }


@contextlib.contextmanager
def schedule(bank: Bank, *, every: float = 15.0) -> Iterator[None]:
    """Run `schedule_syncs` repeatedly, as `make dev` does."""
    over = threading.Event()

    def play() -> None:
        while not over.wait(every):
            with contextlib.suppress(httpx.HTTPError):
                bank.run_schedule()

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def wait(what: Callable[[], object], found: Callable[[], object], *, within: float, every: float = 0.2) -> None:
    """Poll until the condition is true; after the deadline, fail with `shown()`."""
    deadline = time.monotonic() + within
    while not found():
        assert time.monotonic() < deadline, f"not within {within:.0f} s: {what()}"
        time.sleep(every)


# -- the runs, from their logs --


class Log:
    """The functions' structured log lines since a moment."""

    def __init__(self, file: Path) -> None:
        self._file, self._at = file, file.stat().st_size
        self._lines: list[Json] = []
        self._lock = threading.Lock()

    def lines(self, connection_id: str | None = None, event: str | None = None) -> list[Json]:
        """The lines of a connection and an event."""
        with self._lock:
            self._read()
            return [
                line
                for line in self._lines
                if connection_id in (None, line.get("connection_id")) and event in (None, line["message"])
            ]

    def started(self, connection_id: str) -> list[int]:
        """The numbers of the runs that started, in order."""
        return [line["run"] for line in self.lines(connection_id, "sync.started")]

    def ended(self, connection_id: str) -> list[int]:
        """The numbers of the runs that completed, or found that another run had taken over."""
        ends = ("sync.ended", "sync.lease_lost")
        return [line["run"] for line in self.lines(connection_id) if line["message"] in ends]

    def cut_off(self, connection_id: str) -> set[int]:
        """The runs that never completed although a later one started."""
        runs = self.started(connection_id)
        over = {
            line["run"] for line in self.lines(connection_id) if line["message"] in ("sync.ended", "sync.lease_lost")
        }
        return {run for run in runs if run < max(runs)} - over

    def _read(self) -> None:
        with self._file.open("rb") as file:
            file.seek(self._at)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._at += len(whole) + len(newline)
        for raw in whole.splitlines():
            _, brace, rest = raw.partition(b'{"severity"')
            with contextlib.suppress(ValueError):
                if brace:
                    self._lines.append(json.loads(brace + rest))


# -- the processes that run syncs --


@dataclass(frozen=True)
class Worker:
    """One instance of `synctransactions`: what started it, a gunicorn and its child, which share a port."""

    port: int
    pids: tuple[int, ...]

    def kill(self) -> None:
        """Kill all of its processes without a signal handler, as when an instance runs out of memory."""
        for pid in sorted(self.pids, reverse=True):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def memory(self) -> int:
        """The size of its largest process, in kB."""
        return max((_resident(pid) for pid in self.pids), default=0)


def workers(bank: Bank) -> list[Worker]:
    """The stack's instances of `synctransactions`."""
    starters: dict[int, set[int]] = {}
    sockets: dict[int, set[str]] = {}
    for pid in members(bank.stack._id):
        sockets[pid] = _sockets(pid)
        with contextlib.suppress(OSError, ValueError):
            lines = (Path("/proc") / str(pid) / "environ").read_text().split("\0")
            environment = dict(line.split("=", 1) for line in lines if "=" in line)
            if environment.get("FUNCTION_TARGET") == "synctransactions":
                starters.setdefault(int(environment["PORT"]), set()).add(pid)
    listening = {here: socket for here, _, status, socket in _connections() if status == LISTENING}
    return [
        Worker(port, tuple(pids.union(pid for pid, open_ in sockets.items() if listening.get(port) in open_)))
        for port, pids in starters.items()
    ]


def busy(bank: Bank) -> list[Worker]:
    """The workers that are serving a request, or were a moment ago; workers that are still booting are excluded.

    A busy worker has a client connected to its port, and is itself connected to Firestore.
    """
    asked: set[int] = set()
    to_firestore: set[str] = set()
    for here, there, status, socket in _connections():
        if status == ESTABLISHED:
            asked.add(here)
            if there == bank.stack.ports.firestore:
                to_firestore.add(socket)
    return [
        worker
        for worker in workers(bank)
        if worker.port in asked and any(_sockets(pid) & to_firestore for pid in worker.pids)
    ]


def _connections() -> Iterator[tuple[int, int, str, str]]:
    """The local port, the remote port, the state and the socket of each TCP connection of this machine."""
    for table in ("tcp", "tcp6"):
        for line in (Path("/proc/net") / table).read_text().splitlines()[1:]:
            parts = line.split()
            yield _port(parts[1]), _port(parts[2]), parts[3], f"socket:[{parts[9]}]"


def _port(address: str) -> int:
    return int(address.rsplit(":", 1)[1], 16)


def _sockets(pid: int) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for descriptor in (Path("/proc") / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(descriptor.readlink()))
    return found


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in (Path("/proc") / str(pid) / "status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0
