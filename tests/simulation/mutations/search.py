"""How many user-years of simulation each mutation needs until an invariant is violated."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context

from emulators.lifecycle import end_with_parent
from tests.simulation.actions import WEIGHTS
from tests.simulation.mutations import mutations
from tests.simulation.run import run
from tests.simulation.scenario import write
from tests.simulation.shrink import kind_of

LONGEST = 90  # of a violation in the table


@dataclass(frozen=True)
class Finding:
    """The result of a search.

    Attributes:
        name: The mutation.
        breaks: The fault.
        years: The user-years until the violation, or all that were searched.
        seed: The seed of the world that found it; None if none did.
        violation: The violation, without the ids and numbers of one run.
        unclean: Seeds that were left out, because they violate an invariant without the mutation, too.
    """

    name: str
    breaks: str
    years: float
    seed: int | None = None
    violation: str = ""
    unclean: tuple[int, ...] = ()


@cache
def _is_clean(seed: int) -> bool:
    """Whether a world violates nothing without a mutation."""
    return not run(write(seed, WEIGHTS)).violations


def _shortened(violation: str) -> str:
    """A violation without its time, ids, numbers and details."""
    text = kind_of(violation.partition(" ")[2].partition(" ")[2]).partition(" {")[0].partition("\\n")[0]
    return re.sub(r"…(?:[-:+.,T /]*…)+", "…", text)[:LONGEST]


def search(name: str, *, years: float, first_seed: int) -> Finding:
    """Runs worlds with a mutation until one violates an invariant that holds without it.

    Args:
        name: The mutation.
        years: The most user-years.
        first_seed: The seed of the first world; the others follow it.
    """
    mutation = mutations()[name]
    searched, seed, unclean = 0.0, first_seed, list[int]()
    while searched < years:
        scenario = write(seed, WEIGHTS)
        with mutation.applied():
            result = run(scenario)
        if not result.violations:
            searched += scenario.user_years
        elif not _is_clean(seed):
            unclean.append(seed)
        else:
            searched += scenario.user_years * result.events / max(1, len(scenario.events))
            return Finding(name, mutation.breaks, searched, seed, _shortened(result.violations[0]), tuple(unclean))
        if len(unclean) > years:
            break
        seed += 1
    return Finding(name, mutation.breaks, searched, unclean=tuple(unclean))


def search_all(names: Sequence[str], *, years: float, first_seed: int, jobs: int) -> Iterator[Finding]:
    """Searches for all mutations on several cores; yields each finding as soon as it is known."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=end_with_parent) as pool:
        pending = [pool.submit(search, name, years=years, first_seed=first_seed) for name in names]
        for done in as_completed(pending):
            yield done.result()
