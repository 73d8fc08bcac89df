"""Judges the health of an institution by a learned model: logistic regression on the evidence that the rule uses, too.

The model only replaces the decision whether unusual failures are an outage. What makes a bank suspected, how an outage
ends and whose fault it is are the rule's. `python -m benchmarks.train_detector` makes the weights; here they are
evaluated without a library, because importing one takes longer than a cold start of the backend may.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from shared.domain.institution_health.counting import Count, counts, readings, sampled
from shared.domain.institution_health.detector import UNHEALTHY, USERS, Finding, decide, find, plaid_says
from shared.domain.institution_health.evidence import LONGEST_WINDOW, Evidence, HealthState, Reading, Verdict

WEIGHTS = Path(__file__).with_name("weights.json")
VERSION = 2
FEATURES = (
    "share",  # of the failing connections, since the most unusual failure
    "surprise",  # how unusual they are: minus the logarithm of the tail
    "live_surprise",  # the same of live calls alone
    "failing",
    "newest",  # the share of the newest five readings that failed
    "trend",  # how much more they fail than all readings
    "plaid_down",
    "plaid_delayed",
    "since_worked",  # the time since the newest reading that worked
    "size",
    "usual",  # the usual share of failures
)
_NEWEST = 5
_MOST_SURPRISE = 20.0
_DECLARED_FAILING = 3


@dataclass(frozen=True, slots=True)
class Head:
    """One question to the model: its weights, and the score above which the answer is yes."""

    weights: tuple[float, ...]
    bias: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Model:
    """The learned weights.

    Attributes:
        mean, scale: They standardize the features.
        down: Whether at least half of the connections have an outage.
        degraded: Whether any part of the connections has one.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    down: Head
    degraded: Head

    def score(self, head: Head, features: Sequence[float]) -> float:
        """The logarithm of the odds that the answer is yes."""
        values = zip(head.weights, features, self.mean, self.scale, strict=True)
        return head.bias + sum(weight * (value - mean) / scale for weight, value, mean, scale in values)


def parse(content: Mapping[str, Any]) -> Model:
    """A model from the object in its file.

    Raises:
        ValueError: The file is of another version, or was trained on other features.
    """
    if content["version"] != VERSION or tuple(content["features"]) != FEATURES:
        raise ValueError("the weights were trained for another version: run `make train-detector`")
    return Model(tuple(content["mean"]), tuple(content["scale"]), _head(content["down"]), _head(content["degraded"]))


def _head(content: Mapping[str, Any]) -> Head:
    return Head(tuple(content["weights"]), content["bias"], content["threshold"])


@cache
def model() -> Model:
    """The model that ships with the backend; read on first use only."""
    return parse(json.loads(WEIGHTS.read_text(encoding="utf-8")))


def judge(evidence: Evidence, previous: Verdict | None) -> Verdict:
    """Judges an institution; the arguments and the answer are those of the rule's `judge`."""
    newest = readings(evidence, previous.ignore_before if previous else None)
    return decide(evidence, newest, _find(evidence, newest, model()), previous)


def _find(evidence: Evidence, newest: list[Reading], by: Model) -> Finding:
    found = find(evidence, newest)
    strongest = most_unusual(counts(evidence, sampled(newest)))
    plaid = plaid_says(evidence)
    several = strongest.failing >= _DECLARED_FAILING and strongest.users >= USERS
    supported = plaid is not HealthState.HEALTHY and bool(newest) and newest[0].failed
    if several or supported:
        values = features(evidence, newest)
        if by.score(by.down, values) > by.down.threshold:
            return Finding(HealthState.DOWN, "many_failures" if several else "failures_and_plaid", strongest)
        if by.score(by.degraded, values) > by.degraded.threshold:
            return Finding(HealthState.DEGRADED, "some_failures" if several else "failures_and_plaid", strongest)
    if found.state in UNHEALTHY:
        return replace(found, state=HealthState.SUSPECTED, reason="first_failures")
    return found


def most_unusual(counted: list[Count]) -> Count:
    """The count that chance explains least."""
    return min(counted, key=lambda count: count.tail, default=Count())


def features(evidence: Evidence, newest: list[Reading]) -> tuple[float, ...]:
    """The values of FEATURES. They name neither connections nor users."""
    known = sampled(newest)  # of the others mostly failures are known: they would look like an outage
    counted = counts(evidence, known)
    strongest = most_unusual(counted)
    live = most_unusual(counts(evidence, [reading for reading in known if reading.live]))
    recent = [reading.failed for reading in known[:_NEWEST]]
    failing_now = sum(recent) / len(recent) if recent else 0.0
    plaid = plaid_says(evidence)
    worked = next((evidence.now - reading.at for reading in known if not reading.failed), LONGEST_WINDOW)
    return (
        strongest.share,
        _surprise(strongest),
        _surprise(live),
        math.log1p(strongest.failing),
        failing_now,
        failing_now - counted[-1].share,
        float(plaid is HealthState.DOWN),
        float(plaid is HealthState.DEGRADED),
        math.log1p(worked / timedelta(minutes=1)),
        math.log10(max(evidence.connections, 1)),
        evidence.baseline.share,
    )


def _surprise(count: Count) -> float:
    return min(-math.log10(count.tail), _MOST_SURPRISE) if count.tail > 0 else _MOST_SURPRISE
