"""The table of goals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from shared.domain.institution_health.selection import DEFAULT, DETECTORS


@dataclass(frozen=True, slots=True)
class Goal:
    """A measure with its goal: at most `most`, or at least `least`."""

    name: str
    path: tuple[str, ...]
    most: float | None = None
    least: float | None = None

    def met(self, value: float | None) -> bool:
        """Whether a value meets the goal. None means that nothing was declared."""
        if value is None:
            return False
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)


GOALS = (
    Goal("declared p50, n >= 100, minutes", ("declared_minutes_p50", "n_100"), most=15),
    Goal("declared p90, n >= 100, minutes", ("declared_minutes_p90", "n_100"), most=30),
    Goal("declared p50, n 30-99, minutes", ("declared_minutes_p50", "n_30"), most=30),
    Goal("declared p90, n 30-99, minutes", ("declared_minutes_p90", "n_30"), most=75),
    Goal("declared p50, n 10-29, minutes", ("declared_minutes_p50", "n_10"), most=60),
    Goal("declared p90, n 10-29, minutes", ("declared_minutes_p90", "n_10"), most=150),
    Goal("missed outages", ("missed",), most=0),
    Goal("partial outages of 30 % found", ("partial_found_share",), least=0.8),
    Goal("false down per 100 years, base <= 2 %", ("false_down_per_100_years", "up_to_0.02"), most=1),
    Goal("false down per 100 years, base 15.6 %", ("false_down_per_100_years", "0.156"), most=10),
    Goal("incidents of Plaid or ours blamed on a bank", ("wrong_scope",), most=0),
    Goal("false login prompts", ("false_login_prompts",), most=0),
    Goal("calls while down / without breaker", ("calls_while_down_ratio",), most=0.05),
    Goal("first sync after the end, p90, minutes", ("first_sync_minutes",), most=10),
    Goal("95 % caught up, p90, minutes", ("caught_up_95_minutes",), most=45),
    Goal("peak rate / usual rate", ("peak_rate_ratio",), most=2),
)
OWN = ("false_login_prompts", "calls_while_down_ratio", "first_sync_minutes", "caught_up_95_minutes", "peak_rate_ratio")
"""Measures of the recovery, which no rival has."""

LIMIT = "limit"
"""What nothing could beat: the first moment at which any call or Plaid's status could feel an outage."""


def value_at(measures: Mapping[str, Any], path: tuple[str, ...]) -> float | None:
    """A measure by its path; None if it is missing."""
    value: Any = measures
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, int | float) else None


def show(contestants: Mapping[str, Mapping[str, Any]]) -> bool:
    """Prints all goals and what each contestant achieved; whether the detector that ships meets all goals."""
    table = Table("measure", "goal", *contestants, "met")
    met = True
    for goal in GOALS:
        ours = goal.met(value_at(contestants[DEFAULT], goal.path))
        met = met and ours
        limit = f"<= {goal.most:g}" if goal.most is not None else f">= {goal.least:g}"
        values = (_cell(name, measures, goal) for name, measures in contestants.items())
        table.add_row(goal.name, limit, *values, "yes" if ours else "NO")
    Console(width=200).print(table)
    years = contestants[DEFAULT].get("quiet_years", {})
    print("quiet institution-years by base error:", ", ".join(f"{base}: {count}" for base, count in years.items()))
    incidents, storms = contestants[DEFAULT].get("shared_incidents"), contestants[DEFAULT].get("login_storms")
    missed = contestants[DEFAULT]["missed_outages"]
    print(f"{incidents} incidents of Plaid or ours, {storms} login storms, missed: {missed}")
    return met


def _cell(name: str, measures: Mapping[str, Any], goal: Goal) -> str:
    value = value_at(measures, goal.path)
    if name not in DETECTORS and goal.path[0] in OWN:
        return ""
    return "-" if value is None else f"{value:g}"
