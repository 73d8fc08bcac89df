"""Items at Plaid: each has one owner, none is forgotten, and none is removed that was not asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from shared.domain import grace_periods
from shared.domain.audit import AuditAction
from shared.domain.connection import ItemStatus
from shared.domain.removal import RemovalOutcome
from tests.simulation.world import World

OUTAGE = 2 * (grace_periods.STORING_TOKEN // timedelta(microseconds=1))


def watch(world: World) -> None:
    """Listens to the last resort of a rotation: without a store for its new token, it removes the item."""

    def heard(_level: str, event: str, fields: dict[str, Any]) -> None:
        outage = world.loop.microseconds - world.boundary.rotation_failed_at < OUTAGE
        if event == "rotation.item_removed" and outage:
            world.asked_removals.setdefault(fields["item_id"], "its new token could not be stored")

    world.backend.on_log.append(heard)


def settled(world: World) -> None:
    """Checks every item."""
    _one_connection_each(world)
    _each_has_an_owner(world)
    _removed_on_request(world)


def _one_connection_each(world: World) -> None:
    seen: dict[str, str] = {}
    for connection in world.backend.store.connections.values():
        item = world.item_of(connection)
        if item is not None and item.client_user_id != connection.app_user_id:
            world.violated(
                f"{connection.connection_id} of {connection.app_user_id} has an item of {item.client_user_id}"
            )
        other = seen.setdefault(connection.item_id, connection.connection_id)
        if other != connection.connection_id:
            world.violated(f"item {connection.item_id} belongs to {other} and {connection.connection_id}")


def _each_has_an_owner(world: World) -> None:
    """An exchange or a rotation that died between Plaid's answer and the first store is reported; its item is lost."""
    store = world.backend.store
    known = {c.item_id for c in store.connections.values()} | {r.item_id for r in store.tombstones.values()}
    known |= {intent.item_id for intent, _ in store.intents.values() if intent.item_id is not None}
    known |= world.lost_before_a_restore
    for person in [*world.people, *world.former]:
        reported = sum(
            entry.action is AuditAction.LINK_LOST or entry.details.get("item") == RemovalOutcome.LOST
            for entry in store.audit.get(person.uid, [])
        )
        lost = [item for item in world.items_of(person) if item.access_token is not None and item.item_id not in known]
        if len(lost) > reported:
            world.violated(
                f"{person.uid}: {len(lost)} items without a connection, {reported} reported: {lost[0].item_id}"
            )
    for connection in store.connections.values():
        item = world.item_of(connection)
        # A dead connection stays until its user removes it; its item may be gone (contract: USER_PERMISSION_REVOKED).
        if (item is None or item.removed) and connection.status is not ItemStatus.ERROR:
            world.violated(f"{connection.connection_id} ({connection.status}) has no item at Plaid")


def _removed_on_request(world: World) -> None:
    """An item that never had a connection came from an exchange that failed."""
    replaced = world.replaced()
    for item in world.plaid.items():
        connected = item.item_id in world.backend.was_connected
        if item.removed and connected and item.item_id not in world.asked_removals:
            connection_id = world.backend.was_connected[item.item_id]
            if connection_id not in replaced:
                world.violated(f"item {item.item_id} of {connection_id} was removed unasked")
