"""Nothing that is due is left alone: no sync, webhook, removal, exchange, rotation or erasure starves."""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.domain.progress import SyncStatus
from tests.simulation.invariants.status import HEALTHY
from tests.simulation.loop import Task
from tests.simulation.world import World

RUNS = 3  # of the scheduler, each of which must take everything that is due
CLOCKS = timedelta(minutes=2)  # clocks differ
PATIENCE = timedelta(hours=1)  # four scheduler runs
FRESH = timedelta(hours=13)  # a healthy connection is polled every twelve hours


def watch(world: World) -> None:
    """Follows the scheduler: what was due before a run that nothing disturbed is settled or postponed after it.

    This also holds while Plaid or a bank fails: then the scheduler must reach what waits behind.
    """
    passed_over: dict[tuple[str, datetime], int] = {}

    def began(task: Task) -> None:
        due, at = {one for one in world.due_times() if one[1] < world.loop.now() - CLOCKS}, world.loop.microseconds
        task.on_done.append(lambda: ended(task, due, at))

    def ended(task: Task, due: set[tuple[str, datetime]], began_at: int) -> None:
        if task.error is not None or world.boundary.google_failed_at >= began_at or world.backend.is_closed:
            return
        left = due.intersection(world.due_times())
        if world.backend.paused.kept[0].everything is not None:  # an operator's pause holds syncs back
            left = {one for one in left if not one[0].startswith("sync of ")}
        for one in passed_over.keys() - left:
            del passed_over[one]
        for name, due_at in sorted(left):
            passed_over[name, due_at] = passed_over.get((name, due_at), 0) + 1
            if passed_over[name, due_at] == RUNS:
                world.violated(f"{name} is due since {due_at:%Y-%m-%d %H:%M:%S}, and the scheduler passes it over")

    world.on_schedule.append(began)


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
