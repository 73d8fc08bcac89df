"""The simulator's clock: it follows the wall clock, and tests can move it forward.

All lifetimes (tokens, consent, webhook retries, rate limits) and injected latencies use this clock. Only a webhook's
`iat` is wall time, because the receiver compares it with its own clock.
"""

import asyncio
import heapq
import itertools
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta

Settle = Callable[[], Awaitable[None]]


class Clock:
    """The current time, and timers that follow it. Used from one event loop only."""

    def __init__(self) -> None:
        self.offset = timedelta()
        self._timers: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._wake: asyncio.TimerHandle | None = None
        self._sleepers: set[asyncio.Event] = set()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def wall_time(self) -> float:
        """The Unix time that the receivers of webhooks have."""
        return time.time()

    def today(self) -> date:
        return self.now().date()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Schedules a call on this clock."""
        self.at(self.now() + timedelta(seconds=seconds), action)

    def at(self, when: datetime, action: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (when, next(self._order), action))
        self._schedule()

    async def sleep(self, seconds: float) -> None:
        """Sleeps on this clock; `advance` and `clear` end the sleep early."""
        over = asyncio.Event()
        self.after(seconds, over.set)
        self._sleepers.add(over)
        try:
            await over.wait()
        finally:
            self._sleepers.discard(over)

    async def advance(self, seconds: float, settle: Settle) -> None:
        """Moves the clock forward. Due timers run in order, each at its own time; `settle` waits for their work.

        It first waits for work that is already running, whose effects belong to the time before the move.
        """
        await settle()
        target = self.now() + timedelta(seconds=seconds)
        while self._timers and self._timers[0][0] <= target:
            self._jump(max(self._timers[0][0], self.now()))
            self._run_due()
            await settle()
        self._jump(target)
        self._schedule()

    def clear(self) -> None:
        """Cancels all timers, wakes all sleepers and returns to wall time."""
        self._timers.clear()
        for over in self._sleepers:
            over.set()
        self.offset = timedelta()
        self._schedule()

    def _jump(self, when: datetime) -> None:
        self.offset = max(self.offset, when - datetime.now(UTC))

    def _run_due(self) -> None:
        now = self.now()
        while self._timers and self._timers[0][0] <= now:
            heapq.heappop(self._timers)[2]()

    def _schedule(self) -> None:
        if self._wake:
            self._wake.cancel()
            self._wake = None
        if self._timers:
            delay = (self._timers[0][0] - self.now()).total_seconds()
            self._wake = asyncio.get_running_loop().call_later(max(delay, 0), self._tick)

    def _tick(self) -> None:
        self._run_due()
        self._schedule()


def iso(when: datetime) -> str:
    """A date-time in Plaid's format: ISO 8601 with Z."""
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def parse_iso(text: str) -> datetime:
    """Parses an ISO 8601 time, as UTC if it has no zone. Raises ValueError."""
    when = datetime.fromisoformat(text)
    return when if when.tzinfo else when.replace(tzinfo=UTC)
