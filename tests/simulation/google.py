"""Google's side: task queues that deliver at least once, triggers that may be lost, and schedules."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.domain.errors import Unavailable
from shared.domain.push import PushMessage, PushOutcome, Receipt
from shared.ports import Messaging
from tests.simulation.loop import Loop


@dataclass(frozen=True)
class Retries:
    """How a queue delivers again: the retry configuration that the function declares."""

    attempts: int
    min_backoff: float
    max_backoff: float
    doublings: int

    @classmethod
    def of(cls, function: Any) -> Retries:
        """The configuration of a deployed task function."""
        declared = function.__firebase_endpoint__.taskQueueTrigger["retryConfig"]
        return cls(
            declared["maxAttempts"],
            float(declared["minBackoffSeconds"]),
            float(declared["maxBackoffSeconds"]),
            declared["maxDoublings"],
        )

    def delay(self, failures: int) -> float:
        """Seconds before the next attempt: https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues#RetryConfig"""
        doubled = min(failures - 1, self.doublings)
        more = max(0, failures - 1 - self.doublings)
        return min(self.max_backoff, self.min_backoff * float(2**doubled) * (1 + more))


@dataclass
class Mail:
    """What may happen to the next deliveries of tasks or triggers of a kind."""

    lost: int = 0
    twice: int = 0
    late: list[float] = field(default_factory=list)  # seconds

    def take(self) -> list[float]:
        """When the next delivery arrives, in seconds from now: once, twice, late, or never."""
        if self.lost:
            self.lost -= 1
            return []
        delays = [self.late.pop(0) if self.late else 0.0]
        if self.twice:
            self.twice -= 1
            delays.append(delays[0] + 5.0)
        return delays

    def calm(self) -> None:
        """Everything arrives at once, and once."""
        self.lost = self.twice = 0
        self.late.clear()


class Messages:
    """The port `Messaging`: like its adapter, it reports a failure as receipts.

    Args:
        devices: The messaging behind the boundary.
    """

    def __init__(self, devices: Messaging) -> None:
        self._devices = devices

    def send(self, message: PushMessage, *, tokens: Sequence[str]) -> list[Receipt]:
        """Sends a message; devices may have it although the receipts say later."""
        try:
            return self._devices.send(message, tokens=tokens)
        except Unavailable:
            return [Receipt(PushOutcome.LATER, "NO_ANSWER")] * len(tokens)


class Queues:
    """The ports `SyncQueue` and `Tasks`: Cloud Tasks.

    Args:
        loop: The virtual time.
        deliver: Starts one delivery; calls back with whether the function acknowledged it.
        retries: The retry configuration, by function.
    """

    def __init__(
        self,
        loop: Loop,
        deliver: Callable[[str, str, dict[str, Any], int, Callable[[bool], None]], None],
        retries: Mapping[str, Retries],
    ) -> None:
        self._loop, self._deliver, self._retries = loop, deliver, retries
        self.mail: dict[str, Mail] = {}
        self.names: set[str] = set()
        self.waiting = 0  # tasks that are not acknowledged yet
        self.given_up: list[tuple[str, str]] = []
        self.watchers: list[Callable[[str, dict[str, Any]], None]] = []

    def enqueue(self, connection_id: str, *, name: str, welcome: bool = False) -> None:
        """Adds a sync."""
        self.add(
            "synctransactions", {"connection_id": connection_id} | ({"welcome": True} if welcome else {}), name=name
        )

    def add(self, function: str, payload: Mapping[str, Any], *, name: str, at: datetime | None = None) -> None:
        """Adds a task; no effect if its name was used before."""
        full = f"{function}/{name}"
        if full in self.names:
            return
        self.names.add(full)
        body = json.loads(json.dumps(dict(payload)))
        for watch in self.watchers:
            watch(str(function), body)
        for delay in self.mail.setdefault(str(function), Mail()).take():
            self.waiting += 1
            wait = max(0.0, (at - self._loop.now()).total_seconds()) if at is not None else 0.0
            self._loop.after(wait + 0.02 + delay, lambda: self._attempt(str(function), name, body, 0))

    def _attempt(self, function: str, name: str, body: dict[str, Any], failures: int) -> None:
        def ended(acknowledged: bool) -> None:
            retries = self._retries[function]
            if acknowledged or failures + 1 >= retries.attempts:
                self.waiting -= 1
                if not acknowledged:
                    self.given_up.append((function, name))
                return
            delay = retries.delay(failures + 1)
            self._loop.after(delay, lambda: self._attempt(function, name, body, failures + 1))

        self._deliver(function, name, dict(body), failures, ended)


class Watched(dict[str, Any]):
    """A collection of documents that reports every created document, as a Firestore trigger does."""

    def __init__(self, created: Callable[[str, Any], None]) -> None:
        super().__init__()
        self._created = created

    def __setitem__(self, key: str, value: Any) -> None:
        is_new = key not in self
        super().__setitem__(key, value)
        if is_new:
            self._created(key, value)
