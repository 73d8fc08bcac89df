"""`python -m benchmarks.health`: measures the outage detector.

With `--replay FILE` it prints one JSON object of measures for that file. Otherwise it prints the table of goals, over
generated replays with held-out seeds; that takes about 15 minutes on two idle cores, with `--quick` two minutes. An
interrupted evaluation resumes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.health.evaluation import evaluate, tally_of
from benchmarks.health.measure import Tally
from benchmarks.health.replay_file import BadReplay, read
from benchmarks.health.table import show
from shared.domain.institution_health.selection import DEFAULT, DETECTORS


def table(*, quick: bool) -> int:
    """Prints the goals, the measures and the rivals' measures."""
    began = time.monotonic()
    met = show({name: tally.as_object() for name, tally in evaluate(quick=quick).items()})
    print(f"\n{'all goals met' if met else 'goals not met: see above'}, after {time.monotonic() - began:.0f} s")
    return 0


def replayed(path: Path, detector: str) -> int:
    """Prints the measures of a replay file as one JSON object."""
    try:
        replay = read(path)
    except BadReplay as error:
        print(f"cannot use the replay: {error}", file=sys.stderr)
        return 2
    total = Tally()
    for seed in replay.seeds:
        total.add(tally_of(replay, seed, detector))
    print(json.dumps(total.as_object()))
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.health", description=__doc__)
    parser.add_argument("--replay", type=Path, help="a replay file; prints one JSON object")
    parser.add_argument("--detector", choices=DETECTORS, default=DEFAULT, help=f"for --replay ({DEFAULT})")
    parser.add_argument("--quick", action="store_true", help="one replay of each kind")
    given = parser.parse_args(arguments)
    return replayed(given.replay, given.detector) if given.replay else table(quick=given.quick)


if __name__ == "__main__":
    sys.exit(main())
