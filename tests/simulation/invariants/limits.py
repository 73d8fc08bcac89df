"""Calls to Plaid per item and writes per connection stay below a bound, whatever happens."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from tests.simulation.world import DAY, World

CALLS_PER_ITEM_AND_DAY = 400
LATE_CALLS = 90  # of an item whose history has not come for days: four polls a day, not one at every scheduler run
FREE = "/item/get"  # during an outage one item may be probed every 5 minutes
LATE = timedelta(hours=50)  # a day until it is late, and a whole day after that
WRITES_PER_CONNECTION_AND_DAY = 1_500
WRITES = ("save", "update", "create", "begin", "finish", "settle", "record", "describe", "mark", "postpone")


def _is_late(world: World, item_id: str) -> bool:
    """Whether the history of a connected item has not come for days, and its pages had an end today."""
    item = world.plaid.world.items[item_id]
    if world.endless_until.get(item_id, 0) > world.loop.microseconds - DAY:
        return False
    ages = (world.loop.now() - c.created_at for c in world.backend.store.connections.values() if c.item_id == item_id)
    return item.history_stops_at is not None and any(age > LATE for age in ages)


def watch(world: World) -> None:
    """Counts every day."""
    calls: dict[str, Counter[str]] = {}
    written = [0]

    def count() -> None:
        for item_id in sorted(world.plaid.world.calls_of_item):
            counted = world.plaid.world.calls_of_item[item_id].copy()
            today = counted - calls.get(item_id, Counter())
            late = today.total() - today[FREE] > LATE_CALLS and _is_late(world, item_id)
            if late or today.total() > CALLS_PER_ITEM_AND_DAY:
                world.violated(f"{today.total()} calls to Plaid in a day for item {item_id}: {dict(today)}")
            calls[item_id] = counted
        total = sum(n for name, n in world.boundary.counts.items() if name.rpartition(".")[2] in WRITES)
        bound = WRITES_PER_CONNECTION_AND_DAY * max(1, len(world.backend.store.connections))
        if total - written[0] > bound:
            world.violated(
                f"{total - written[0]} writes in a day for {len(world.backend.store.connections)} connections"
            )
        written[0] = total
        world.loop.at(world.loop.microseconds + DAY, count)

    world.loop.at(DAY, count)
