"""Google's services: processes that die, services that do not answer, conflicts, clocks."""

from __future__ import annotations

from datetime import timedelta

from tests.simulation.actions import action
from tests.simulation.boundary import AUTH, FIRESTORE, QUEUES, Fault, Mode
from tests.simulation.loop import MICROSECONDS
from tests.simulation.scenario import Event
from tests.simulation.world import World

HOUR = 3_600 * MICROSECONDS
SERVICES = (FIRESTORE, QUEUES, AUTH, ("vault.",), ("messaging.",))
ANYTHING = (*FIRESTORE, *QUEUES, *AUTH, "vault.", "messaging.", "plaid.")
WRITES = (
    *(
        "store.",
        "credentials.",
        "intents.",
        "removals.",
        "erasures.",
        "inbox.",
        "items.",
        "pushes.",
        "seals.",
        "links.",
    ),
    *QUEUES,
)


@action("process_dies", per_year=60)
def process_dies(world: World, event: Event) -> None:
    """A process dies at an outside call, before or after its effect; perhaps the next ones, too."""
    chance = event.chance()
    service = chance.choice((ANYTHING, ANYTHING, WRITES, ("plaid.",), ("store.save",), ("vault.",)))
    world.boundary.faults.append(
        Fault(
            chance.choice((Mode.KILL_BEFORE, Mode.KILL_AFTER)),
            service,
            skip=chance.choice((0, 0, 1, 2, 3, 5, 8, 13, 30)),
            times=chance.choice((1, 1, 1, 2, 4)),
            until=world.loop.microseconds + 6 * HOUR,
        )
    )


@action("instances_restart", per_year=8)
def instances_restart(world: World, event: Event) -> None:
    """All processes die at once, as soon as some are at work."""
    chance = event.chance()
    tries = iter(range(2_000))
    wait = chance.uniform(0.05, 2.0)

    def restart() -> None:
        if any(process.tasks and not process.dead for process in world.backend.processes):
            world.backend.restart()
        elif next(tries, None) is not None:
            world.loop.after(wait, restart)

    world.loop.after(wait, restart)


@action("google_down", per_year=8)
def google_down(world: World, event: Event) -> None:
    """A service does not answer for minutes, or fails some calls for hours."""
    chance = event.chance()
    seconds, rate = chance.choice(((60, 1.0), (300, 1.0), (1_800, 1.0), (900, 0.5), (7_200, 0.05)))
    world.boundary.faults.append(
        Fault(
            chance.choice((Mode.UNAVAILABLE, Mode.UNAVAILABLE, Mode.LOST)),
            chance.choice(SERVICES),
            times=None,
            rate=rate,
            until=world.loop.microseconds + seconds * MICROSECONDS,
        )
    )


@action("call_fails", per_year=60)
def call_fails(world: World, event: Event) -> None:
    """A call fails, or has its effect and its answer is lost, or another writer was first, or it is slow."""
    chance = event.chance()
    mode = chance.choice((Mode.UNAVAILABLE, Mode.LOST, Mode.LOST, Mode.CONFLICT, Mode.CONFLICT, Mode.SLOW))
    world.boundary.faults.append(
        Fault(
            mode,
            FIRESTORE if mode is Mode.CONFLICT else chance.choice((ANYTHING[:-1], WRITES, *SERVICES)),
            skip=chance.choice((0, 0, 1, 2, 4, 8, 16)),
            times=chance.choice((1, 1, 1, 2, 4)),
            until=world.loop.microseconds + 6 * HOUR,
        )
    )


@action("clocks_differ", per_year=4)
def clocks_differ(world: World, event: Event) -> None:
    """Instances disagree about the time by up to 5 seconds; those that verify webhooks by up to a minute."""
    chance = event.chance()
    world.backend.skews = [timedelta(seconds=chance.uniform(-2.5, 2.5)) for _ in range(chance.randrange(2, 6))]
    if chance.random() < 0.3:
        world.backend.webhook_skews = [timedelta(seconds=chance.uniform(-55, 55)) for _ in range(3)]
