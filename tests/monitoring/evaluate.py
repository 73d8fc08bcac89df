"""Evaluates a log as Cloud Logging and Cloud Monitoring do, for the features that deploy/monitoring uses.

Log filters: https://cloud.google.com/logging/docs/view/logging-query-language. Conditions:
https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.alertPolicies. A distribution keeps only the number of
values in each bucket: https://cloud.google.com/monitoring/api/v3/distribution-metrics. The given lines count as
everything that was logged within each of a policy's windows.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Line = dict[str, Any]
SEVERITIES = ("DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL")
RESOURCE = "cloud_run_revision"  # the log name of second-generation functions

_TERM = re.compile(r"([\w.]+)\s*(>=|<=|=|>|<)\s*(\([^()]*\)|\"[^\"]*\"|[^\s()\"]+)\s*(?:AND\s+|$)")
_METRIC = re.compile(r"metric\.type=\"logging\.googleapis\.com/user/(\w+)\"")
_LABEL = re.compile(r"metric\.labels\.(\w+)=(\"[^\"]*\"|one_of\([^)]*\))")


@dataclass(frozen=True)
class Point:
    """What one line adds to a metric."""

    labels: dict[str, str]
    value: float


def lines(text: str) -> Iterator[Line]:
    """The functions' own lines in the log of the local stack."""
    for line in text.splitlines():
        _, begins, rest = line.partition("{")
        if line.startswith(">") and begins:
            try:
                yield json.loads(begins + rest)
            except ValueError:
                continue


def matches(log_filter: str, line: Line) -> bool:
    """Whether a filter of Cloud Logging matches a line."""
    at = 0
    while at < len(log_filter):
        term = _TERM.match(log_filter, at)
        assert term, f"cannot be read: {log_filter[at:]}"
        if not _holds(line, *term.groups()):
            return False
        at = term.end()
    return True


def _holds(line: Line, field: str, operator: str, value: str) -> bool:
    if field == "resource.type":
        return value == f'"{RESOURCE}"'
    if field == "severity":
        return SEVERITIES.index(line["severity"]) >= SEVERITIES.index(value)
    found = line.get(field.removeprefix("jsonPayload."))
    if found is None:  # a comparison with a missing field never holds
        return False
    wanted = [json.loads(one) for one in re.split(r"\s+OR\s+", value.strip("()"))]
    if operator == "=":
        return any(found == one for one in wanted)
    compare: dict[str, Callable[[Any, Any], bool]] = {
        ">=": lambda a, b: a >= b,
        "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b,
        "<": lambda a, b: a < b,
    }
    return compare[operator](found, wanted[0])


def points(metric: dict[str, Any], log: Iterable[Line]) -> list[Point]:
    """The points that a log-based metric extracts from a log."""
    found = []
    for line in log:
        if not matches(metric["filter"], line):
            continue
        labels = {name: _text(_extracted(how, line)) for name, how in metric["labelExtractors"].items()}
        value = _extracted(metric["valueExtractor"], line) if "valueExtractor" in metric else 1
        if isinstance(value, int | float):  # a value that is not a number is left out
            found.append(Point(labels, float(value)))
    return found


def _extracted(how: str, line: Line) -> Any:
    field = re.fullmatch(r"EXTRACT\(jsonPayload\.(\w+)\)", how)
    assert field, how
    return line.get(field[1])


def _text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def series(monitoring_filter: str, metrics: dict[str, Any], log: list[Line]) -> list[float]:
    """The values of the series that a condition's filter selects."""
    named = _METRIC.search(monitoring_filter)
    assert named, monitoring_filter
    wanted = {name: re.findall(r"\"([^\"]*)\"", value) for name, value in _LABEL.findall(monitoring_filter)}
    metric = metrics[named[1]]
    assert wanted.keys() <= metric["labelExtractors"].keys(), f"{named[1]} has no such labels: {wanted}"
    return [p.value for p in points(metric, log) if all(p.labels[name] in values for name, values in wanted.items())]


def fires(policy: dict[str, Any], metrics: dict[str, Any], log: list[Line]) -> bool:
    """Whether a policy's condition holds, if the log's state continues."""
    held = [_condition(one, metrics, log) for one in policy["conditions"]]
    return all(held) if policy["combiner"] == "AND" else any(held)


def _condition(condition: dict[str, Any], metrics: dict[str, Any], log: list[Line]) -> bool:
    if "conditionAbsent" in condition:
        return not series(condition["conditionAbsent"]["filter"], metrics, log)
    threshold = condition["conditionThreshold"]
    values = series(threshold["filter"], metrics, log)
    if not values:
        return False
    bounds = _bounds(threshold["filter"], metrics)
    reduced = _reduced(threshold["aggregations"][0]["crossSeriesReducer"], values, bounds)
    if "denominatorFilter" in threshold:
        all_ = series(threshold["denominatorFilter"], metrics, log)
        if not all_:
            return False
        reduced /= _reduced(threshold["denominatorAggregations"][0]["crossSeriesReducer"], all_, [])
    assert threshold["comparison"] == "COMPARISON_GT"
    return bool(reduced > threshold["thresholdValue"])


def _bounds(monitoring_filter: str, metrics: dict[str, Any]) -> list[float]:
    """The edges of the buckets of a condition's metric; none for a counter."""
    named = _METRIC.search(monitoring_filter)
    assert named, monitoring_filter
    options = metrics[named[1]].get("bucketOptions")
    return [float(bound) for bound in options["explicitBuckets"]["bounds"]] if options else []


def _reduced(reducer: str, values: list[float], bounds: list[float]) -> float:
    if reducer == "REDUCE_SUM":
        assert not bounds, "the sum of distributions is a distribution, which no threshold can be compared with"
        return sum(values)
    wanted = re.fullmatch(r"REDUCE_PERCENTILE_(\d+)", reducer)
    assert wanted, reducer
    return percentile(values, bounds, int(wanted[1]))


def percentile(values: Iterable[float], bounds: Sequence[float], percent: int) -> float:
    """The estimate from a histogram: the values of a bucket count as evenly spread between its two edges.

    A bucket includes its lower edge. The first and the last bucket have one edge, which is then the estimate.
    """
    counts = [0] * (len(bounds) + 1)
    for value in values:
        counts[bisect_right(bounds, value)] += 1
    rank, before = sum(counts) * percent / 100, 0
    for number, count in enumerate(counts):
        if count and before + count >= rank:
            lower, upper = bounds[max(0, number - 1)], bounds[min(number, len(bounds) - 1)]
            return lower + (upper - lower) * (rank - before) / count
        before += count
    raise ValueError("no values")
