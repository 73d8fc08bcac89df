"""Every call that leaves the backend passes here: it takes time, can fail, lose its answer, or kill its caller."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from shared.domain.errors import Conflict, ErrorKind, Unavailable, VaultError
from tests.simulation.loop import Killed, Loop

SLOW = {"plaid": (0.05, 0.6), "vault": (0.005, 0.05), "messaging": (0.02, 0.2)}  # seconds
QUICK = (0.001, 0.03)


class Mode(StrEnum):
    """What goes wrong with a call."""

    KILL_BEFORE = "kill_before"
    KILL_AFTER = "kill_after"
    UNAVAILABLE = "unavailable"  # it has no effect, and the caller is told
    LOST = "lost"  # it has its effect, and the caller gets an error
    CONFLICT = "conflict"  # another writer was faster
    SLOW = "slow"  # it takes a minute


@dataclass
class Fault:
    """A fault that waits for the calls that it applies to.

    Attributes:
        mode: What goes wrong.
        calls: The start of the names of the calls, such as `store.` or `plaid./item/remove`.
        skip: How many such calls pass first.
        times: How many calls fail; None for all until it ends.
        until: When it ends, in virtual microseconds.
        error: What the caller gets, where the mode leaves a choice.
    """

    mode: Mode
    calls: str
    skip: int = 0
    times: int | None = 1
    until: int | None = None
    error: Any = None


def unavailable(name: str) -> Exception:
    """The error of a service that does not answer, as its adapter reports it."""
    service = name.partition(".")[0]
    if service == "vault":
        return VaultError("the key service did not answer", kind=ErrorKind.TRY_LATER, error_code="VAULT_UNAVAILABLE")
    if service in ("queue", "tasks"):
        return Unavailable("the queue did not accept the task", code="queue_unavailable")
    if service in ("callers", "owners"):
        return Unavailable("users cannot be looked up right now", code="auth_unavailable")
    return Unavailable("the store did not answer", code="store_unavailable")


CONFLICTING = (
    "save",
    "update",
    "create",
    "begin",
    "finish",
    "store_token",
    "take_credentials",
    "mark",
    "claim",
    "spend",
    "transfer",
    "end",
)
NEVER_RAISES = ("messaging.", "webhooks.")


@dataclass
class Boundary:
    """The edge of the backend.

    Attributes:
        loop: The virtual time.
        random: Decides how long calls take.
        faults: What goes wrong, until it is used up.
        counts: The calls so far, by name.
        log: A digest of everything that happened, in order; `lines` keeps the text if it is wanted.
        google_failed_at: When a service of Google last failed, in virtual microseconds.
    """

    loop: Loop
    random: random.Random
    faults: list[Fault] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    log: Any = field(default_factory=hashlib.sha256)
    lines: list[str] | None = None
    watchers: list[Callable[[str], None]] = field(default_factory=list)
    google_failed_at: int = -(10**15)  # when a service of Google last failed

    def note(self, text: str) -> None:
        """Writes a line of the event log."""
        line = f"{self.loop.microseconds} {text}"
        self.log.update(line.encode() + b"\n")
        if self.lines is not None:
            self.lines.append(line)

    def call(
        self, name: str, effect: Callable[[], Any], *, broken: Callable[[str, Fault], Exception] | None = None
    ) -> Any:
        """Makes an outside call of the current task.

        Args:
            name: The service and method.
            effect: What the call does.
            broken: The error of a fault; by default that of the service's adapter.
        """
        task = self.loop.task
        if task is None:  # a check, not the backend
            return effect()
        process = task.process
        if process.dead:
            raise Killed(process.name)
        self.counts[name] += 1
        fault = self._fault(name) if self.faults else None
        if fault is not None and not name.startswith("plaid."):
            self.google_failed_at = self.loop.microseconds
        low, high = SLOW.get(name.partition(".")[0], QUICK)
        seconds = low + (high - low) * self.random.random()
        self.loop.sleep(60.0 if fault is not None and fault.mode is Mode.SLOW else seconds / 2)
        self.note(f"{process.name} {name}" if fault is None else f"{process.name} {name} {fault.mode}")
        error = broken or _broken
        match fault.mode if fault is not None else None:
            case Mode.KILL_BEFORE:
                self.loop.kill(process)
            case Mode.UNAVAILABLE | Mode.CONFLICT:
                raise error(name, fault)  # type: ignore[arg-type]
        try:
            answer = effect()
        finally:
            if fault is not None and fault.mode is Mode.KILL_AFTER:
                self.loop.kill(process)
        for watch in self.watchers:
            watch(name)
        self.loop.sleep(seconds / 2)
        if fault is not None and fault.mode is Mode.LOST:
            raise error(name, fault)
        return answer

    def _fault(self, name: str) -> Fault | None:
        now = self.loop.microseconds
        for fault in list(self.faults):
            if fault.until is not None and fault.until < now:
                self.faults.remove(fault)
            elif name.startswith(fault.calls) and _applies(fault, name):
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self.faults.remove(fault)
                return fault
        return None

    def around(self, service: str, port: Any) -> Any:
        """A port whose every method is an outside call."""
        return _Outside(self, service, port)


def _applies(fault: Fault, name: str) -> bool:
    if fault.mode is Mode.CONFLICT:
        return name.rpartition(".")[2] in CONFLICTING
    return not (fault.mode in (Mode.UNAVAILABLE, Mode.LOST) and name.startswith(NEVER_RAISES))


def _broken(name: str, fault: Fault) -> Exception:
    return Conflict() if fault.mode is Mode.CONFLICT else unavailable(name)


class _Outside:
    """A port behind the boundary."""

    def __init__(self, boundary: Boundary, service: str, port: Any) -> None:
        self._boundary, self._service, self._port = boundary, service, port

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if not callable(method):
            return method
        boundary, full = self._boundary, f"{self._service}.{name}"

        def call(*args: Any, **kwargs: Any) -> Any:
            return boundary.call(full, lambda: method(*args, **kwargs))

        self.__dict__[name] = call
        return call
