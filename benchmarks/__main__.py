"""`make bench`: measures all rows of the table, or some of them."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

from benchmarks import cold, products, sweeping, syncing, warm
from benchmarks.ground import ground
from benchmarks.health import __main__ as health
from benchmarks.load import load
from benchmarks.process import Failed
from benchmarks.table import BY_ROW, Result, keep, show
from emulators.lifecycle import run
from emulators.ports import StackError

ROUNDS = 5
EMULATORS = ("auth", "firestore")
LOAD = "load"  # not a row of the table: run with --rows load
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
    Group(("holdings_vs_naive",), products.speed),
    Group(
        (
            "product_unchanged_plaid_calls",
            "product_unchanged_reads",
            "product_unchanged_commits",
            "product_unchanged_writes",
        ),
        products.unchanged,
    ),
    Group(("cold_import_worst", "cold_memory_worst"), cold.starts),
    Group(("link_token_p50", "exchange_p50"), warm.latencies),
    Group(("sweep_reads",), sweeping.sweep),
    Group(("purge_vs_floor",), sweeping.purge),
)


def wanted(rows: Sequence[str]) -> list[Group]:
    """The groups that measure these rows; all groups by default."""
    if unknown := set(rows) - BY_ROW.keys():
        sys.exit(f"no such row: {', '.join(sorted(unknown))}. The rows are: {', '.join(BY_ROW)}")
    return [group for group in GROUPS if not rows or set(rows) & set(group.rows)]


def main() -> int:
    """Measures, prints and saves the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", default="", help="only these rows, separated by commas")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"rounds per contestant ({ROUNDS})")
    parser.add_argument("--no-load", action="store_true", help="skip the load test, which otherwise runs with all rows")
    parser.add_argument(
        "--quick", action="store_true", help="small data sets; the results are not saved, as with fewer rounds"
    )
    parser.add_argument(
        "--health",
        action="store_true",
        help="only the outage detectors' evaluation: 15 minutes, resumed if interrupted",
    )
    given = parser.parse_args()
    if given.health:
        return health.table(quick=given.quick)
    groups = wanted([row for row in given.rows.split(",") if row]) if given.rows != LOAD else []
    began = time.monotonic()
    results: list[Result] = []
    failed: list[str] = []
    summary = None
    for group in groups:
        print(f"{time.monotonic() - began:5.0f} s  {', '.join(group.rows)}", flush=True)
        try:
            with ground(*EMULATORS) as on:  # new emulators for each group, because they keep deleted documents
                results += group.measure(on, rounds=given.rounds, quick=given.quick)
        except (Failed, AssertionError, StackError, httpx.HTTPError, TimeoutError) as error:
            failed.append(f"{', '.join(group.rows)}: {type(error).__name__}: {error}")
            print(f"  not measured: {failed[-1]}", flush=True)
    if not given.no_load and (not given.rows or given.rows == LOAD):
        print(f"{time.monotonic() - began:5.0f} s  {LOAD}", flush=True)
        try:
            with ground(*EMULATORS) as on:
                summary = load(on, quick=given.quick)
        except (Failed, AssertionError, StackError, httpx.HTTPError, TimeoutError) as error:
            failed.append(f"{LOAD}: {type(error).__name__}: {error}")
    met = show(results)
    if summary is not None:
        print(f"\n{LOAD}: {summary}")
        met = met and not summary.refused
    if not given.quick and given.rounds >= ROUNDS:
        keep(results)
    print(*(f"\nnot measured: {one}" for one in failed), sep="")
    outcome = "all goals met" if met and not failed else "goals not met: see above"
    print(f"\n{outcome}, after {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    run(main, when_stopped=130)
