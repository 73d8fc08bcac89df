"""A replay: institutions with their outages, in minutes from the beginning."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = 1440.0
SCOPES = ("all", "data", "live", "login", "plaid", "keys")
SHARED = ("plaid", "keys")


@dataclass(frozen=True, slots=True)
class Outage:
    """An outage, in minutes from the beginning of the replay.

    Attributes:
        start, end: Its times.
        share: The share of connections that feel it.
        scope: `all`: live calls and Plaid's updates fail; `data`: only updates; `live`: only live calls; `login`:
            connections lose their login within an hour and have it back at the end; `plaid`, `keys`: like `all`, but
            Plaid or our own keys are the cause.
    """

    start: float
    end: float
    share: float = 1.0
    scope: str = "all"

    @property
    def full(self) -> bool:
        """Whether it must be declared: two hours or longer, for nearly all connections."""
        return self.share >= 0.9 and self.end - self.start >= 120 and self.scope in {"all", "data", "live"}


@dataclass(frozen=True, slots=True)
class Bank:
    """An institution of a replay."""

    institution_id: str
    size: int
    base_error: float
    outages: tuple[Outage, ...] = ()
    reports_status: bool | None = None


@dataclass(frozen=True, slots=True)
class Exposure:
    """How the backend gets to see an outage, per connection and day.

    Attributes:
        webhooks: Syncs of cached data, which feel nothing.
        live: Refreshes and live balances by the user, which feel the outage.
        checks: Calls of /item/get, which see the latest failed update.
        status_lag_minutes: How late Plaid's status follows, at least and at most.
        without_status: The share of institutions without a status.
        updates: Plaid's own updates per connection and day. None: a check sees an outage at once.
    """

    webhooks: float = 2.0
    live: float = 0.5
    checks: float = 1.0
    status_lag_minutes: tuple[float, float] = (5.0, 60.0)
    without_status: float = 0.2
    updates: float | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """All institutions of a replay, for some seeds."""

    banks: tuple[Bank, ...]
    days: float = 365.0
    seeds: tuple[int, ...] = (1,)
    shared: tuple[Outage, ...] = ()
    exposure: Exposure = field(default_factory=Exposure)

    @property
    def connections(self) -> int:
        """The connections to all institutions."""
        return sum(bank.size for bank in self.banks)
