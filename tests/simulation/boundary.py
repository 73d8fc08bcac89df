"""Every call that leaves the backend passes here: it takes time, can fail, lose its answer, or kill its caller."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from shared.adapters.firestore.errors import unavailable as store_unavailable
from shared.domain.errors import Conflict, ErrorKind, Unavailable, VaultError
from tests.simulation.loop import Killed, Loop, Process

SLOW = {"plaid": (0.05, 0.6), "vault": (0.005, 0.05), "messaging": (0.02, 0.2)}  # seconds
QUICK = (0.001, 0.03)


class Mode(StrEnum):
    """What goes wrong with a call."""

    KILL_BEFORE = "kill_before"
    KILL_AFTER = "kill_after"
    UNAVAILABLE = "unavailable"  # it has no effect, and the caller gets an error
    LOST = "lost"  # it has its effect, and the caller gets an error
    CONFLICT = "conflict"  # another writer was faster
    SLOW = "slow"  # it takes long


@dataclass
class Fault:
    """A fault that waits for the calls that it applies to.

    Attributes:
        mode: What goes wrong.
        calls: The start of the names of the calls, such as `store.` or `plaid./item/remove`, or several of them.
        about: The id of the item or institution that the calls are about, if not all.
        skip: How many such calls pass first.
        times: How many calls fail; None for all until it ends.
        rate: How many of the calls fail, from 0 to 1.
        until: When it ends, in virtual microseconds.
        error: What the caller gets, where the mode leaves a choice.
        retry_after: The header `Retry-After` of a refusal, if it has one.
    """

    mode: Mode
    calls: str | tuple[str, ...]
    about: str | None = None
    skip: int = 0
    times: int | None = 1
    rate: float = 1.0
    until: int | None = None
    error: Any = None
    retry_after: str | None = None


FIRESTORE = (
    *("audit.", "budgets.", "credentials.", "erasures.", "health.", "inbox.", "institutions.", "intents.", "items."),
    *(
        "limits.",
        "links.",
        "moves.",
        "pauses.",
        "profiles.",
        "purge.",
        "pushes.",
        "removals.",
        "seals.",
        "store.",
        "syncs.",
    ),
    *("store.", "syncs.", "webhook_keys."),
)
QUEUES = ("queue.", "tasks.")
AUTH = ("callers.", "owners.")


def unavailable(name: str) -> Exception:
    """The error of a service that does not answer, as its adapter reports it."""
    service = f"{name.partition('.')[0]}."
    if service == "vault.":
        return VaultError(
            "the key service is unavailable right now; try again later",
            kind=ErrorKind.TRY_LATER,
            error_code="KMS_NO_ANSWER",
            retry_after_seconds=5,
        )
    if service in QUEUES:
        return Unavailable("the queue did not accept the task; retry later", code="queue_unavailable")
    if service in AUTH:
        return Unavailable("users cannot be looked up right now; retry later", code="auth_unavailable")
    return store_unavailable()


CONFLICTING = frozenset(
    {
        *("audit.add_checkpoint", "audit.drop", "audit.move_end", "credentials.bury", "credentials.save"),
        *("erasures.begin", "erasures.finish", "erasures.update", "inbox.postpone", "intents.forget"),
        *("intents.store_token", "intents.update", "pauses.save", "removals.begin", "removals.begin_exchange"),
        *("removals.finish", "removals.take_credentials", "removals.update", "seals.replace", "store.create"),
        *("store.mark", "products.save", "syncs.save", "webhook_keys.add"),
        *("moves.end", "moves.keep_saved_notes", "moves.transfer", "moves.update"),
    }
)
"""The calls whose ports say that they raise Conflict."""


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
        rotation_failed_at: When a fault last met a rotation that may have lost its new token.
    """

    loop: Loop
    random: random.Random
    faults: list[Fault] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    log: Any = field(default_factory=hashlib.sha256)
    lines: list[str] | None = None
    google_failed_at: int = -(10**15)
    rotation_failed_at: int = -(10**15)

    def note(self, text: str) -> None:
        """Writes a line of the event log."""
        line = f"{self.loop.microseconds} {text}"
        self.log.update(line.encode() + b"\n")
        if self.lines is not None:
            self.lines.append(line)

    def call(
        self,
        name: str,
        effect: Callable[[], Any],
        *,
        broken: Callable[[str, Fault], Exception] | None = None,
        about: tuple[str, ...] = (),
    ) -> Any:
        """Makes an outside call of the current task.

        Args:
            name: The service and method.
            effect: What the call does.
            broken: The error of a fault; by default that of the service's adapter.
            about: The ids that the call is about.
        """
        task = self.loop.task
        if task is None:  # a check, not the backend
            return effect()
        process = task.process
        if process.dead:
            raise Killed(process.name)
        self.counts[name] += 1
        fault = self._fault(name, about) if self.faults else None
        if fault is not None and not name.startswith("plaid.") and fault.mode is not Mode.SLOW:
            self.google_failed_at = self.loop.microseconds
        if fault is not None and _is_rotation(process) and _may_lose_a_token(fault, name):
            self.rotation_failed_at = self.loop.microseconds
        low, high = SLOW.get(name.partition(".")[0], QUICK)
        seconds = low + (high - low) * self.random.random()
        self.loop.sleep(_slowness(name) if fault is not None and fault.mode is Mode.SLOW else seconds / 2)
        self.note(f"{process.name} {name}" if fault is None else f"{process.name} {name} {fault.mode}")
        error = broken or _broken
        match fault.mode if fault is not None else None:
            case Mode.KILL_BEFORE:
                self.kill(process)
            case Mode.UNAVAILABLE | Mode.CONFLICT:
                raise error(name, fault)  # type: ignore[arg-type]
        try:
            answer = effect()
        finally:
            if fault is not None and fault.mode is Mode.KILL_AFTER:
                self.kill(process)
        self.loop.sleep(seconds / 2)
        if fault is not None and fault.mode is Mode.LOST:
            raise error(name, fault)
        return answer

    def kill(self, process: Process) -> None:
        """Ends a process at once. With a rotation dies the only copy of its new token."""
        if _is_rotation(process) and process.tasks:
            self.rotation_failed_at = self.loop.microseconds
        self.loop.kill(process)

    def _fault(self, name: str, about: tuple[str, ...]) -> Fault | None:
        now = self.loop.microseconds
        self.faults = [fault for fault in self.faults if fault.until is None or now <= fault.until]
        for fault in self.faults:
            if not _applies(fault, name, about) or (fault.rate < 1 and self.random.random() >= fault.rate):
                continue
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


def _slowness(name: str) -> float:
    """Seconds of a slow call: less than what its adapter waits for."""
    return 3.5 if name.startswith("plaid.") else 20.0


def _may_lose_a_token(fault: Fault, name: str) -> bool:
    """Whether a rotation that meets this fault may lose the new token: it must outlive a few errors of the store.

    Plaid's answer is the only copy, which is lost, too, if the store fails for longer than the rotation tries.
    """
    return name.startswith("plaid.") or (fault.times is None and fault.mode is not Mode.SLOW)


def _is_rotation(process: Process) -> bool:
    return process.name.startswith("rotatetoken")


def _applies(fault: Fault, name: str, about: tuple[str, ...]) -> bool:
    if not name.startswith(fault.calls) or (fault.about is not None and fault.about not in about):
        return False
    return fault.mode is not Mode.CONFLICT or name in CONFLICTING


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
