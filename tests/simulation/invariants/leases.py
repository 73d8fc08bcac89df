"""One run works on a connection at a time: another one takes over only after the first has died or come to a halt."""

from __future__ import annotations

import json
from typing import Any

from tests.simulation.loop import MICROSECONDS
from tests.simulation.world import World

AFTERMATH = 600 * MICROSECONDS  # a run that waits for a service may outlive its lease


def watch(world: World) -> None:
    """Listens for runs that lost their lease to another run while everything worked."""

    def heard(_level: str, event: str, fields: dict[str, Any]) -> None:
        if event != "sync.lease_lost" or world.loop.microseconds - world.boundary.google_failed_at < AFTERMATH:
            return
        loaded = world.backend.store.states.get(json.loads(fields["_text"])["connection_id"])
        if loaded is not None and loaded.state.lease_owner is not None:
            world.violated(f"a second run of {loaded.state.connection_id} began while the first one worked")

    world.backend.on_log.append(heard)
