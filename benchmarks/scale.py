"""What the backend costs, and where it ends, for any number of connections: `python -m benchmarks.scale`.

A model, not a measurement: what one sync costs is measured (`make bench`), how often it happens is assumed, and the
limits are Plaid's and Google's as published. Change an assumption, and run it again; docs/performance.md quotes it.
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
    """What happens to a connection: assumptions."""

    webhooks_a_day: float = 2.0  # of new transactions: Plaid looks at most banks one to four times a day
    rows_a_month: float = 100.0  # added, posted or changed
    first_rows: float = 1_000.0  # of two years
    new_a_month: float = 0.05  # of the connections that there are
    looks_a_month: float = 10.0  # how often its user opens the app
    documents_a_look: float = 60.0  # a page of transactions, accounts, connections, progress
    peak: float = 3.0  # the busiest minute over the mean one: banks post at night
    silent: float = 0.02  # connections whose webhooks never arrive: those are polled
    bytes_a_row: float = 5_000.0  # a row with its index entries
    new_rows: float = 0.5  # of those a month: what stays in the store
    age_months: float = 12.0  # of a connection, for what it has stored
    accounts: float = 3.0


LIFE = Life()


@dataclass(frozen=True)
class Prices:
    """Dollars, list prices as they stood in January 2026, without what is free each month; Firestore in nam5."""

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
    """What is there before anybody asks for more."""

    plaid_client_minute: int = 2_500  # /transactions/sync: https://plaid.com/docs/errors/rate-limit-exceeded/
    queue_second: float = 20.0  # functions/synctransactions.py
    queue_at_once: int = 40
    largest_queue_second: float = 500.0  # https://cloud.google.com/tasks/docs/quotas
    sequential_writes_second: float = (
        500.0  # of an indexed time: https://firebase.google.com/docs/firestore/best-practices
    )
    first_ramp: float = 500.0  # then half as much more every five minutes
    swept_second: float = 160.0  # sixteen at a time, a commit and a task of some 50 ms each
    sweep_seconds: float = 500.0  # of the 540 that `schedule_syncs` has
    checks_second: float = 5.0  # functions/checkitem.py: each connection once a day


@dataclass(frozen=True)
class Run:
    """What one run costs that finds little or nothing: measured, and counted in the code."""

    reads: float
    writes: float
    plaid_calls: float
    seconds: float = 0.8  # of which most is waiting for Plaid
    together: float = 2.0  # requests that share an instance at a time, of the four that it takes
    gib: float = 0.5
    vcpu: float = 1.0
    found_writes: float = 1.0 + LIFE.accounts  # of one that finds rows: its record, and the accounts
    state_writes: float = 3.0  # the request, the claim, the end: each moves the indexed `due_at`


PRICES, LIMITS = Prices(), Limits()


def measured() -> Run:
    """From the latest benchmark, or its goals."""
    kept = {one["row"]: one["value"] for one in json.loads(LATEST.read_text())} if LATEST.is_file() else {}
    return Run(kept.get("idle_reads", 2), kept.get("idle_writes", 5), kept.get("idle_plaid_calls", 1))


WAVE = 3 / 16  # the mean of cos⁴ where it is above 0, over a day
CALM = (1 - LIFE.peak * WAVE) / (1 - WAVE)  # between the waves, so that a day's mean is 1


def runs_a_day(connections: float) -> float:
    """A run for each webhook, and for each poll of those that hear of nothing."""
    polls = DAY / poll_intervals.HEALTHY.total_seconds()
    return connections * ((1 - LIFE.silent) * LIFE.webhooks_a_day + LIFE.silent * polls)


def peak_runs(connections: float) -> float:
    """Runs a second in the busiest minute."""
    return runs_a_day(connections) / DAY * LIFE.peak


@dataclass(frozen=True)
class Backlog:
    """How a day went: the longest that a run waited, in seconds, and whether all were done at its end."""

    longest_wait: float
    done: bool


def day(connections: float, *, a_second: float) -> Backlog:
    """A day minute by minute: webhooks come in a wave, runs leave no faster than the narrowest limit lets them."""
    mean, waiting, longest = runs_a_day(connections) / (DAY / MINUTE), 0.0, 0.0
    for minute in range(2 * DAY // MINUTE):  # the second day shows what the first has left
        hour = (minute / 60) % 24
        arriving = mean * (CALM + (LIFE.peak - CALM) * max(0.0, math.cos((hour - 4) / 24 * 2 * math.pi)) ** 4)
        waiting = max(0.0, waiting + arriving - a_second * MINUTE)
        longest = max(longest, waiting / a_second)
    return Backlog(longest, done=waiting < mean)


def costs(connections: float, run: Run) -> dict[str, float]:
    """Dollars a month."""
    runs = runs_a_day(connections) * MONTH
    webhooks = connections * (1 - LIFE.silent) * LIFE.webhooks_a_day * MONTH
    new = connections * LIFE.new_a_month
    checks = connections * MONTH  # a look at each connection once a day
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
        + 2 * webhooks / 1e5 * PRICES.deletes_100k,  # of the inbox, and of the runs' records, when their time is over
        "storage": connections * stored * LIFE.bytes_a_row / 2**30 * PRICES.gib_month,
        "kms": (runs + checks + new) / 1e4 * PRICES.kms_10k,
        "tasks": 2 * (runs + webhooks + checks) / 1e6 * PRICES.million_tasks,  # adding one and handing it out count
    }


def bounds(run: Run) -> list[tuple[str, float, str]]:
    """What ends first: connections up to which each thing goes as it is, and what is done then."""
    a_connection = peak_runs(1)
    plaid = LIMITS.plaid_client_minute / MINUTE / run.plaid_calls
    return [
        (
            "the queue of syncs as it is set",
            min(LIMITS.queue_second, LIMITS.queue_at_once / run.seconds) / a_connection,
            "raise its rates, once Plaid has raised its own",
        ),
        ("the queue of the daily looks as it is set", LIMITS.checks_second * DAY, "raise its rate: Plaid allows it"),
        ("Plaid's calls a minute for one client", plaid / a_connection, "ask Plaid for more; nothing else helps"),
        (
            "`schedule_syncs` in one process, for polls and after an outage of an hour",
            LIMITS.swept_second
            * LIMITS.sweep_seconds
            / (LIFE.silent * TICK / poll_intervals.HEALTHY.total_seconds() + runs_a_day(1) / 24 * LIFE.peak),
            "a task for each page of what is due, as `monitor_connections` has them",
        ),
        (
            "`due_at`, an indexed time, in one range of keys",
            LIMITS.sequential_writes_second / (a_connection * run.state_writes),
            "a shard number before it: index (shard, due_at), one sweep a shard",
        ),
        (
            "`received_at` and `due_at` of the webhooks' inbox",
            LIMITS.sequential_writes_second / (a_connection * 2),
            "the same",
        ),
        ("one queue of Cloud Tasks", LIMITS.largest_queue_second / a_connection, "several queues, by the id's hash"),
    ]


def ramp(to: float) -> float:
    """Minutes until a new collection may take so many writes a second (500/50/5)."""
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
        waits = f"as set {_minutes(as_set)}; with 80 % of the peak's rate {_minutes(enough)}"
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
    print("\nwhat goes as it is up to            connections   and then")
    for what, most, then in sorted(bounds(run), key=lambda bound: bound[1]):
        print(f"  {most:>14,.0f}  {what}: {then}")
    first = LIMITS.plaid_client_minute / MINUTE * 500
    print(
        f"\nfirst syncs at Plaid's default limit write {first:,.0f} rows/s at most, "
        f"which 500/50/5 allows after {ramp(first):.0f} minutes"
    )


def _minutes(backlog: Backlog) -> str:
    return f"{backlog.longest_wait / 60:.0f} min" if backlog.done else "never done"


if __name__ == "__main__":
    main()
