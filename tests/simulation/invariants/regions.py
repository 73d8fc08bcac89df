"""No access token is ever sent with the other region's keys.

A public token names no region, so one that another user's app passes on may reach the wrong keys, which refuse it. The
tokens of the user's own sessions are checked where they are exchanged.
"""

from __future__ import annotations

from tests.simulation.world import World

EXCHANGE = "/item/public_token/exchange"


def settled(world: World) -> None:
    """Checks all calls so far, and the region of every connection."""
    for path, item_id in world.plaid.misdirected:
        if path != EXCHANGE:
            world.violated(f"{path} sent the access token of {item_id} with the other region's keys")
    for connection in world.backend.store.connections.values():
        item = world.item_of(connection)
        if item is not None and item.team != connection.region:
            world.violated(f"{connection.connection_id} is of region {connection.region}, its item of {item.team}")
