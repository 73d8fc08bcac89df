"""A model of costs and limits for any number of connections: `python -m benchmarks.scale`.

It is a model, not a measurement: the cost of one sync is measured (`make bench`), its frequency is assumed, and the
limits are those that Plaid and Google publish. docs/performance.md quotes the result; change an assumption and run it
again.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

from benchmarks.table import LATEST
from shared.domain import poll_intervals

DAY, MINUTE, TICK = 86_400, 60, 900
MONTH = 30
SIZES = (1_000, 100_000, 1_000_000, 10_000_000)


@dataclass(frozen=True)
class Life:
    """Assumptions about the activity of a connection."""

    webhooks_a_day: float = 2.0  # of new transactions: Plaid checks most banks one to four times a day
    rows_a_month: float = 100.0  # added, posted or changed
    first_rows: float = 1_000.0  # of two years
    new_a_month: float = 0.05  # of all connections
    looks_a_month: float = 10.0  # times per day that its user opens the app
    documents_a_look: float = 60.0  # a page of transactions, accounts, connections, progress
    peak: float = 3.0  # the busiest minute relative to the mean: banks post at night
    silent: float = 0.02  # connections whose webhooks never arrive, and which are polled
    bytes_a_row: float = 5_000.0  # a row with its index entries
    new_rows: float = 0.5  # of those per month: rows that stay stored
    age_months: float = 12.0  # of a connection, for its stored data
    accounts: float = 3.0


LIFE = Life()


@dataclass(frozen=True)
class Prices:
    """List prices in dollars as of January 2026, without the monthly free quotas; Firestore in nam5."""

    vcpu_second: float = 0.000024
    gib_second: float = 0.0000025
    million_requests: float = 0.40
    reads_100k: float = 0.06
    writes_100k: float = 0.18
    deletes_100k: float = 0.02
    gib_month: float = 0.18
    kms_10k: float = 0.03
    million_tasks: float = 0.40


@dataclass(frozen=True)
class Limits:
    """Default limits, before any increase."""

    plaid_client_minute: int = 2_500  # /transactions/sync: https://plaid.com/docs/errors/rate-limit-exceeded/
    queue_second: float = 20.0  # functions/synctransactions.py
    queue_at_once: int = 40
    largest_queue_second: float = 500.0  # https://cloud.google.com/tasks/docs/quotas
    sequential_writes_second: float = (
        500.0  # of an indexed time: https://firebase.google.com/docs/firestore/best-practices
    )
    first_ramp: float = 500.0  # then half as much more every five minutes
    swept_second: float = 160.0  # sixteen at a time, with a commit and a task of some 50 ms each
    sweep_seconds: float = 500.0  # of the 540 that `schedule_syncs` has
    checks_second: float = 5.0  # functions/checkitem.py: each connection once a day


@dataclass(frozen=True)
class Run:
    """The cost of a run with little or no new data: measured, and counted in the code."""

    reads: float
    writes: float
    plaid_calls: float
    seconds: float = 0.8  # mostly waiting for Plaid
    together: float = 2.0  # average concurrent requests per instance, of at most four
    gib: float = 0.5
    vcpu: float = 1.0
    found_writes: float = 1.0 + LIFE.accounts  # of a run with new rows: its record, and the accounts
    state_writes: float = 3.0  # the request, the claim, the end: each changes the indexed `due_at`


PRICES, LIMITS = Prices(), Limits()


def measured() -> Run:
    """The values of the latest benchmark, or its goals."""
    kept = {one["row"]: one["value"] for one in json.loads(LATEST.read_text())} if LATEST.is_file() else {}
    return Run(kept.get("idle_reads", 2), kept.get("idle_writes", 5), kept.get("idle_plaid_calls", 1))


WAVE = 3 / 16  # the mean of cos⁴ where it is above 0, over a day
CALM = (1 - LIFE.peak * WAVE) / (1 - WAVE)  # between the waves, so that the mean of a day is 1


def runs_a_day(connections: float) -> float:
    """Runs per day: one for each webhook, and for each poll of connections without webhooks."""
    polls = DAY / poll_intervals.HEALTHY.total_seconds()
    return connections * ((1 - LIFE.silent) * LIFE.webhooks_a_day + LIFE.silent * polls)


def peak_runs(connections: float) -> float:
    """Runs per second in the busiest minute."""
    return runs_a_day(connections) / DAY * LIFE.peak


@dataclass(frozen=True)
class Backlog:
    """The result of a day: the longest wait of a run in seconds, and whether all runs finished by its end."""

    longest_wait: float
    done: bool


def day(connections: float, *, a_second: float) -> Backlog:
    """Simulates a day by minutes: webhooks arrive in a wave, and the tightest limit bounds how fast runs start."""
    mean, waiting, longest = runs_a_day(connections) / (DAY / MINUTE), 0.0, 0.0
    for minute in range(2 * DAY // MINUTE):  # the second day starts with the backlog of the first
        hour = (minute / 60) % 24
        arriving = mean * (CALM + (LIFE.peak - CALM) * max(0.0, math.cos((hour - 4) / 24 * 2 * math.pi)) ** 4)
        waiting = max(0.0, waiting + arriving - a_second * MINUTE)
        longest = max(longest, waiting / a_second)
    return Backlog(longest, done=waiting < mean)


def costs(connections: float, run: Run) -> dict[str, float]:
    """Dollars per month."""
    runs = runs_a_day(connections) * MONTH
    webhooks = connections * (1 - LIFE.silent) * LIFE.webhooks_a_day * MONTH
    new = connections * LIFE.new_a_month
    checks = connections * MONTH  # the daily check of each connection
    rows = connections * LIFE.rows_a_month + new * LIFE.first_rows
    reads = (
        runs * run.reads
        + (webhooks + checks) * 4
        + rows * 0.3
        + connections * LIFE.looks_a_month * LIFE.documents_a_look
    )
    writes = runs * run.writes + webhooks * (4 + run.found_writes) + rows * 1.01 + new * 40
    requests = runs + 2 * webhooks + checks + new * 3
    stored = LIFE.first_rows + LIFE.rows_a_month * LIFE.new_rows * LIFE.age_months
    seconds = ((runs + checks) * run.seconds + webhooks * 0.3 + rows / 2_500 + new * 5) / run.together
    return {
        "functions": seconds * (run.vcpu * PRICES.vcpu_second + run.gib * PRICES.gib_second)
        + requests / 1e6 * PRICES.million_requests,
        "firestore": reads / 1e5 * PRICES.reads_100k
        + writes / 1e5 * PRICES.writes_100k
        + 2 * webhooks / 1e5 * PRICES.deletes_100k,  # of the inbox and the run records when they expire
        "storage": connections * stored * LIFE.bytes_a_row / 2**30 * PRICES.gib_month,
        "kms": (runs + checks + new) / 1e4 * PRICES.kms_10k,
        "tasks": 2 * (runs + webhooks + checks) / 1e6 * PRICES.million_tasks,  # enqueuing and delivery both count
    }


def bounds(run: Run) -> list[tuple[str, float, str]]:
    """The limits: the number of connections that each resource supports unchanged, and the next step."""
    a_connection = peak_runs(1)
    plaid = LIMITS.plaid_client_minute / MINUTE / run.plaid_calls
    return [
        (
            "the sync queue as configured",
            min(LIMITS.queue_second, LIMITS.queue_at_once / run.seconds) / a_connection,
            "raise its rates, after Plaid has raised its limits",
        ),
        ("the daily check queue as configured", LIMITS.checks_second * DAY, "raise its rate: Plaid allows it"),
        ("Plaid's calls per minute for one client", plaid / a_connection, "ask Plaid for more; nothing else helps"),
        (
            "`schedule_syncs` in one process, for polls and after an outage of an hour",
            LIMITS.swept_second
            * LIMITS.sweep_seconds
            / (LIFE.silent * TICK / poll_intervals.HEALTHY.total_seconds() + runs_a_day(1) / 24 * LIFE.peak),
            "a task for each page of due syncs, as in `monitor_connections`",
        ),
        (
            "`due_at`, an indexed time, in one range of keys",
            LIMITS.sequential_writes_second / (a_connection * run.state_writes),
            "a shard number before it: index (shard, due_at), one sweep per shard",
        ),
        (
            "`received_at` and `due_at` of the webhooks' inbox",
            LIMITS.sequential_writes_second / (a_connection * 2),
            "a shard number, as for `due_at`",
        ),
        ("one queue of Cloud Tasks", LIMITS.largest_queue_second / a_connection, "several queues, by a hash of the id"),
    ]


def ramp(to: float) -> float:
    """Minutes until a new collection accepts this many writes per second (500/50/5)."""
    return max(0.0, 5 * math.log(to / LIMITS.first_ramp, 1.5)) if to > LIMITS.first_ramp else 0.0


def main() -> None:
    """Prints the model."""
    run = measured()
    print(
        f"{'connections':>12} {'webhooks/s':>11} {'peak':>7} {'writes/s':>9} {'Plaid/min':>10}   longest wait of a run"
    )
    for size in SIZES:
        peak = peak_runs(size)
        as_set = day(size, a_second=min(LIMITS.queue_second, LIMITS.queue_at_once / run.seconds))
        enough = day(size, a_second=peak * 0.8)
        waits = f"as configured {_minutes(as_set)}; with 80% of the peak's rate {_minutes(enough)}"
        writes = peak * (run.writes + 4 + run.found_writes) + LIFE.rows_a_month * size / MONTH / DAY * LIFE.peak
        mean = size * LIFE.webhooks_a_day / DAY
        print(f"{size:>12,} {mean:>11.2f} {peak:>7.1f} {writes:>9,.0f} {peak * MINUTE:>10,.0f}   {waits}")
    print(
        f"\n{'connections':>12} {'functions':>10} {'Firestore':>10} {'storage':>9} "
        f"{'KMS':>7} {'Tasks':>7} {'$/month':>9}"
    )
    for size in SIZES:
        parts = costs(size, run)
        each = sum(parts.values()) / size
        shown = " ".join(
            f"{value:>{width},.0f}" for value, width in zip(parts.values(), (10, 10, 9, 7, 7), strict=True)
        )
        print(f"{size:>12,} {shown} {sum(parts.values()):>9,.0f}  ({each * 100:.1f} cents each)")
    print("\n     connections  limit: next step")
    for what, most, then in sorted(bounds(run), key=lambda bound: bound[1]):
        print(f"  {most:>14,.0f}  {what}: {then}")
    first = LIMITS.plaid_client_minute / MINUTE * 500
    print(
        f"\nfirst syncs at Plaid's default limit write {first:,.0f} rows/s at most, "
        f"which 500/50/5 allows after {ramp(first):.0f} minutes"
    )


def _minutes(backlog: Backlog) -> str:
    return f"{backlog.longest_wait / 60:.0f} min" if backlog.done else "never finishes"


if __name__ == "__main__":
    main()
