"""The rows of the table: their goals and results, and the file that stores them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

LATEST = Path(__file__).with_name("latest.json")


@dataclass(frozen=True)
class Goal:
    """The goal of a row."""

    row: str
    what: str
    most: float | None = None
    least: float | None = None
    unit: str = "x"

    def is_met(self, value: float) -> bool:
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)

    def __str__(self) -> str:
        sign, bound = (">=", self.least) if self.least is not None else ("<=", self.most)
        return f"{sign} {bound:g}" if self.most != self.least else f"{bound:g}"


@dataclass(frozen=True)
class Result:
    """The result of a row.

    `detail` holds absolute values, which mean little on other machines. `flaw` says why the row fails although its
    value meets the goal.
    """

    row: str
    value: float
    detail: str
    flaw: str | None = None


GOALS = (
    Goal("sync_vs_naive", "first sync, rows/s : typed answers, a set per document", least=25),
    Goal("sync_vs_batch", "first sync, rows/s : typed answers, WriteBatch of 500", least=15),
    Goal("sync_vs_floor", "first sync, rows/s : the same bytes moved without logic", least=0.9),
    Goal("memory_growth", "peak memory, 50,000 rows : 5,000 rows", most=1.15),
    Goal("writes_per_row", "documents written : transactions, first sync", most=1.01),
    Goal("idle_plaid_calls", "a sync with nothing new", most=1, least=1, unit="calls"),
    Goal("idle_reads", "a sync with nothing new", most=2, unit="documents"),
    Goal("idle_commits", "a sync with nothing new", most=2, unit="commits"),
    Goal("idle_writes", "a sync with nothing new", most=5, unit="documents"),
    Goal("unchanged_rewrites", "`modified` rows that did not change, written again", most=0, unit="documents"),
    Goal("holdings_vs_naive", "first read of holdings, rows/s : typed answers, a set per document", least=5),
    Goal("product_unchanged_plaid_calls", "a product with nothing new", most=1, least=1, unit="calls"),
    Goal("product_unchanged_reads", "a product with nothing new", most=3, unit="documents"),
    Goal("product_unchanged_commits", "a product with nothing new", most=1, unit="commits"),
    Goal("product_unchanged_writes", "a product with nothing new", most=2, unit="documents"),
    Goal("cold_import_worst", "the slowest function's cold import : https_fn + Firestore", most=1.35),
    Goal("cold_memory_worst", "the largest function's memory : https_fn + Firestore", most=1.35),
    Goal("link_token_p50", "warm, under gunicorn : verify a token, read a document", most=4),
    Goal("exchange_p50", "warm, under gunicorn : verify a token, read a document", most=8),
    Goal("sweep_reads", "documents read : connections due, of 100,000", most=1.01),
    Goal("purge_vs_floor", "purge of 50,000 rows, rows/s : a query for the names, batched deletes", least=0.8),
)
BY_ROW = {goal.row: goal for goal in GOALS}


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def show(results: Sequence[Result]) -> bool:
    """Prints the table.

    Returns:
        Whether every goal is met.
    """
    met = True
    print(f"\n{'row':<20} {'value':>8} {'goal':>9}      what it compares, and details")
    for result in results:
        goal = BY_ROW[result.row]
        good = goal.is_met(result.value) and result.flaw is None
        met = met and good
        print(f"{goal.row:<20} {result.value:>8.3g} {goal!s:>9}  {'ok' if good else 'NO'}  {goal.what}")
        print(f"{'':<45}{result.detail}")
        if result.flaw is not None:
            print(f"{'':<45}{result.flaw}")
    return met


def keep(results: Sequence[Result]) -> None:
    """Writes the file; rows that were not measured this time keep their values."""
    before = json.loads(LATEST.read_text(encoding="utf-8")) if LATEST.is_file() else []
    kept = {one["row"]: one for one in before if one["row"] in BY_ROW}
    for result in results:
        kept[result.row] = {"row": result.row, "value": round(result.value, 4), "unit": BY_ROW[result.row].unit}
    ordered = [kept[goal.row] for goal in GOALS if goal.row in kept]
    LATEST.write_text("[\n" + ",\n".join(f"  {json.dumps(one)}" for one in ordered) + "\n]\n", encoding="utf-8")
