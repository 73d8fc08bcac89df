"""Calls to Plaid per item and writes per connection stay below a bound, whatever happens."""

from __future__ import annotations

from tests.simulation.world import DAY, World

CALLS_PER_ITEM_AND_DAY = 400
WRITES_PER_CONNECTION_AND_DAY = 1_500
WRITES = ("save", "update", "create", "begin", "finish", "settle", "record", "describe", "mark", "postpone")


def watch(world: World) -> None:
    """Counts every day."""
    calls: dict[str, int] = {}
    written = [0]

    def count() -> None:
        for item_id in sorted(world.plaid.world.calls_of_item):
            total = sum(world.plaid.world.calls_of_item[item_id].values())
            if total - calls.get(item_id, 0) > CALLS_PER_ITEM_AND_DAY:
                world.violated(f"{total - calls.get(item_id, 0)} calls to Plaid in a day for item {item_id}")
            calls[item_id] = total
        total = sum(n for name, n in world.boundary.counts.items() if name.rpartition(".")[2] in WRITES)
        bound = WRITES_PER_CONNECTION_AND_DAY * max(1, len(world.backend.store.connections))
        if total - written[0] > bound:
            world.violated(
                f"{total - written[0]} writes in a day for {len(world.backend.store.connections)} connections"
            )
        written[0] = total
        world.loop.at(world.loop.microseconds + DAY, count)

    world.loop.at(DAY, count)
