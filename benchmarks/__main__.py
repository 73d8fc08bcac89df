"""`make bench`: everything in the table, or some rows of it."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

from benchmarks import cold, sweeping, syncing, warm
from benchmarks.ground import ground
from benchmarks.load import load
from benchmarks.process import Failed
from benchmarks.table import BY_ROW, Result, keep, show
from emulators.lifecycle import run
from emulators.ports import StackError

ROUNDS = 5
EMULATORS = ("auth", "firestore")
LOAD = "load"  # no row of the table: asked for by --rows load
Measure = Callable[..., list[Result]]


@dataclass(frozen=True)
class Group:
    """Rows that are measured together, on the same emulators."""

    rows: tuple[str, ...]
    measure: Measure


GROUPS = (
    Group(("sync_vs_naive", "sync_vs_batch", "sync_vs_floor"), syncing.speed),
    Group(("memory_growth",), syncing.memory),
    Group(
        (
            "writes_per_row",
            "idle_plaid_calls",
            "idle_reads",
            "idle_commits",
            "idle_writes",
            "unchanged_rewrites",
        ),
        syncing.costs,
    ),
    Group(("cold_import_worst", "cold_memory_worst"), cold.starts),
    Group(("link_token_p50", "exchange_p50"), warm.latencies),
    Group(("sweep_reads",), sweeping.sweep),
    Group(("purge_vs_floor",), sweeping.purge),
)


def wanted(rows: Sequence[str]) -> list[Group]:
    """The groups that measure these rows; all if none is named."""
    if unknown := set(rows) - BY_ROW.keys():
        sys.exit(f"no such row: {', '.join(sorted(unknown))}. There are: {', '.join(BY_ROW)}")
    return [group for group in GROUPS if not rows or set(rows) & set(group.rows)]


def main() -> int:
    """Measures, prints the table, keeps it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", default="", help="some rows only, separated by commas")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"turns of each contestant ({ROUNDS})")
    parser.add_argument("--no-load", action="store_true", help="without the load test, which comes with all rows")
    parser.add_argument(
        "--quick", action="store_true", help="small amounts; what it says is not kept, as with fewer turns"
    )
    given = parser.parse_args()
    groups = wanted([row for row in given.rows.split(",") if row]) if given.rows != LOAD else []
    began = time.monotonic()
    results: list[Result] = []
    failed: list[str] = []
    told = None
    for group in groups:
        print(f"{time.monotonic() - began:5.0f} s  {', '.join(group.rows)}", flush=True)
        try:
            with ground(*EMULATORS) as on:  # new ones each time: they keep what was deleted
                results += group.measure(on, rounds=given.rounds, quick=given.quick)
        except (Failed, AssertionError, StackError, httpx.HTTPError, TimeoutError) as error:
            failed.append(f"{', '.join(group.rows)}: {type(error).__name__}: {error}")
            print(f"  not measured: {failed[-1]}", flush=True)
    if not given.no_load and (not given.rows or given.rows == LOAD):
        print(f"{time.monotonic() - began:5.0f} s  {LOAD}", flush=True)
        try:
            with ground(*EMULATORS) as on:
                told = load(on, quick=given.quick)
        except (Failed, AssertionError, StackError, httpx.HTTPError, TimeoutError) as error:
            failed.append(f"{LOAD}: {type(error).__name__}: {error}")
    met = show(results)
    if told is not None:
        print(f"\n{LOAD}: {told}")
        met = met and not told.refused
    if not given.quick and given.rounds >= ROUNDS:
        keep(results)
    print(*(f"\nnot measured: {one}" for one in failed), sep="")
    outcome = "all goals met" if met and not failed else "goals not met: see above"
    print(f"\n{outcome}, after {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    run(main, when_stopped=130)
