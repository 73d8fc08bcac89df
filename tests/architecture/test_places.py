"""Which tests run in parallel, and on which ports their stacks listen."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from emulators.ports import Ports, StackError
from tests.places import (
    EMULATOR_FREE,
    GROUPS,
    HIGHEST_PORT,
    LATE,
    WORKERS,
    group_of,
    offset_number,
    offsets,
    place_of,
    scope_of,
)

TESTS = Path(__file__).parent.parent
STACKS = 12  # at most four workers with a full stack, four with Firestore only, and the commands that tests start


@pytest.mark.parametrize("base", [0, 1100, 1200, 9000, 11_000, 15_800, 23_200, 31_000, 50_000])
def test_parallel_stacks_share_no_port(base: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT_OFFSET", str(base))
    chosen = list(islice(offsets(), STACKS))
    assert chosen[0] == base
    ports = [port for offset in chosen for _, port in Ports.at(offset).items()]
    assert len(ports) == len(set(ports))
    assert max(port for offset in chosen[1:] for _, port in Ports.at(offset).items()) <= HIGHEST_PORT
    assert not set(WORKERS) & {port for offset in chosen[1:] for _, port in Ports.at(offset).items()}


def test_worker_number_beyond_the_limit_is_refused() -> None:
    with pytest.raises(StackError, match="choose another"):
        offset_number(10_000)


def test_every_folder_of_tests_has_its_place() -> None:
    folders = {f"tests/{path.parent.name}/" for path in TESTS.glob("*/test_*.py")}
    placed = {place for places in GROUPS.values() for place in places} | set(EMULATOR_FREE)
    assert folders - placed == set()
    assert [place for place in placed | set(LATE) if not (TESTS.parent / place).exists()] == []


def test_test_belongs_to_the_group_of_its_folder_and_late_ones_run_last() -> None:
    assert group_of("tests/e2e/test_linking.py::test_x") == "e2e"
    assert group_of("tests/stack/test_demo.py::test_x") == "e2e"
    assert group_of("tests/stack/test_setup.py::test_x") == "own-stacks"
    assert group_of("tests/domain/test_secret.py::test_x") is None
    assert group_of("tests/web/test_screens.py::test_x") == "screens"
    assert group_of("tests/web/test_journey.py::test_x") == "web"
    assert group_of("tests/e2e/afterwards/test_items.py::test_x[web]") == "web"
    assert group_of("tests/e2e/afterwards/test_items.py::test_x[all]") == "e2e"
    assert scope_of("tests/web/test_journey.py::test_x") == "web"
    assert scope_of("tests/domain/test_secret.py::test_x[1]") == "tests/domain/test_secret.py"
    assert (
        scope_of("tests/simulation/test_simulation.py::test_x[1]") == "tests/simulation/test_simulation.py::test_x[1]"
    )
    ordered = [
        "tests/e2e/test_linking.py::test_x",
        "tests/e2e/afterwards/test_items.py::test_x[e2e]",
        "tests/web/test_journey.py::test_x",
        "tests/web/test_large_history.py::test_x",
        "tests/e2e/afterwards/test_items.py::test_x[web]",
        "tests/domain/test_secret.py::test_x",
    ]
    shuffled = [*ordered[3:], *ordered[:3]]
    assert sorted(shuffled, key=place_of) == ordered
