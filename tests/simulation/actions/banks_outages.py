"""Banks and Plaid that are down, from minutes to days, and histories that come late."""

from __future__ import annotations

from emulators.plaid.control import items as control
from emulators.plaid.items import Item, Readiness
from tests.simulation.actions import action
from tests.simulation.actions.banks import some_item
from tests.simulation.boundary import Fault, Mode
from tests.simulation.loop import MICROSECONDS
from tests.simulation.scenario import Event
from tests.simulation.world import World

DATA_CALLS = ("plaid./transactions/", "plaid./accounts/")
DOWN = ("INSTITUTION_DOWN", "INSTITUTION_NOT_RESPONDING", "INSTITUTION_NOT_AVAILABLE")
DURATIONS = (300, 3_600, 6 * 3_600, 86_400, 3 * 86_400)  # seconds


@action("bank_down", per_year=4)
def bank_down(world: World, event: Event) -> None:
    """A bank does not answer, for all of its items; some calls may get through."""
    chance = event.chance()
    item = some_item(world, event, chance)
    if item is not None:
        until = world.loop.microseconds + chance.choice(DURATIONS) * MICROSECONDS
        rate, about = chance.choice((1.0, 1.0, 0.7)), item.institution.institution_id
        fault = Fault(
            Mode.UNAVAILABLE, DATA_CALLS, about, times=None, rate=rate, until=until, error=chance.choice(DOWN)
        )
        world.boundary.faults.append(fault)


@action("plaid_down", per_year=2)
def plaid_down(world: World, event: Event) -> None:
    """Plaid does not answer, or says that it is down; calls may have their effect nevertheless."""
    chance = event.chance()
    until = world.loop.microseconds + chance.choice(DURATIONS[:4]) * MICROSECONDS
    error = chance.choice((None, "html", "INTERNAL_SERVER_ERROR", "PLANNED_MAINTENANCE", "plaid-internal-error"))
    mode, rate = chance.choice((Mode.UNAVAILABLE, Mode.UNAVAILABLE, Mode.LOST)), chance.choice((1.0, 0.5))
    world.boundary.faults.append(Fault(mode, "plaid.", times=None, rate=rate, until=until, error=error))


@action("history_late", per_year=2)
def history_late(world: World, event: Event) -> None:
    """The history of the next item of this user comes days late, in part, or never."""
    chance = event.chance()
    stops_at = chance.choice((Readiness.NOT_READY, Readiness.INITIAL))
    late = chance.choice((3_600, 20_000, 86_400, 5 * 86_400, None))

    def begin(item: Item) -> None:
        item.history_stops_at = stops_at
        if late is not None:
            world.loop.after(late, lambda: world.plaid.control(control.change_sync, item, history_stops_at=None))

    world.plaid.world.on_new_item[world.people[event.user].uid] = begin


@action("history_slow", per_year=2)
def history_slow(world: World, event: Event) -> None:
    """From now on banks take seconds or hours to deliver a new item's history."""
    chance, settings = event.chance(), world.plaid.world.settings
    settings.initial_after = chance.choice((0.01, 1.0, 20.0, 600.0, 7_200.0))
    settings.history_after = settings.initial_after + chance.choice((0.0, 2.0, 60.0, 20_000.0))
