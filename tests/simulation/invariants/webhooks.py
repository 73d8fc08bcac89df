"""A webhook that was acknowledged is on record, and new data that it announced arrives without waiting for a poll."""

from __future__ import annotations

from datetime import timedelta

from emulators.plaid.items import Item
from emulators.plaid.webhooks import Delivery
from shared.domain.connection import BankConnection
from shared.domain.progress import SyncStatus
from tests.simulation.invariants import rows
from tests.simulation.invariants.status import HEALTHY
from tests.simulation.world import World

QUARTER = 900.0  # seconds
QUARTERS = 4
SOON = timedelta(minutes=5)  # what is due so soon is not done yet; and clocks differ


def watch(world: World) -> None:
    """Listens to every webhook that the backend acknowledges."""

    def acknowledged(delivery: Delivery) -> None:
        connection = _connection_of(world, delivery.item_id)
        if connection is None or world.loop.now() - connection.created_at < SOON:
            return
        code = delivery.body.get("webhook_code")
        stored = world.backend.store.deliveries.values()
        if not any(
            one.connection_id == connection.connection_id and one.body.get("webhook_code") == code for one in stored
        ):
            world.violated(f"{connection.connection_id}: {code} was acknowledged, but is not on record")
        item = world.item_of(connection)
        if code == "SYNC_UPDATES_AVAILABLE" and item is not None:
            _watch_data(world, connection.connection_id, item, len(item.log), QUARTERS)
        if code == "USER_ACCOUNT_REVOKED" and isinstance(account_id := delivery.body.get("account_id"), str):
            world.revocations.add((connection.connection_id, account_id))  # notices.py: its user is notified

    world.plaid.webhooks.acknowledged.append(acknowledged)


def _connection_of(world: World, item_id: str | None) -> BankConnection | None:
    return next((one for one in world.backend.store.connections.values() if one.item_id == item_id), None)


def _watch_data(world: World, connection_id: str, item: Item, size: int, quarters: int) -> None:
    """Compares the rows after an hour, unless more changed at Plaid, or the store was restored meanwhile."""

    def later() -> None:
        if world.backend.is_closed or len(item.log) != size:
            return
        if quarters > 1:
            _watch_data(world, connection_id, item, size, quarters - 1)
        elif _claims_to_be_complete(world, connection_id, item):
            rows.compare(world, world.backend.store.connections[connection_id], item)

    world.loop.after(QUARTER, later)


def _claims_to_be_complete(world: World, connection_id: str, item: Item) -> bool:
    """Whether the last sync completed, and no other is due: then no fault can be why data is missing."""
    connection, loaded = (
        world.backend.store.connections.get(connection_id),
        world.backend.store.states.get(connection_id),
    )
    if connection is None or loaded is None or connection.status not in HEALTHY:
        return False
    works = item.error is None and not (item.removed or item.revoked or item.consent.withdrawn or item.history_stops_at)
    state = loaded.state
    if {account.account_id for account in item.accounts} & set(state.revoked_accounts):
        return False  # shared again, but no app reported that yet
    rests = state.due_at is None or state.due_at > world.loop.now() + SOON
    return works and rests and state.status is SyncStatus.COMPLETED
