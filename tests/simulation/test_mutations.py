"""The simulation finds known faults. `make soak` searches for all of them; docs/simulation.md has the result."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulation.actions import WEIGHTS
from tests.simulation.mutations import Mutation, Patch, mutations
from tests.simulation.mutations.__main__ import BEGIN, END, PAGE
from tests.simulation.run import run
from tests.simulation.scenario import write
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
