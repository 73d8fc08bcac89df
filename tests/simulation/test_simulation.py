"""A fixed set of seeds in every run of the tests; `make simulate` and `make soak` run as many as wanted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.actions import ACTIONS, WEIGHTS
from tests.simulation.run import run
from tests.simulation.scenario import QUIET_EVERY, QUIET_FOR, Event, Scenario, is_quiet, write
from tests.simulation.world import World

ROOT = Path(__file__).parents[2]
SEEDS = (1, 11)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_user_year_violates_no_invariant(seed: int) -> None:
    result = run(write(seed, WEIGHTS))
    assert result.violations == ()
    assert result.events >= 500 * result.scenario.user_years, "years must not be bought with silence"


def test_the_same_seed_gives_the_same_log_in_every_process(tmp_path: Path) -> None:
    """Also if sets of strings are ordered differently."""
    scenario = tmp_path / "scenario.json"
    scenario.write_text(write(3, WEIGHTS, users=2, days=20).dumps())

    def log(name: str) -> bytes:
        path = tmp_path / name
        command = [sys.executable, "-m", "tests.simulation", "--scenario", str(scenario), "--log", str(path)]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": name})
        return path.read_bytes()

    assert log("1") == log("2") != b""


def test_leaving_an_event_out_does_not_change_the_choices_of_the_others() -> None:
    scenario = write(5, WEIGHTS)
    assert [event.chance().random() for event in scenario.events[1:]] == [
        event.chance().random() for event in scenario.only(scenario.events[1:]).events
    ]


def test_a_scenario_survives_its_file() -> None:
    scenario = write(6, WEIGHTS)
    assert Scenario.loads(scenario.dumps()) == scenario


def test_nothing_happens_in_quiet_times_and_every_action_happens_at_some_time() -> None:
    scenarios = [write(seed, WEIGHTS) for seed in range(40)]
    assert {event.action for scenario in scenarios for event in scenario.events} == set(ACTIONS)
    assert not any(is_quiet(event.at) for scenario in scenarios for event in scenario.events)
    assert is_quiet(QUIET_EVERY + 1)
    assert is_quiet(QUIET_EVERY + QUIET_FOR)  # when the world is checked
    assert min([Event(2, "b", 0, 0), Event(1, "c", 0, 0)]).action == "c"


def test_a_mistake_in_an_action_is_reported_with_its_world_and_does_not_end_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def mistaken(world: World, event: Event) -> None:
        raise ValueError(f"no such bank, asked by user {event.user}")

    monkeypatch.setitem(ACTIONS, "merger", mistaken)
    result = run(Scenario(seed=1, users=1, days=20, events=(Event(60, "merger", 0, 7),)))
    [violation] = result.violations
    assert "the simulation failed" in violation
    assert "no such bank, asked by user 0" in violation
