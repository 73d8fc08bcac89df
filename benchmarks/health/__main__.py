"""`python -m benchmarks.health`: measures the outage detector.

With `--replay FILE` it prints one JSON object of measures for that file. Otherwise it prints the table of goals, over
generated replays with held-out seeds; this takes a quarter of an hour on two cores, with `--quick` two minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.health import scenario
from benchmarks.health.drive import Backend
from benchmarks.health.measure import Tally, measure
from benchmarks.health.replay import BadReplay, Replay, read
from benchmarks.health.rivals import RIVALS, declared_by
from benchmarks.health.table import show
from shared.domain.institution_health.detector import judge

EVENTFUL, QUIET, QUIET_UNRELIABLE = 6, 26, 5
RULE = "rule"


@dataclass(frozen=True, slots=True)
class Job:
    """One generated replay for one contestant."""

    kind: str
    seed: int
    contestant: str = RULE

    def replay(self) -> Replay:
        """The replay."""
        if self.kind == "eventful":
            return scenario.eventful(self.seed)
        bases = (0.002, 0.005, 0.0144) if self.kind == "quiet" else (0.054, 0.156)
        return scenario.quiet(self.seed, bases, scenario.LARGEST if self.kind == "quiet" else 500)


def run(job: Job) -> tuple[Job, Tally]:
    """Runs a job."""
    replay = job.replay()
    return job, tally_of(replay, job.seed, job.contestant)


def tally_of(replay: Replay, seed: int, contestant: str = RULE) -> Tally:
    """What one contestant achieves in a replay, under one seed."""
    if contestant == RULE:
        return measure(replay, Backend(replay, seed, judge).run(), seed)
    return measure(replay, declared_by(contestant, replay, seed), seed)


def jobs(*, quick: bool, first: int = scenario.HELD_OUT) -> list[Job]:
    """All generated replays; the largest first. Rivals meet the eventful ones only, whose quiet years count, too."""
    eventful, quiet, unreliable = (1, 1, 1) if quick else (EVENTFUL, QUIET, QUIET_UNRELIABLE)
    rivals = [Job("eventful", first + at, rival) for rival in RIVALS for at in range(1 if quick else 2)]
    return [
        *(Job("eventful", first + at) for at in range(eventful)),
        *rivals,
        *(Job("quiet", first + at) for at in range(quiet)),
        *(Job("quiet_unreliable", first + at) for at in range(unreliable)),
    ]


def table(*, quick: bool) -> int:
    """Prints the goals, the measures and the rivals' measures."""
    began = time.monotonic()
    tallies: dict[str, Tally] = {}
    with ProcessPoolExecutor(os.cpu_count()) as workers:
        for job, tally in workers.map(run, jobs(quick=quick)):
            tallies.setdefault(job.contestant, Tally()).add(tally)
            print(f"{time.monotonic() - began:5.0f} s  {job.kind} {job.seed} {job.contestant}", flush=True)
    met = show({name: tally.as_object() for name, tally in tallies.items()})
    print(f"\n{'all goals met' if met else 'goals not met: see above'}, after {time.monotonic() - began:.0f} s")
    return 0


def replayed(path: Path) -> int:
    """Prints the measures of a replay file as one JSON object."""
    try:
        replay = read(path)
    except (BadReplay, OSError) as error:
        print(f"cannot use the replay: {error}", file=sys.stderr)
        return 2
    total = Tally()
    for seed in replay.seeds:
        total.add(tally_of(replay, seed))
    print(json.dumps(total.as_object()))
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.health", description=__doc__)
    parser.add_argument("--replay", type=Path, help="a replay file; prints one JSON object")
    parser.add_argument("--quick", action="store_true", help="one replay of each kind")
    given = parser.parse_args(arguments)
    return replayed(given.replay) if given.replay else table(quick=given.quick)


if __name__ == "__main__":
    sys.exit(main())
