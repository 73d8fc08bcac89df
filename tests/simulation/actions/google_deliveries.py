"""Tasks, triggers and schedules that come late, twice or never."""

from __future__ import annotations

import random

from tests.simulation.actions import action
from tests.simulation.backend import TASK_FUNCTIONS
from tests.simulation.google import Mail
from tests.simulation.loop import MICROSECONDS
from tests.simulation.scenario import Event
from tests.simulation.world import World

LATE = (5.0, 120.0, 3_600.0, 20_000.0, 80_000.0)  # seconds
HOUR = 3_600 * MICROSECONDS


def _astray(mail: Mail, chance: random.Random) -> None:
    count = chance.choice((1, 1, 2, 4))
    match chance.choice(("lost", "twice", "late")):
        case "lost":
            mail.lost += count
        case "twice":
            mail.twice += count
        case _:
            mail.late += [chance.choice(LATE) for _ in range(count)]


@action("task_astray", per_year=30)
def task_astray(world: World, event: Event) -> None:
    """The next tasks of a function are lost, late, or delivered twice."""
    chance = event.chance()
    function = chance.choice(("synctransactions", "synctransactions", *TASK_FUNCTIONS))
    _astray(world.backend.queues.mail.setdefault(function, Mail()), chance)


@action("trigger_astray", per_year=12)
def trigger_astray(world: World, event: Event) -> None:
    """The next triggers are lost, late, or delivered twice."""
    chance = event.chance()
    _astray(world.backend.mail[chance.choice(sorted(world.backend.mail))], chance)


@action("schedule_stops", per_year=3)
def schedule_stops(world: World, event: Event) -> None:
    """The scheduler is not called for hours, or not for a day."""
    chance = event.chance()
    world.schedule_stops_until = world.loop.microseconds + chance.choice((1, 4, 12, 30)) * HOUR


@action("daily_stops", per_year=3)
def daily_stops(world: World, event: Event) -> None:
    """The daily check does not happen, once or twice."""
    world.daily_stops_until = world.loop.microseconds + event.chance().choice((24, 48)) * HOUR


@action("schedule_twice", per_year=6)
def schedule_twice(world: World, event: Event) -> None:
    """Cloud Scheduler calls a function twice at the same time."""
    name = event.chance().choice(("schedule_syncs", "schedule_syncs", "monitor_connections"))
    world.backend.schedule(name)
    world.backend.schedule(name)
