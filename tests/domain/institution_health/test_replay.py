"""The evaluation drives the real detector and recovery plan through a small replay."""

import json
from pathlib import Path

import pytest

from benchmarks.health.__main__ import main
from benchmarks.health.evaluation import tally_of
from benchmarks.health.replay import Replay
from benchmarks.health.replay_file import parse
from benchmarks.health.rivals import RIVALS
from benchmarks.health.table import GOALS, LIMIT, show, value_at

OUTAGE = {"start": 4000, "end": 4300}
CONTENT = {
    "days": 6,
    "seeds": [3],
    "institutions": [
        {"size": 300, "base_error": 0.0144, "outages": [OUTAGE], "reports_status": True},
        {"size": 150, "base_error": 0.005, "outages": [{"start": 1500, "end": 1590, "share": 0.6, "scope": "login"}]},
        {"size": 400, "base_error": 0.0144},
        {"size": 300, "base_error": 0.002},
        {"size": 200, "base_error": 0.0144},
    ],
    "shared": [{"start": 6500, "end": 6700, "share": 1.0, "scope": "keys"}],
}


@pytest.fixture(scope="module")
def replay() -> Replay:
    return parse(CONTENT)


def test_outage_is_declared_and_recovered_from_and_no_other_bank_is_blamed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "replay.json"
    file.write_text(json.dumps(CONTENT), encoding="utf-8")
    assert main(["--replay", str(file)]) == 0
    measures = json.loads(capsys.readouterr().out)
    assert 0 < measures["declared_minutes_p90"]["n_100"] <= 60
    assert measures["missed"] == 0
    assert measures["false_down_per_100_years"]["up_to_0.02"] == 0
    assert (measures["wrong_scope"], measures["shared_incidents"]) == (0, 1)
    assert (measures["false_login_prompts"], measures["login_storms"]) == (0, 1)
    assert 0 <= measures["first_sync_minutes"] <= measures["caught_up_95_minutes"] <= 120
    assert 0 < measures["calls_while_down_ratio"] < 1


def test_every_rival_runs_in_the_same_replay_and_the_table_shows_all(
    replay: Replay, capsys: pytest.CaptureFixture[str]
) -> None:
    measured = {name: tally_of(replay, 3, name).as_object() for name in ("rule", "learned", LIMIT, *RIVALS)}
    show(measured)
    printed = capsys.readouterr().out
    assert all(name in printed for name in measured)
    assert value_at(measured["window"], ("declared_minutes_p50", "n_100")) is not None
    assert measured["window"]["wrong_scope"] == 1  # a rival that looks at one bank alone blames it


def test_goals_name_measures_that_exist(replay: Replay) -> None:
    measures = tally_of(replay, 3, "rule").as_object()
    assert all(goal.path[0] in measures for goal in GOALS)
