"""The evaluation keeps its results, so that an interrupted one resumes."""

import math
from pathlib import Path

import pytest

from benchmarks.health import evaluation
from benchmarks.health.evaluation import Job, jobs
from benchmarks.health.measure import Tally
from benchmarks.health.rivals import RIVALS
from benchmarks.health.scenario import HELD_OUT
from benchmarks.health.table import LIMIT
from shared.domain.institution_health.selection import DETECTORS


def tally() -> Tally:
    some = Tally(missed=["one"], partial=[True, False], incidents=2, calls=1.5, peaks=[1.2], minutes=10)
    some.delays["n_100"] += [3.5, math.inf]
    some.quiet_minutes[0.0144] += 525_600
    some.false_down[0.0144] += 1
    return some


def test_kept_result_is_read_again_instead_of_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "KEPT", tmp_path)
    monkeypatch.setattr(evaluation, "jobs", lambda **_: [Job("quiet", 1, "rule"), Job("quiet", 2, "rule")])
    monkeypatch.setattr(evaluation, "tally_of", lambda *_: tally())
    for job in evaluation.jobs(quick=True, first=1):
        evaluation.run(job)
    monkeypatch.delattr(evaluation, "tally_of")
    found = evaluation.evaluate(quick=True)["rule"].as_object()
    expected = tally()
    expected.add(tally())
    assert found == expected.as_object()
    assert found["false_down_per_100_years"]["0.0144"] == 100
    assert found["declared_minutes_p90"]["n_100"] is None


def test_change_of_the_learned_weights_does_not_measure_the_rule_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in evaluation._USED:
        (tmp_path / folder).mkdir(parents=True)
        for file in (evaluation.ROOT / folder).glob("*.*"):
            (tmp_path / folder / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(evaluation, "ROOT", tmp_path)

    def digests() -> tuple[str, str]:
        evaluation._digest.cache_clear()
        return evaluation._digest(learned=False), evaluation._digest(learned=True)

    domain = tmp_path / "shared/domain/institution_health"
    before = digests()
    (domain / "detector.py").write_text((domain / "detector.py").read_text("utf-8") + "\n# a comment\n", "utf-8")
    assert digests() == before
    (domain / "weights.json").write_text("{}", "utf-8")
    assert digests()[0] == before[0]
    assert digests()[1] != before[1]
    (domain / "detector.py").write_text("CHANGED = True\n", "utf-8")
    assert digests()[0] != before[0]
    monkeypatch.undo()
    evaluation._digest.cache_clear()


def test_evaluation_covers_all_contestants_and_a_thousand_quiet_years_on_held_out_seeds() -> None:
    wanted = jobs(quick=False)
    assert {job.contestant for job in wanted} == {*DETECTORS, *RIVALS, LIMIT}
    assert all(job.seed >= HELD_OUT for job in wanted)
    for name in DETECTORS:
        assert 40 * sum(job.contestant == name and job.kind == "quiet" for job in wanted) >= 1000
