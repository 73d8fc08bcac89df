"""A status changes only for a reason: no outage and no single refusal of a token makes a user act."""

from __future__ import annotations

from typing import Any

from shared.domain.credentials import DOUBTED_ATTEMPTS
from tests.simulation.world import World

OUTAGES = (
    "INSTITUTION_DOWN",
    "INSTITUTION_NOT_RESPONDING",
    "INSTITUTION_NOT_AVAILABLE",
    "RATE_LIMIT",
    "RATE_LIMIT_EXCEEDED",
    "INTERNAL_SERVER_ERROR",
    "PLANNED_MAINTENANCE",
)


def watch(world: World) -> None:
    """Listens to changes of status."""

    def heard(_level: str, event: str, fields: dict[str, Any]) -> None:
        if event != "connection.status_changed":
            return
        code, connection_id = fields["error_code"], fields["connection_id"]
        if code in OUTAGES:
            world.violated(f"the outage {code} changed the status of {connection_id}")
        loaded = world.backend.store.states.get(connection_id)
        failures = loaded.state.failures if loaded is not None else DOUBTED_ATTEMPTS
        # Wrong API keys look the same, so only failures for hours count.
        if code == "INVALID_ACCESS_TOKEN" and fields["before"] != fields["after"] and failures < DOUBTED_ATTEMPTS:
            world.violated(f"{connection_id} counts as dead after {failures} failed syncs")

    world.backend.on_log.append(heard)
