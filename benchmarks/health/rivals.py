"""Rival detectors, each in its usual form, on the stream of calls of each institution, with their retries.

Small implementations of our own: window rule and daily rule as in common open-source budget apps; CUSUM: Page (1954);
PELT: Killick, Fearnhead and Eckley (2012), here one change point within the latest calls, with the cost of a Bernoulli
variable; ADWIN: Bifet and Gavalda (2007).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator

from benchmarks.health.drive import Declared, Log
from benchmarks.health.replay import DAY, Bank, Replay
from benchmarks.health.world import BankWorld
from shared.domain.institution_health.evidence import HealthState, RefreshInterval

Call = tuple[float, int, bool]  # time, connection, failed
Alarm = Callable[[BankWorld], Iterator[tuple[float, bool]]]
"""Yields times with the state from then on: down or not."""

_RETRIES = (1.0, 5.0, 15.0)
_STILL_BROKEN = 0.7
_LATEST = 60


def calls(world: BankWorld) -> Iterator[Call]:
    """All calls in order of time. A failed live call is retried by the same connection."""
    late: list[Call] = []
    for day in world.events():
        today = [(event.at, event.connection, event.failed) for event in day]
        for event in day:
            if event.failed and event.live:
                for delay in _RETRIES:
                    at = event.at + delay
                    failed = world.feels(event.connection, at, True) or world.probes.random() < _STILL_BROKEN
                    today.append((at, event.connection, failed))
                    if not failed:
                        break
        today = sorted(today + late)
        end = (math.floor(day[0].at / DAY) + 1) * DAY if day else math.inf
        late = [call for call in today if call[0] >= end]
        yield from (call for call in today if call[0] < end)


def window_rule(world: BankWorld) -> Iterator[tuple[float, bool]]:
    """Half of five or more calls within an hour failed."""
    window: deque[Call] = deque()
    for call in calls(world):
        window.append(call)
        while window[0][0] < call[0] - 60:
            window.popleft()
        failed = sum(one[2] for one in window)
        yield call[0], len(window) >= 5 and failed >= 0.5 * len(window)


def cusum(world: BankWorld) -> Iterator[tuple[float, bool]]:
    """Sums the log-likelihood ratio of 50 % failures against the bank's usual share."""
    usual, limit, total = max(world.bank.base_error, 0.01), 12.0, 0.0
    bad, good = math.log(0.5 / usual), math.log(0.5 / (1 - usual))
    for at, _, failed in calls(world):
        total = min(max(0.0, total + (bad if failed else good)), 2 * limit)
        yield at, total > limit


def everybody_broken(world: BankWorld) -> Iterator[tuple[float, bool]]:
    """Once a day: every connection that was called since yesterday failed, two or more."""
    day, latest = 0, dict[int, bool]()
    for at, connection, failed in calls(world):
        if at >= (day + 1) * DAY:
            yield (day + 1) * DAY, len(latest) >= 2 and all(latest.values())
            day, latest = math.floor(at / DAY), {}
        latest[connection] = failed


def plaid_alone(world: BankWorld) -> Iterator[tuple[float, bool]]:
    """Plaid's status, asked every 15 minutes."""
    for start, end in world.status_changes:
        first = math.ceil(start / 15) * 15.0
        status = world.status(first)
        if status is not None and first < end:
            stopped = status.refresh_interval is RefreshInterval.STOPPED
            yield first, status.success < 0.5 or stopped
            yield math.ceil(end / 15) * 15.0, False


def pelt(world: BankWorld) -> Iterator[tuple[float, bool]]:
    """The latest calls have a change point after which at least half fail."""
    latest: deque[bool] = deque(maxlen=_LATEST)
    for at, _, failed in calls(world):
        latest.append(failed)
        yield at, failed and sum(latest) >= 3 and _changed(list(latest))


def _changed(values: list[bool], penalty: float = 12.0) -> bool:
    count, failed = len(values), sum(values)
    after_failed, best = 0, (0.0, 0.0)
    for after in range(1, count):
        after_failed += values[-after]
        gain = _cost(failed, count) - _cost(failed - after_failed, count - after) - _cost(after_failed, after)
        best = max(best, (gain, after_failed / after))
    return best[0] > penalty and best[1] >= 0.5


def _cost(failed: int, count: int) -> float:
    share = failed / count if count else 0.0
    return 0.0 if share in {0.0, 1.0} else -(failed * math.log(share) + (count - failed) * math.log(1 - share))


def adwin(world: BankWorld, delta: float = 1e-6) -> Iterator[tuple[float, bool]]:
    """The newest part of an adaptive window has a significantly higher share, of at least half."""
    window: deque[bool] = deque(maxlen=_LATEST * 4)
    for at, _, failed in calls(world):
        window.append(failed)
        down = failed and sum(window) >= 3 and _cut(window, delta)
        yield at, down


def _cut(window: deque[bool], delta: float) -> bool:
    count, failed, after_failed = len(window), sum(window), 0
    values = list(window)
    for after in range(1, count):
        after_failed += values[-after]
        if after < 3 or count - after < 3:
            continue
        newer, older = after_failed / after, (failed - after_failed) / (count - after)
        harmonic = 1 / (1 / after + 1 / (count - after))
        limit = math.sqrt(math.log(4 * count / delta) / (2 * harmonic))
        if newer >= 0.5 and newer - older > limit:
            return True
    return False


RIVALS: dict[str, Alarm] = {
    "window": window_rule,
    "CUSUM": cusum,
    "everybody": everybody_broken,
    "Plaid": plaid_alone,
    "PELT": pelt,
    "ADWIN": adwin,
}


def declared_by(rival: str, replay: Replay, seed: int) -> list[Log]:
    """What a rival declares at each institution."""
    return [_log(bank, RIVALS[rival](BankWorld(bank, replay, seed))) for bank in replay.banks]


def _log(bank: Bank, alarms: Iterator[tuple[float, bool]]) -> Log:
    log = Log(bank)
    for at, down in alarms:
        is_down = bool(log.declared) and log.declared[-1].end == math.inf
        if down and not is_down:
            log.declared.append(Declared(HealthState.DOWN, at))
        elif is_down and not down:
            log.declared[-1].end = at
    return log
