"""The command: `make simulate YEARS=<n> SEED=<s>`, or `SCENARIO=<file>` for one failing scenario.

It runs worlds of about one user-year each, with the seeds s, s+1, …, on all cores. Each seed gives the same run by
itself, so `make simulate YEARS=1 SEED=<k>` repeats the run of any seed k.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from emulators.lifecycle import end_with_parent
from tests.simulation.actions import WEIGHTS
from tests.simulation.run import Result, run
from tests.simulation.scenario import Scenario, write
from tests.simulation.shrink import shrink

FOUND = Path(".local/simulation")
SHRINK_SECONDS = 180.0
SHOWN = 60  # events of a failing scenario on the screen; its file has all


def main() -> int:
    """Runs the simulation; 1 if an invariant was violated."""
    parser = argparse.ArgumentParser(prog="make simulate", description="Simulates years of use.")
    parser.add_argument("--years", type=float, default=20.0, help="user-years")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--scenario", type=Path, help="a scenario to run instead")
    parser.add_argument("--log", type=Path, help="writes the event log of the first seed, or of the scenario")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    if given.scenario is not None or given.log is not None:
        scenario = Scenario.loads(given.scenario.read_text()) if given.scenario else write(given.seed, WEIGHTS)
        result = run(scenario, keep_log=given.log is not None)
        if given.log is not None:
            given.log.write_text("\n".join(result.lines) + "\n")
        _say(f"event log: {result.digest}")
        return _report([result], began=time.monotonic())
    began = time.monotonic()
    results: list[Result] = []
    years = 0.0
    for result in _results(given.seed, given.years, jobs=given.jobs):
        results.append(result)
        years += result.scenario.user_years
        if result.violations:  # at once: others may take an hour
            _say(f"seed {result.scenario.seed}: {result.violations[0]}")
        _progress(years, given.years, results, began)
    _say("")
    return _report(results, began=began)


def _scenarios(seed: int, years: float) -> Iterator[Scenario]:
    total = 0.0
    while total < years - 0.01:  # a world of 364 days counts as a year
        scenario = write(seed, WEIGHTS)
        total += scenario.user_years
        seed += 1
        yield scenario


def _results(seed: int, years: float, *, jobs: int) -> Iterator[Result]:
    if jobs == 1:
        yield from map(run, _scenarios(seed, years))
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=end_with_parent) as pool:
        yield from pool.map(run, _scenarios(seed, years))


def _progress(years: float, wanted: float, results: list[Result], began: float) -> None:
    done = min(1.0, years / wanted)
    seconds = time.monotonic() - began
    events = sum(result.events for result in results)
    bar = "#" * round(30 * done)
    bad = sum(bool(result.violations) for result in results)
    speed = f"{60 * years / seconds:5.1f} a minute, {events / seconds:6.0f} events a second"
    text = f"[{bar:<30}] {years:7.1f} user-years, {speed}"
    end = "\r" if sys.stdout.isatty() else "\n"
    if sys.stdout.isatty() or len(results) % 20 == 0:
        sys.stdout.write(text + (f", {bad} worlds with violations" if bad else "") + end)
        sys.stdout.flush()


def _report(results: list[Result], *, began: float) -> int:
    failed = [result for result in results if result.violations]
    for result in failed[:3]:
        scenario = result.scenario
        _say(f"seed {scenario.seed}: {scenario.users} users, {scenario.days} days, {result.events} events")
        for violation in result.violations[:5]:
            _say(f"  {violation}")
    if failed:
        _shrunk(failed[0])
    years = sum(result.scenario.user_years for result in results)
    events = sum(result.events for result in results)
    violations = sum(len(result.violations) for result in results)
    seconds = time.monotonic() - began
    _say(f"{60 * years / seconds:.1f} user-years a minute, {events / years:.0f} events a user-year")
    _say(f"simulation: {years:.0f} user-years, {events} events, {violations} violations")
    return 1 if failed else 0


def _shrunk(failed: Result) -> None:
    deadline = time.monotonic() + SHRINK_SECONDS
    scenario, result = shrink(failed, more_time=lambda: time.monotonic() < deadline)
    FOUND.mkdir(parents=True, exist_ok=True)
    path = FOUND / f"seed-{scenario.seed}.json"
    path.write_text(scenario.dumps())
    _say(f"shortest failing scenario found, {len(scenario.events)} events:")
    for event in scenario.events[:SHOWN]:
        day, second = divmod(event.at, 86_400)
        clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
        _say(f"  day {day:3} {clock}  user {event.user}  {event.action} ({event.pick})")
    for violation in result.violations[:5]:
        _say(f"  -> {violation}")
    _say(f"replay: make simulate SCENARIO={path}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
