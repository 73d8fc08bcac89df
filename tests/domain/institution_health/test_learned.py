"""The learned detector: its weights evaluated without a library, and its limits."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import train_detector
from benchmarks.health.replay import Outage
from benchmarks.train_detector import Samples, share_at, train, written
from shared.domain.institution_health import detector
from shared.domain.institution_health.counting import readings
from shared.domain.institution_health.evidence import Baseline, Evidence, HealthState, Outcome, PlaidStatus, Verdict
from shared.domain.institution_health.learned import FEATURES, WEIGHTS, Head, Model, features, judge, model, parse
from shared.domain.institution_health.selection import DEFAULT, DETECTORS, detector_named
from shared.settings import Settings

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
UNHEALTHY = {HealthState.DOWN, HealthState.DEGRADED}


def outcomes(failing: int, working: int, users: int = 1000) -> tuple[Outcome, ...]:
    failed = (
        Outcome(f"c{n}", f"u{n % users}", NOW - timedelta(seconds=20 * n), failed=True, live=True)
        for n in range(failing)
    )
    worked = (
        Outcome(f"w{n}", f"w{n}", NOW - timedelta(minutes=21 + n), failed=False, live=True) for n in range(working)
    )
    return (*failed, *worked)


def evidence(failing: int, working: int, users: int = 1000, plaid: PlaidStatus | None = None) -> Evidence:
    usual = Baseline(failed=5, seen=450)
    return Evidence("ins_1", NOW, 300, outcomes(failing, working, users), plaid=plaid, baseline=usual)


def drawn(count: int, seed: int = 1) -> list[tuple[float, ...]]:
    choice = random.Random(seed)
    return [tuple(choice.gauss(0, 3) for _ in FEATURES) for _ in range(count)]


def as_scikit_learn(weights: Model, head: Head) -> tuple[Any, Any]:
    """The fitted objects of scikit-learn that these weights are; imported here, as every worker imports this file."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler, fitted = StandardScaler(), LogisticRegression()
    scaler.mean_, scaler.scale_ = np.array(weights.mean), np.array(weights.scale)
    scaler.n_features_in_ = len(FEATURES)
    fitted.coef_, fitted.intercept_ = np.array([head.weights]), np.array([head.bias])
    fitted.classes_ = np.array([False, True])
    return scaler, fitted


@pytest.mark.parametrize("head", ["down", "degraded"])
def test_shipped_weights_give_the_scores_of_scikit_learn(head: str) -> None:
    weights: Head = getattr(model(), head)
    scaler, fitted = as_scikit_learn(model(), weights)
    values = drawn(500) + [features(evidence(k, n), readings(evidence(k, n))) for k in range(9) for n in range(9)]
    expected = fitted.decision_function(scaler.transform(values))
    assert [model().score(weights, one) for one in values] == pytest.approx(list(expected), rel=1e-9, abs=1e-9)


def test_exported_model_answers_as_the_one_that_was_trained() -> None:
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    values = drawn(2000)
    shares = [(0.0, 0.3, 1.0)[(one[0] > 1) + (one[0] > 3)] for one in values]
    content = train(Samples(values, shares))
    exported = parse(json.loads(written(content, 1)))
    scaler = StandardScaler().fit(np.array(values))
    fitted = LogisticRegression(solver="newton-cholesky", tol=1e-10, max_iter=1000)
    fitted.fit(scaler.transform(np.array(values)), np.array(shares) >= 0.5)
    others = drawn(500, seed=2)
    expected = list(fitted.decision_function(scaler.transform(np.array(others))))
    assert [exported.score(exported.down, one) for one in others] == pytest.approx(expected, rel=1e-3, abs=1e-2)
    quiet = [exported.score(exported.down, one) for one, share in zip(values, shares, strict=True) if not share]
    assert max(quiet) < exported.down.threshold


def test_training_again_gives_the_same_file() -> None:
    samples = Samples(drawn(500), [float(one[0] > 0) for one in drawn(500)])
    assert written(train(samples), 1) == written(train(samples), 1)


def test_seeds_of_the_evaluation_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    before = WEIGHTS.read_bytes()
    assert train_detector.main(["--seed", "1000"]) == 2
    assert "evaluation" in capsys.readouterr().err
    assert WEIGHTS.read_bytes() == before


def test_moments_after_an_outage_and_shared_incidents_are_not_trained_on() -> None:
    own = [Outage(100, 200, 0.6), Outage(500, 600, 1.0, "login")]
    shared = [Outage(1000, 1100, 1.0, "plaid")]
    shares = [share_at(own, shared, at) for at in (50, 100, 199, 200, 259, 260, 550, 1000, 1159, 1160)]
    assert shares == [0, 0.6, 0.6, None, None, 0, 0, None, None, 0]


def test_weights_of_another_version_or_other_features_are_refused() -> None:
    content = json.loads(WEIGHTS.read_text("utf-8"))
    for change in ({"version": 0}, {"features": list(FEATURES[1:])}):
        with pytest.raises(ValueError, match="train-detector"):
            parse(content | change)


def test_failures_of_several_users_in_a_row_are_an_outage() -> None:
    verdict = judge(evidence(10, 30), None)
    assert (verdict.state, verdict.reason) == (HealthState.DOWN, "many_failures")


def test_usual_failures_are_no_outage_and_the_first_unusual_one_is_suspected() -> None:
    assert judge(evidence(0, 30), None).state is HealthState.HEALTHY
    assert judge(evidence(1, 30), None).state is HealthState.SUSPECTED


def test_ends_of_outages_are_judged_as_by_the_rule() -> None:
    down = Verdict(HealthState.DOWN, None, NOW - timedelta(hours=2), calm_since=NOW - timedelta(minutes=15))
    works = Evidence(
        "ins_1", NOW, 300, tuple(Outcome(f"c{n}", f"u{n}", NOW, failed=False, live=True) for n in range(5))
    )
    assert judge(works, down).state is detector.judge(works, down).state is HealthState.HEALTHY


@given(st.integers(1, 200), st.integers(0, 60), st.integers(1, 2))
def test_one_or_two_users_never_take_a_bank_down(connections: int, others: int, users: int) -> None:
    assert judge(evidence(connections, others, users), None).state not in UNHEALTHY


@given(st.integers(0, 20), st.integers(0, 20), st.randoms())
def test_order_of_outcomes_does_not_matter(failing: int, working: int, order: random.Random) -> None:
    known = evidence(failing, working)
    shuffled = list(known.outcomes)
    order.shuffle(shuffled)
    mixed = Evidence("ins_1", NOW, 300, tuple(shuffled), baseline=known.baseline)
    assert judge(mixed, None) == judge(known, None)


def test_plaid_alone_declares_nothing() -> None:
    assert judge(evidence(0, 30, plaid=PlaidStatus(NOW, 0.1, 0.0, 0.9)), None).state is HealthState.SUSPECTED


def test_setting_names_each_detector_and_defaults_to_the_one_that_ships() -> None:
    setting = Settings.model_fields["detector"]
    assert set(get_args(setting.annotation)) == set(DETECTORS)
    assert setting.default == DEFAULT
    assert detector_named("learned") is judge
    assert detector_named("rule") is detector.judge
