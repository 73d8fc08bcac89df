"""Runs one scenario and checks the invariants."""

from __future__ import annotations

import gc
import random
import traceback
from dataclasses import dataclass

from tests.simulation import invariants
from tests.simulation.actions import ACTIONS
from tests.simulation.actions import banks as _banks  # noqa: F401
from tests.simulation.actions import banks_accounts as _banks_accounts  # noqa: F401
from tests.simulation.actions import banks_logins as _banks_logins  # noqa: F401
from tests.simulation.actions import banks_outages as _banks_outages  # noqa: F401
from tests.simulation.actions import banks_products as _banks_products  # noqa: F401
from tests.simulation.actions import google_deliveries as _google_deliveries  # noqa: F401
from tests.simulation.actions import google_faults as _google_faults  # noqa: F401
from tests.simulation.actions import hard_moments as _hard_moments  # noqa: F401
from tests.simulation.actions import operators as _operators  # noqa: F401
from tests.simulation.actions import operators_restore as _operators_restore  # noqa: F401
from tests.simulation.actions import plaid_answers as _plaid_answers  # noqa: F401
from tests.simulation.actions import plaid_webhooks as _plaid_webhooks  # noqa: F401
from tests.simulation.actions import users as _users  # noqa: F401
from tests.simulation.actions import users_exchange as _users_exchange  # noqa: F401
from tests.simulation.actions import users_leave as _users_leave  # noqa: F401
from tests.simulation.actions import users_notes as _users_notes  # noqa: F401
from tests.simulation.actions import users_odd_apps as _users_odd_apps  # noqa: F401
from tests.simulation.actions import users_repair as _users_repair  # noqa: F401
from tests.simulation.loop import MICROSECONDS
from tests.simulation.scenario import DAY, QUIET_FOR, Event, Scenario
from tests.simulation.world import World


@dataclass(frozen=True)
class Result:
    """What a run found.

    Attributes:
        scenario: The scenario.
        events: The events that happened.
        digest: Of the event log: equal for equal runs.
        violations: What did not hold; the run ends at the first check that finds any.
        lines: The event log, if it was wanted.
    """

    scenario: Scenario
    events: int
    digest: str
    violations: tuple[str, ...]
    lines: tuple[str, ...] = ()


def run(scenario: Scenario, *, keep_log: bool = False) -> Result:
    """Runs a scenario from its beginning to the last quiet time."""
    gc.collect()  # worlds are cycles, and too large to wait for their turn
    random.seed(scenario.seed)
    world = World(scenario, keep_log=keep_log)
    with world.backend.installed():
        try:
            _live(world, scenario)
        except Exception as error:  # noqa: BLE001 (a mistake in the simulation must not end the other worlds)
            world.violated(f"the simulation failed: {''.join(traceback.format_exception(error)[-2:])}")
        happened = sum(event.at * MICROSECONDS <= world.loop.microseconds for event in scenario.events)
        lines = tuple(world.boundary.lines or ())
        result = Result(scenario, happened, world.boundary.log.hexdigest(), tuple(world.violations), lines)
        world.loop.close()
    return result


def _live(world: World, scenario: Scenario) -> None:
    """Runs the world up to its last quiet time or its first violation."""
    invariants.watch(world)
    world.schedules()
    for event in scenario.events:
        world.loop.at(event.at * MICROSECONDS, lambda event=event: _happen(world, event))  # type: ignore[misc]
    for end in scenario.quiet_times():
        _run_until(world, end - QUIET_FOR)
        world.calm()
        _run_until(world, end)
        if not world.violations:
            invariants.settled(world)
        if world.violations:
            break


def _run_until(world: World, end: int) -> None:
    """Runs the world to this second, or to the end of the day of the first violation."""
    days = range(world.loop.microseconds // MICROSECONDS + DAY, end, DAY)
    for second in (*days, end):
        if world.violations:
            return
        world.loop.run_until(second * MICROSECONDS)


def _happen(world: World, event: Event) -> None:
    world.boundary.note(f"event {event.action} {event.user} {event.pick}")
    ACTIONS[event.action](world, event)
