"""Finds the shortest scenario that still fails: delta debugging (https://www.debuggingbook.org/html/DeltaDebugger.html)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from tests.simulation.run import Result, run
from tests.simulation.scenario import Event, Scenario

IDS = re.compile(r"[0-9a-f]{32}|[1-9A-HJ-NP-Za-km-z]{37}|\d+")


def kind_of(violation: str) -> str:
    """A violation without what differs from scenario to scenario: times, ids and numbers."""
    return IDS.sub("…", violation.partition("\n")[0])[:160]


def shrink(
    failed: Result, *, more_time: Callable[[], bool], again: Callable[[Scenario], Result] = run
) -> tuple[Scenario, Result]:
    """Leaves out events while the same kind of violation remains.

    Args:
        failed: A run with violations.
        more_time: Asked before each run; shrinking ends when it says no.
        again: Runs a scenario.

    Returns:
        The shortest failing scenario found, and its run.
    """
    wanted = kind_of(failed.violations[0])
    best = failed

    def fails(events: Sequence[Event]) -> bool:
        nonlocal best
        result = again(failed.scenario.only(events))
        if any(kind_of(one) == wanted for one in result.violations):
            best = result
            return True
        return False

    events: list[Event] = list(failed.scenario.events[: failed.events])
    size = max(1, len(events) // 2)
    while more_time():
        reduced = False
        start = 0
        while start < len(events) and more_time():
            fewer = events[:start] + events[start + size :]
            if fails(fewer):
                events, reduced = fewer, True
            else:
                start += size
        if size == 1 and not reduced:
            break
        size = max(1, size // 2)
    return failed.scenario.only(events), best
