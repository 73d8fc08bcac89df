"""Nothing that is due is left alone: no sync, webhook, removal, exchange, rotation or erasure starves."""

from __future__ import annotations

from datetime import timedelta

from shared.domain.progress import SyncStatus
from tests.simulation.invariants.status import HEALTHY
from tests.simulation.world import World

PATIENCE = timedelta(hours=1)  # four scheduler runs
FRESH = timedelta(hours=13)  # a healthy connection is polled every twelve hours


def settled(world: World) -> None:
    """Finds what should have been done."""
    for name, due in world.due_times():
        if due < world.loop.now() - PATIENCE:
            world.violated(f"{name} is due since {due:%Y-%m-%d %H:%M:%S}")
    for connection in world.backend.store.connections.values():
        item = world.item_of(connection)
        loaded = world.backend.store.states.get(connection.connection_id)
        if loaded is None:
            world.violated(f"{connection.connection_id} has no sync state")
            continue
        if item is None or item.error is not None or item.revoked or item.consent.withdrawn or item.history_stops_at:
            continue
        state, now = loaded.state, world.loop.now()
        if connection.status in HEALTHY and (
            state.status is not SyncStatus.COMPLETED or state.completed_at is None or now - state.completed_at > FRESH
        ):
            world.violated(
                f"{connection.connection_id} is not synced: {state.status} {state.stage}, last {state.completed_at},"
                f" due {state.due_at}, error {state.error}"
            )
