"""The ports of the local stack. One offset moves all of them, so that two checkouts can run side by side."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

HOST = "127.0.0.1"
PROJECT = "demo-bank"  # with the prefix `demo-` the emulators make no network calls
REGION = "us-central1"

# With smaller offsets a port would collide with another service or with the 8081-9080 of the Functions workers.
SMALLEST_OFFSET = 1100
LARGEST_OFFSET = 65535 - 9499

FOR_BROWSERS = ("hosting", "functions", "firestore", "auth", "plaid")
"""The services that browsers connect to: the web app, an app's SDKs and the simulator's Link page."""
# fmt: off
BAD_PORTS = frozenset({
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109, 110,
    111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532,
    540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
    6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
})
# fmt: on
"""Ports that browsers refuse to connect to: https://fetch.spec.whatwg.org/#port-blocking"""


class StackError(Exception):
    """The stack cannot run; the message is for the user at the terminal."""


@dataclass(frozen=True)
class Ports:
    """The port of each service."""

    hosting: int = 5000
    functions: int = 5001
    firestore: int = 8080
    auth: int = 9099
    tasks: int = 9499
    plaid: int = 8099
    hub: int = 4400
    logging: int = 4500
    eventarc: int = 9299
    websocket: int = 9150

    @classmethod
    def at(cls, offset: int) -> Ports:
        """All ports moved by an offset.

        Raises:
            StackError: The offset is too small or too large, or browsers refuse a port that they need.
        """
        if offset != 0 and not SMALLEST_OFFSET <= offset <= LARGEST_OFFSET:
            raise StackError(f"PORT_OFFSET must be 0 or {SMALLEST_OFFSET} to {LARGEST_OFFSET}, not {offset}.")
        if blocked := cls._blocked(offset):
            larger = range(offset + 1, LARGEST_OFFSET + 1)
            good = next((other for other in larger if not cls._blocked(other)), SMALLEST_OFFSET)
            raise StackError(
                f"PORT_OFFSET={offset} puts {blocked[0]} on port {getattr(cls(), blocked[0]) + offset}, which browsers "
                f"refuse (https://fetch.spec.whatwg.org/#port-blocking): use PORT_OFFSET={good}."
            )
        return cls(**{field.name: getattr(cls(), field.name) + offset for field in fields(cls)})

    @classmethod
    def _blocked(cls, offset: int) -> list[str]:
        return [name for name in FOR_BROWSERS if getattr(cls(), name) + offset in BAD_PORTS]

    @property
    def offset(self) -> int:
        """The offset of all ports."""
        return self.hosting - Ports().hosting

    def items(self) -> Iterator[tuple[str, int]]:
        """Each service and its port."""
        return ((field.name, getattr(self, field.name)) for field in fields(self))

    def url(self, service: str) -> str:
        """The address of a service."""
        return f"http://{HOST}:{getattr(self, service)}"


def offset_from_environment() -> int:
    """The validated PORT_OFFSET."""
    text = os.environ.get("PORT_OFFSET", "").strip() or "0"
    if not text.isdecimal():
        raise StackError(f"PORT_OFFSET must be a whole number, not {text!r}.")
    return Ports.at(int(text)).offset


def taken(port: int) -> bool:
    """Whether a process listens on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def listener(port: int) -> str | None:
    """The process that listens on a port, if /proc shows it: `pid 12 (java …)`."""
    try:
        inodes = {
            f"socket:[{row[9]}]"
            for table in ("/proc/net/tcp", "/proc/net/tcp6")
            for row in map(str.split, Path(table).read_text().splitlines()[1:])
            if row[3] == "0A" and int(row[1].rsplit(":", 1)[1], 16) == port
        }
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if any(str(fd.readlink()) in inodes for fd in (process / "fd").iterdir()):
                    command = (process / "cmdline").read_text(errors="replace").replace("\0", " ").strip()
                    return f"pid {process.name} ({command[:60]})"
            except OSError:
                continue
    except OSError:
        return None
    return None


def check_free(ports: Ports, services: set[str], *, patience: float = 2.0) -> None:
    """Checks that the ports of some services are free.

    A killed process can hold its port for a moment, so the check waits up to `patience` seconds.

    Raises:
        StackError: Ports are in use; the message lists each with its process.
    """
    wanted = [(name, port) for name, port in ports.items() if name in services]
    deadline = time.monotonic() + patience
    while any(taken(port) for _, port in wanted) and time.monotonic() < deadline:
        time.sleep(0.1)
    busy = [
        f"{port} ({name}{', held by ' + holder if (holder := listener(port)) else ''})"
        for name, port in wanted
        if taken(port)
    ]
    if busy:
        free = "another PORT_OFFSET (1100 or more)"
        raise StackError(f"Port in use: {', '.join(busy)}. Stop that process, or run with {free}.")
