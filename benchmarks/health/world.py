"""The world of a replay: what each call would answer, with the truth behind it.

Times are minutes from the beginning. Everything follows from the seed, so that all detectors meet the same world.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from benchmarks.health.replay import DAY, SHARED, START, Bank, Exposure, Outage, Replay
from shared.domain.institution_health.evidence import (
    ItemUpdate,
    LoginLost,
    Outcome,
    PlaidStatus,
    RefreshInterval,
)

_FEELS = {True: {"all", "live", *SHARED}, False: {"all", "data", *SHARED}}


@dataclass(slots=True)
class Event:
    """One call that reaches the bank (live), or one answer of /item/get about Plaid's latest update."""

    at: float
    connection: int
    live: bool
    failed: bool
    sampled: bool = True
    outcome: Outcome | None = None
    update: ItemUpdate | None = None


def when(minutes: float) -> datetime:
    """The time of a minute of the replay."""
    return START + timedelta(minutes=minutes)


class BankWorld:
    """One institution under one seed."""

    def __init__(self, bank: Bank, replay: Replay, seed: int) -> None:
        self.bank = bank
        self.days = replay.days
        self.exposure: Exposure = replay.exposure
        self.name = f"{seed}:{bank.institution_id}:{bank.size}"
        self.random = random.Random(self.name)
        self.probes = random.Random(f"{self.name}:probes")  # apart, so that probes do not change the world
        self.outages = tuple(sorted((*bank.outages, *replay.shared), key=lambda one: one.start))
        self._affected: dict[int, frozenset[int]] = {}
        self._names: dict[int, tuple[str, str]] = {}
        reports = self.random.random() >= self.exposure.without_status
        self.reports_status = bank.reports_status if bank.reports_status is not None else reports
        low, high = self.exposure.status_lag_minutes
        self._lags = [(self.random.uniform(low, high), self.random.uniform(low, high)) for _ in self.outages]
        self._phases = [self.random.random() for _ in range(bank.size)] if self.exposure.updates else []

    def events(self) -> Iterator[list[Event]]:
        """The calls that users and the daily check would make, day by day, in order of time."""
        size, exposure, chance = self.bank.size, self.exposure, self.random.random
        day = 0
        while day < self.days:
            first, last = day * DAY, min((day + 1), self.days) * DAY
            length = (last - first) / DAY
            calls = [
                (first + (last - first) * chance(), live)
                for live, rate in ((True, exposure.live), (False, exposure.checks))
                for _ in range(self._poisson(size * rate * length))
            ]
            calls.sort()
            events = self._calls(calls)
            if any(outage.start < last and outage.end > first - DAY for outage in self.outages):
                self._disturb(events)
            yield events
            day += 1

    def _calls(self, calls: list[tuple[float, bool]]) -> list[Event]:
        """The calls with the failures that are usual at the bank."""
        chance, size, base_error = self.random.random, self.bank.size, self.bank.base_error
        return [Event(at, int(chance() * size), live, chance() < base_error) for at, live in calls]

    def _disturb(self, events: list[Event]) -> None:
        for event in events:
            if not event.failed:
                at = event.at if event.live else self.attempt(event.connection, event.at)
                event.failed = self.feels(event.connection, at, event.live)

    def attempt(self, connection: int, at: float) -> float:
        """When Plaid last tried to update the connection."""
        if not self._phases or not self.exposure.updates:
            return at
        interval = DAY / self.exposure.updates
        phase = self._phases[connection] * interval
        return (at - phase) // interval * interval + phase

    def feels(self, connection: int, at: float, live: bool) -> bool:
        """Whether a call at this time fails because of an outage."""
        return next(self.felt_at(connection, at, live), None) is not None

    def felt_at(self, connection: int, at: float, live: bool) -> Iterator[int]:
        """The indices of the outages that a call at this time feels."""
        for index, outage in enumerate(self.outages):
            if outage.start > at:
                return
            if at < outage.end and outage.scope in _FEELS[live] and connection in self.affected(index):
                yield index

    def affected(self, index: int) -> frozenset[int]:
        """The connections that feel an outage."""
        if index not in self._affected:
            share, everyone = self.outages[index].share, range(self.bank.size)
            choice = random.Random(f"{self.name}:{index}")
            chosen = everyone if share >= 1 else (one for one in everyone if choice.random() < share)
            self._affected[index] = frozenset(chosen)
        return self._affected[index]

    def probe(self, connection: int, at: float) -> Event:
        """The answer of /item/get."""
        failed = self.probes.random() < self.bank.base_error
        return Event(at, connection, False, failed or self.feels(connection, self.attempt(connection, at), False))

    def outcome(self, event: Event) -> Outcome:
        """A live call as the domain sees it."""
        name, user = self._named(event.connection)
        return Outcome(name, user, when(event.at), event.failed, live=True)

    def update(self, event: Event) -> ItemUpdate:
        """An answer of /item/get as the domain sees it."""
        (name, user), at = self._named(event.connection), when(event.at)
        attempt = when(self.attempt(event.connection, event.at)) if self._phases else at
        worked, failed = (None, attempt) if event.failed else (attempt, None)
        return ItemUpdate(name, user, worked, failed, at, event.sampled)

    def _named(self, connection: int) -> tuple[str, str]:
        """The ids of a connection and of its user."""
        if (named := self._names.get(connection)) is None:
            name = f"{self.bank.institution_id}-{connection}"
            named = self._names[connection] = (name, f"user-{name}")
        return named

    def status(self, at: float) -> PlaidStatus | None:
        """Plaid's status, which follows the truth late."""
        if not self.reports_status:
            return None
        for outage, (lag, lag_at_end) in zip(self.outages, self._lags, strict=True):
            if outage.start + lag <= at < outage.end + lag_at_end and outage.scope != "keys":
                return _status(outage, at)
        return PlaidStatus(when(at), 0.98, 0.01, 0.01, RefreshInterval.NORMAL, 0.98)

    @cached_property
    def status_changes(self) -> list[tuple[float, float]]:
        """When Plaid's status reports trouble."""
        return sorted(span for _, span in self.reported())

    def reported(self) -> Iterator[tuple[int, tuple[float, float]]]:
        """The indices of the outages that Plaid's status reports, from when to when."""
        for index, (outage, (lag, lag_at_end)) in enumerate(zip(self.outages, self._lags, strict=True)):
            start, end = outage.start + lag, outage.end + lag_at_end
            if self.reports_status and outage.scope != "keys" and start < end:
                yield index, (start, end)

    def logins_lost(self) -> list[tuple[LoginLost, float, float]]:
        """Lost logins with their time and the time when the login works again, in minutes."""
        lost: list[tuple[LoginLost, float, float]] = []
        choice = random.Random(f"{self.name}:logins")
        for index, outage in enumerate(self.outages):
            if outage.scope != "login":
                continue
            for connection in self.affected(index):
                name, user = self._named(connection)
                at = outage.start + choice.random() * min(60.0, outage.end - outage.start)
                lost.append((LoginLost(name, user, when(at)), at, outage.end))
        return sorted(lost, key=lambda one: one[1])

    def _poisson(self, mean: float) -> int:
        if mean > 30:
            return max(0, round(self.random.gauss(mean, mean**0.5)))
        count, left = 0, self.random.expovariate(1.0)
        while left < mean:
            count += 1
            left += self.random.expovariate(1.0)
        return count


def _status(outage: Outage, at: float) -> PlaidStatus:
    failing = 0.97 * outage.share
    interval = RefreshInterval.NORMAL
    if outage.scope not in {"login", "live"}:
        interval = RefreshInterval.STOPPED if failing > 0.9 else RefreshInterval.DELAYED
    if outage.scope == "plaid":
        return PlaidStatus(when(at), 0.98 - failing, 0.01 + failing, 0.01, interval, 0.98 - failing)
    success = 0.98 if outage.scope == "login" else 0.98 - failing
    login_success = 0.98 - failing if outage.scope in {"login", "all"} else 0.98
    return PlaidStatus(when(at), max(success, 0.0), 0.01, 1 - max(success, 0.0) - 0.01, interval, login_success)
