"""The replay file: institutions with their outages, in minutes from the beginning or as ISO times.

The format is documented in docs/commands.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = 1440.0
SCOPES = ("all", "data", "live", "login", "plaid", "keys")
SHARED = ("plaid", "keys")


class BadReplay(ValueError):
    """A replay file that cannot be used; the message says why."""


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


def read(path: Path) -> Replay:
    """Reads a replay file.

    Raises:
        BadReplay: If it does not have the documented format.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return parse(content)
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadReplay(f"{path.name}: {type(error).__name__}: {error}") from error


def parse(content: Mapping[str, Any]) -> Replay:
    """A replay from the object in its file."""
    banks = tuple(_bank(at, one) for at, one in enumerate(content["institutions"]))
    latest = max((outage.end for bank in banks for outage in bank.outages), default=0.0)
    return Replay(
        banks,
        float(content.get("days") or max(365.0, latest / DAY + 1)),
        tuple(int(seed) for seed in content.get("seeds", [1])),
        tuple(_outage(one, "plaid") for one in content.get("shared", [])),
        _exposure(content.get("exposure", {})),
    )


def _bank(at: int, given: Mapping[str, Any]) -> Bank:
    outages = tuple(sorted((_outage(one, "all") for one in given.get("outages", [])), key=lambda one: one.start))
    base_error = float(given.get("base_error", given.get("base_error_rate", 0.0144)))
    if not 0 <= base_error < 1:
        raise ValueError(f"base_error must be a share below 1, not {base_error}")
    size = int(given["size"])
    if size < 1:
        raise ValueError(f"size must be at least 1, not {size}")
    return Bank(
        str(given.get("institution_id", given.get("id", f"ins_{at + 1}"))),
        size,
        base_error,
        outages,
        given.get("reports_status"),
    )


def _outage(given: Mapping[str, Any], scope: str) -> Outage:
    outage = Outage(
        _minutes(given["start"]),
        _minutes(given["end"]),
        float(given.get("share", 1.0)),
        str(given.get("scope") or scope),
    )
    if outage.scope not in SCOPES or not 0 < outage.share <= 1 or outage.end <= outage.start:
        raise ValueError(f"not an outage: {dict(given)}; the scopes are {', '.join(SCOPES)}")
    return outage


def _minutes(given: object) -> float:
    if isinstance(given, str):
        at = datetime.fromisoformat(given)
        return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - START) / timedelta(minutes=1)
    if isinstance(given, int | float) and not isinstance(given, bool):
        return float(given)
    raise ValueError(f"a time must be minutes or an ISO time, not {given!r}")


def _exposure(given: Mapping[str, Any]) -> Exposure:
    low, high = given.get("status_lag_minutes", (5.0, 60.0))
    updates = given.get("updates")
    return Exposure(
        float(given.get("webhooks", 2.0)),
        float(given.get("live", 0.5)),
        float(given.get("checks", 1.0)),
        (float(low), float(high)),
        float(given.get("without_status", 0.2)),
        None if updates is None else float(updates),
    )
