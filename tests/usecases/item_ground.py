"""The invariant after every history: an item has one connection, and no item of a live connection is removed."""

from __future__ import annotations

from shared.domain.connection import ItemStatus
from tests.usecases.conftest import World


def item_violations(world: World) -> list[str]:
    """Violations of the invariant; empty in a consistent world."""
    store, found = world.store, []
    items = [connection.item_id for connection in store.connections.values()]
    found += [f"{item} has {items.count(item)} connections" for item in {*items} if items.count(item) > 1]
    for connection_id, connection in store.connections.items():
        if connection.status is not ItemStatus.ERROR and connection.item_id in world.plaid.removed:
            found.append(f"{connection.item_id} was removed at Plaid, and connection {connection_id} lives")
        holder, _ = store.holders.get(connection.item_id, (None, None))
        if holder is None or (holder.connection_id, holder.intent_id) != (connection_id, None):
            found.append(f"{connection.item_id} of connection {connection_id} is held by {holder}")
    # A process that dies while rolling back an exchange leaves the holder until it expires; the exchange counts as
    # lost.
    exchanging = {i.connection_id for i, _ in store.intents.values() if i.access_token is not None or i.came_to_nothing}
    known = {*store.connections, *store.tombstones, *exchanging}
    found += [
        f"{item} is held by {holder.connection_id}, which is nothing any more"
        for item, (holder, _) in store.holders.items()
        if holder.connection_id not in known
    ]
    return found
