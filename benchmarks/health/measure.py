"""The measures of a replay. Their names and goals are documented in docs/performance.md."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.health.drive import BUCKET, Declared, Log
from benchmarks.health.replay import DAY, SHARED, Outage, Replay
from benchmarks.health.world import BankWorld, when
from shared.domain.institution_health.detector import UNHEALTHY
from shared.domain.institution_health.evidence import HealthState
from shared.domain.institution_health.login_storm import STORM_WAIT, is_login_storm, prompt_due_at
from shared.domain.retry_delays import SYNC, TRIES_PER_ATTEMPT

AFTERMATH = 60.0  # Plaid's own status reports an outage for up to so many minutes after its end
PARTIAL_WITHIN = 720.0
CLASSES = (("n_100", 100, math.inf), ("n_30", 30, 100), ("n_10", 10, 30))
_MINUTES_PER_YEAR = 365 * DAY


@dataclass
class Tally:
    """What was counted, over replays and seeds."""

    delays: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    missed: list[str] = field(default_factory=list)
    partial: list[bool] = field(default_factory=list)
    quiet_minutes: dict[float, float] = field(default_factory=lambda: defaultdict(float))
    false_down: Counter[float] = field(default_factory=Counter)
    incidents: int = 0
    wrong_scope: int = 0
    false_prompts: int = 0
    storms: int = 0
    calls: float = 0
    calls_without: float = 0
    first_sync: list[float] = field(default_factory=list)
    caught_up: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)
    minutes: float = 0

    def add(self, other: Tally) -> None:
        """Adds another tally to this one."""
        for size, delays in other.delays.items():
            self.delays[size] += delays
        for name in ("missed", "partial", "first_sync", "caught_up", "peaks"):
            getattr(self, name).extend(getattr(other, name))
        for base, minutes in other.quiet_minutes.items():
            self.quiet_minutes[base] += minutes
        self.false_down.update(other.false_down)
        for name in ("incidents", "wrong_scope", "false_prompts", "storms", "calls", "calls_without", "minutes"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def as_object(self) -> dict[str, Any]:
        """The measures, as JSON values; None where nothing was to be measured, or most outages were missed."""
        rare = [base for base in self.quiet_minutes if base <= 0.02]
        by_base = {f"{base:g}": self._false_rate([base]) for base in sorted(self.quiet_minutes)}
        return {
            "declared_minutes_p50": {name: percentile(self.delays[name], 0.5) for name, _, _ in CLASSES},
            "declared_minutes_p90": {name: percentile(self.delays[name], 0.9) for name, _, _ in CLASSES},
            "outages": {name: len(self.delays[name]) for name, _, _ in CLASSES},
            "missed": len(self.missed),
            "missed_outages": self.missed[:40],
            "partial_found_share": _share(sum(self.partial), len(self.partial)),
            "partial_outages": len(self.partial),
            "false_down_per_100_years": by_base | {"up_to_0.02": self._false_rate(rare)},
            "quiet_years": {f"{base:g}": _years(self.quiet_minutes[base]) for base in sorted(self.quiet_minutes)},
            "wrong_scope": self.wrong_scope,
            "shared_incidents": self.incidents,
            "false_login_prompts": self.false_prompts,
            "login_storms": self.storms,
            "calls_while_down_ratio": _share(self.calls, self.calls_without),
            "first_sync_minutes": percentile(self.first_sync, 0.9),
            "caught_up_95_minutes": percentile(self.caught_up, 0.9),
            "caught_up_95_minutes_p50": percentile(self.caught_up, 0.5),
            "peak_rate_ratio": round(max(self.peaks, default=1.0), 2),
            "institution_years": _years(self.minutes),
        }

    def _false_rate(self, bases: Iterable[float]) -> float | None:
        bases = list(bases)
        years = sum(self.quiet_minutes[base] for base in bases) / _MINUTES_PER_YEAR
        return round(100 * sum(self.false_down[base] for base in bases) / years, 2) if years else None


def measure(replay: Replay, logs: Sequence[Log], seed: int) -> Tally:
    """Compares what was declared with the truth of one seed."""
    tally = Tally(minutes=len(logs) * replay.days * DAY)
    for log in logs:
        _outages(tally, log)
        _quiet(tally, replay, log)
        _storms(tally, BankWorld(log.bank, replay, seed))
        for outage in log.bank.outages:
            if outage.scope not in {"login", *SHARED}:
                _calls(tally, replay, log, outage)
                _recovery(tally, log, outage)
    _scopes(tally, replay, logs)
    tally.peaks.append(_peak(replay, logs))
    return tally


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value that this share of all values does not exceed; None without one."""
    if not values:
        return None
    value = sorted(values)[min(math.ceil(share * len(values)), len(values)) - 1]
    return round(value, 1) if math.isfinite(value) else None


def first(declared: Iterable[Declared], states: frozenset[HealthState], since: float, until: float) -> float | None:
    """When one of these states was first declared, or already held, within this time."""
    return min((max(one.start, since) for one in declared if _during(one, states, since, until)), default=None)


def _during(one: Declared, states: frozenset[HealthState], since: float, until: float) -> bool:
    return one.state in states and one.start < until and one.end > since


def _outages(tally: Tally, log: Log) -> None:
    down = frozenset({HealthState.DOWN})
    for outage in log.bank.outages:
        if outage.full and log.bank.size >= 10:
            at = first(log.declared, down, outage.start, outage.end)
            name = next(name for name, least, most in CLASSES if least <= log.bank.size < most)
            tally.delays[name].append(math.inf if at is None else at - outage.start)
            if at is None:
                tally.missed.append(
                    f"{log.bank.size} connections, {outage.end - outage.start:.0f} minutes, {outage.scope}"
                )
        if 0.2 <= outage.share <= 0.5 and log.bank.size >= 100 and outage.scope in {"all", "data"}:
            until = min(outage.end, outage.start + PARTIAL_WITHIN)
            tally.partial.append(first(log.declared, UNHEALTHY, outage.start, until) is not None)


def _quiet(tally: Tally, replay: Replay, log: Log) -> None:
    disturbed = _union((one.start, one.end + AFTERMATH) for one in (*log.bank.outages, *replay.shared))
    quiet = replay.days * DAY - sum(end - start for start, end in disturbed)
    tally.quiet_minutes[log.bank.base_error] += quiet
    for one in log.declared:
        if one.state is HealthState.DOWN and not any(start <= one.start <= end for start, end in disturbed):
            tally.false_down[log.bank.base_error] += 1


def _union(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _scopes(tally: Tally, replay: Replay, logs: Sequence[Log]) -> None:
    for incident in replay.shared:
        tally.incidents += 1
        tally.wrong_scope += any(_blamed(log, incident) for log in logs)
    for log in logs:
        own = [outage for outage in log.bank.outages if outage.scope in SHARED]
        tally.incidents += len(own)
        tally.wrong_scope += sum(_blamed(log, incident) for incident in own)


def _blamed(log: Log, incident: Outage) -> bool:
    """Whether the bank was declared unhealthy because of an incident that is not its own."""
    until = incident.end + AFTERMATH
    own = (one for one in log.bank.outages if one.scope not in SHARED)
    if any(one.start < until and one.end + AFTERMATH > incident.start for one in own):
        return False
    return any(one.state in UNHEALTHY and incident.start <= one.start <= until for one in log.declared)


def _storms(tally: Tally, world: BankWorld) -> None:
    """Login prompts that a storm would cause although the login works again by itself."""
    lost = world.logins_lost()
    if len({one.app_user_id for one, _, _ in lost}) < 3:
        return  # two users are no storm: nothing tells them from two users with new passwords
    tally.storms += sum(outage.scope == "login" for outage in world.bank.outages)
    storms = [
        at
        for index, (_, at, _) in enumerate(lost)
        if is_login_storm([one for one, _, _ in lost[: index + 1]], world.bank.size, when(at))
    ]
    for one, at, heals in lost:
        usual = prompt_due_at(one.at, connections=world.bank.size)
        recognized = any(when(storm) <= usual and abs(storm - at) <= 60 for storm in storms)
        due = one.at + STORM_WAIT if recognized else usual
        healed_in_time = when(heals) <= one.at + STORM_WAIT
        tally.false_prompts += int(healed_in_time and when(heals) > due)


def _calls(tally: Tally, replay: Replay, log: Log, outage: Outage) -> None:
    """Calls to Plaid during an outage that was declared, with the breaker and without."""
    declared = first(log.declared, frozenset({HealthState.DOWN}), outage.start, outage.end)
    if declared is None:
        return
    per_minute = log.bank.size / DAY
    checks = per_minute * replay.exposure.checks
    live = per_minute * replay.exposure.live * outage.share
    length, before = outage.end - outage.start, declared - outage.start
    tally.calls_without += checks * length + live * _attempts(length)
    tally.calls += checks * before + live * _attempts(before)
    tally.calls += sum(count for at, count in log.calls if outage.start <= at <= outage.end)


def _attempts(length: float) -> float:
    """Calls of syncs that begin to fail at any minute of a time of this length, retries included."""
    delays, total, after = [delay.total_seconds() / 60 for delay in SYNC.delays], length, 0.0
    for attempt in range(10_000):
        after += delays[min(attempt, len(delays) - 1)]
        if after >= length:
            break
        total += length - after
    return TRIES_PER_ATTEMPT * total


def _recovery(tally: Tally, log: Log, outage: Outage) -> None:
    """How soon after the end of an outage the waiting connections were synced."""
    after = sorted(synced for began, synced in log.waited if began < outage.end <= synced and began >= outage.start)
    if after:
        tally.first_sync.append(after[0] - outage.end)
        tally.caught_up.append(after[math.ceil(0.95 * len(after)) - 1] - outage.end)


def _peak(replay: Replay, logs: Sequence[Log]) -> float:
    """The busiest 5 minutes of catching up, beside the usual rate of all banks together."""
    exposure = replay.exposure
    usual = replay.connections * (exposure.webhooks + exposure.live + exposure.checks) / DAY * BUCKET
    caught_up: Counter[int] = Counter()
    for log in logs:
        for one in log.released:
            caught_up[int(one.at // BUCKET)] += one.count
    return 1 + max(caught_up.values(), default=0) / max(usual, 2.0)


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def _years(minutes: float) -> float:
    return round(minutes / _MINUTES_PER_YEAR, 1)
