"""What its user removed does not come back."""

from __future__ import annotations

from tests.simulation.world import World


def settled(world: World) -> None:
    """Finds connections that still exist although the app was answered that they are being removed."""
    for person in [*world.people, *world.former]:
        for connection_id in sorted(person.removed):
            if connection_id in world.backend.store.connections:
                world.violated(f"{connection_id} exists, although its user removed it")
