"""What each event of a scenario does, by subject. `WEIGHTS` says how often it happens per user and year."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.scenario import Event
from tests.simulation.world import World

Action = Callable[[World, Event], None]

ACTIONS: dict[str, Action] = {}
WEIGHTS: dict[str, float] = {}


def action(name: str, *, per_year: float) -> Callable[[Action], Action]:
    """Registers an action."""

    def register(function: Action) -> Action:
        assert name not in ACTIONS, name
        ACTIONS[name], WEIGHTS[name] = function, per_year
        return function

    return register
