"""The simulation finds known faults. `make soak` searches for all of them; docs/simulation.md has the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.simulation.actions import WEIGHTS
from tests.simulation.mutations import Mutation, Patch, mutations
from tests.simulation.mutations.__main__ import BEGIN, END, PAGE, write_table
from tests.simulation.mutations.search import Finding
from tests.simulation.run import run
from tests.simulation.scenario import Event, Scenario, write
from tests.simulation.test_simulation import SEEDS

KNOWN = mutations()
CLEAN_SEED = SEEDS[0]  # test_simulation.py shows that nothing is violated without a mutation
QUICKLY_FOUND = {
    "removals_ignored": "rows too many",
    "token_in_the_log": "a token is in the log",
    "webhook_not_recorded": "is not on record",
}


def current_values(mutation: Mutation) -> list[Any]:
    """What the patched places hold now."""
    return [patch.current for patch in mutation.patches()]


@pytest.mark.parametrize(("name", "violation"), QUICKLY_FOUND.items())
def test_the_simulation_finds_a_known_fault(name: str, violation: str) -> None:
    with KNOWN[name].applied():
        result = run(write(CLEAN_SEED, WEIGHTS))
    assert violation in result.violations[0]


def test_a_renewed_consent_that_still_counts_as_ending_is_found() -> None:
    """Random worlds meet this too rarely: the user renews at the bank between the announcement and the end."""
    link, ends = Event(1_020, "link", 4, 127_704), Event(434_400, "consent_ends", 4, 423_916)
    scenario = Scenario(seed=3, users=6, days=24, events=(link, ends))
    assert run(scenario).violations == ()
    with KNOWN["status_sticks_after_renewal"].applied():
        result = run(scenario)
    assert "the announced end has passed" in result.violations[0]


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_a_mutation_changes_what_exists_and_is_undone_afterwards(name: str) -> None:
    mutation = KNOWN[name]
    patches = mutation.patches()
    assert patches
    assert all(patch.exists for patch in patches)
    before = current_values(mutation)
    with mutation.applied():
        assert all(one is not other for one, other in zip(before, (p.current for p in patches), strict=True))
    assert all(one is other for one, other in zip(before, (p.current for p in patches), strict=True))


def test_a_mutation_of_something_that_is_gone_fails() -> None:
    class Place:
        """It has nothing to patch."""

    with (
        pytest.raises(AttributeError, match="has no renamed"),
        Mutation("old", "A fault.", lambda: [Patch(Place, "renamed", None)]).applied(),
    ):
        pass


def test_the_page_lists_every_mutation() -> None:
    table = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| `")]
    assert {row[1].strip(" `"): row[2].strip() for row in rows} == {one.name: one.breaks for one in KNOWN.values()}
    assert len(rows) >= 25


def test_a_search_for_some_mutations_keeps_the_other_rows(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"Before.\n{BEGIN}\n{END}\nAfter.\n", encoding="utf-8")
    write_table(page, {"b": Finding("b", "B.", 50.0), "a": Finding("a", "A.", 1.0, 7, "x | y")}, order=["a", "b"])
    write_table(page, {"b": Finding("b", "B.", 2.0, 8, "z")}, order=["a", "b"])
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("| `")] == [
        "| `a` | A. | 1.0 user-years | `x \\| y` |",
        "| `b` | B. | 2.0 user-years | `z` |",
    ]
    assert (lines[0], lines[-1]) == ("Before.", "After.")
