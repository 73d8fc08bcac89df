"""Known faults that the simulation must find: each mutation puts one fault back into the backend.

A mutation is a function that returns patches of the real backend; its name and the first line of its docstring describe
the fault in the table of docs/simulation.md. It patches attributes of imported modules and classes, so that a renamed
one fails at once instead of leaving a mutation without effect.

    linking.py   links, exchanges, duplicates
    syncs.py     runs, requests, leases, schedules
    rows.py      pages, rows, notes, accounts
    status.py    statuses, webhooks, notifications, errors
    removal.py   removals, erasures, rotations, secrets
    search.py    how long the simulation needs to find each
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple
from unittest import mock

SUBJECTS = ("linking", "syncs", "products", "rows", "status", "removal")


class Patch(NamedTuple):
    """One changed attribute of a class or module, or one changed entry of a dictionary."""

    place: Any
    name: Any
    value: Any

    @property
    def exists(self) -> bool:
        """Whether the place itself has the attribute or entry."""
        return self.name in (self.place if isinstance(self.place, dict) else vars(self.place))

    @property
    def current(self) -> Any:
        """The present value."""
        return self.place[self.name] if isinstance(self.place, dict) else vars(self.place)[self.name]


@dataclass(frozen=True)
class Mutation:
    """One fault.

    Attributes:
        name: Its name.
        breaks: The fault, in one sentence.
        patches: Makes its patches; call it while nothing is patched.
    """

    name: str
    breaks: str
    patches: Callable[[], list[Patch]]

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Breaks the backend of this process until the end of the block."""
        with ExitStack() as stack:
            for patch in self.patches():
                if not patch.exists:
                    raise AttributeError(f"{self.name}: {patch.place} has no {patch.name}")
                if isinstance(patch.place, dict):
                    stack.enter_context(mock.patch.dict(patch.place, {patch.name: patch.value}))
                else:
                    stack.enter_context(mock.patch.object(patch.place, patch.name, patch.value))
            yield


MUTATIONS: dict[str, Mutation] = {}


def mutation(patches: Callable[[], list[Patch]]) -> Callable[[], list[Patch]]:
    """Registers a mutation."""
    name, breaks = patches.__name__, (patches.__doc__ or "").partition("\n")[0]
    assert name not in MUTATIONS, name
    assert breaks, name
    MUTATIONS[name] = Mutation(name, breaks, patches)
    return patches


def mutations() -> dict[str, Mutation]:
    """All mutations, by name."""
    for subject in SUBJECTS:
        importlib.import_module(f"{__name__}.{subject}")
    return MUTATIONS
