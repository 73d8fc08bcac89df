"""`python -m benchmarks.train_detector --seed N`: trains the learned detector and writes its weights.

Logistic regression with scikit-learn, on replays with known outages that the rule judged. The seeds lie below those of
the evaluation. Thresholds lie above the highest score of any moment without an outage. The solver converges far beyond
the digits that are kept, so that the same seed gives the same file.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from benchmarks.health import scenario
from benchmarks.health.drive import Backend
from benchmarks.health.measure import AFTERMATH
from benchmarks.health.replay import SHARED, START, Outage
from emulators.lifecycle import end_with_parent
from shared.domain.institution_health import detector
from shared.domain.institution_health.counting import readings
from shared.domain.institution_health.detector import UNHEALTHY
from shared.domain.institution_health.evidence import Evidence, Verdict
from shared.domain.institution_health.learned import FEATURES, VERSION, WEIGHTS, features

REPLAYS = 4
MARGIN = 1.0
DIGITS = 6
HALF = 0.5


@dataclass
class Samples:
    """Moments at which the rule judged a bank that was not known to be unhealthy.

    Attributes:
        values: The features of each.
        shares: The share of connections with an outage then; 0 without one.
    """

    values: list[tuple[float, ...]] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)


def collect(seed: int) -> Samples:
    """The samples of one replay. Moments at which the truth is ambiguous are left out."""
    samples, replay = Samples(), scenario.training(seed)
    outages = {bank.institution_id: bank.outages for bank in replay.banks}

    def recording(evidence: Evidence, previous: Verdict | None) -> Verdict:
        at = (evidence.now - START).total_seconds() / 60
        share = share_at(outages[evidence.institution_id], replay.shared, at)
        if share is not None and (previous is None or previous.state not in UNHEALTHY):
            newest = readings(evidence, previous.ignore_before if previous else None)
            samples.values.append(features(evidence, newest))
            samples.shares.append(share)
        return detector.judge(evidence, previous)

    Backend(replay, seed, recording).run()
    return samples


def share_at(own: Sequence[Outage], shared: Sequence[Outage], at: float) -> float | None:
    """The share of the bank's connections with an outage; None in an hour after one, or while Plaid has an incident."""
    if any(one.start <= at < one.end + AFTERMATH for one in (*own, *shared) if one.scope in SHARED):
        return None
    felt = [one for one in own if one.scope not in {"login", *SHARED}]
    now = [one.share for one in felt if one.start <= at < one.end]
    if now:
        return max(now)
    return None if any(one.end <= at < one.end + AFTERMATH for one in felt) else 0.0


def train(samples: Samples) -> dict[str, Any]:
    """The content of the file of weights."""
    # scikit-learn loads for seconds, which only a training should cost: tests import this module, too.
    import numpy as np
    from sklearn.preprocessing import StandardScaler

    values, shares = np.array(samples.values), np.array(samples.shares)
    scaler = StandardScaler().fit(values)
    return {
        "version": VERSION,
        "features": list(FEATURES),
        "mean": [_rounded(value) for value in scaler.mean_],
        "scale": [_rounded(value) for value in scaler.scale_],
        "down": _head(scaler.transform(values), shares >= HALF, shares == 0),
        "degraded": _head(scaler.transform(values), shares > 0, shares == 0),
    }


def _head(values: Any, answers: Any, quiet: Any) -> dict[str, Any]:
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-10, max_iter=1000).fit(values, answers)
    highest = fitted.decision_function(values[quiet]).max()
    return {
        "weights": [_rounded(weight) for weight in fitted.coef_[0]],
        "bias": _rounded(fitted.intercept_[0]),
        "threshold": _rounded(highest + MARGIN),
    }


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def written(content: dict[str, Any], seed: int) -> str:
    """The file's text."""
    return json.dumps(content | {"seed": seed}, indent=2) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train_detector", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first of the replays' seeds")
    seed = parser.parse_args(arguments).seed
    if not 0 < seed <= scenario.HELD_OUT - REPLAYS:
        print(f"use a seed from 1 to {scenario.HELD_OUT - REPLAYS}: the others are for the evaluation", file=sys.stderr)
        return 2
    samples = Samples()
    with ProcessPoolExecutor(os.cpu_count(), initializer=end_with_parent) as workers:
        for found in workers.map(collect, range(seed, seed + REPLAYS)):
            samples.values += found.values
            samples.shares += found.shares
            print(f"{len(samples.shares)} samples, {sum(map(bool, samples.shares))} of them in outages", flush=True)
    WEIGHTS.write_text(written(train(samples), seed), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
