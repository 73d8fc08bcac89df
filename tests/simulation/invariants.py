"""What must always hold, and what must hold once everything had time to settle."""

from __future__ import annotations

from typing import Any

from emulators.plaid.items import Item
from shared.adapters.plaid import exact_json, transaction_mapping
from shared.adapters.plaid.values import Oddities
from shared.domain.connection import BankConnection, ItemStatus
from tests.simulation.world import World

HEALTHY = (ItemStatus.GOOD, ItemStatus.PENDING_EXPIRATION, ItemStatus.PENDING_DISCONNECT)


def watch(world: World) -> None:
    """Checks what must hold at every moment."""

    def heard(level: str, event: str, fields: dict[str, Any]) -> None:
        text = fields["_text"]
        if level in ("ERROR", "CRITICAL"):
            world.violated(f"logged at {level}: {event} {text[-1500:]}")
        if "access-sandbox-" in text or "public-sandbox-" in text:
            world.violated(f"a token is in the log: {event}")

    world.backend.on_log.append(heard)


def settled(world: World) -> None:
    """Checks what must hold now that nothing is under way."""
    _one_item_one_connection(world)
    _items_belong_to_somebody(world)
    for connection in list(world.backend.store.connections.values()):
        item = world.item_of(connection)
        if item is None or item.removed:
            if connection.status is ItemStatus.ERROR:  # its user revoked it: the document stays, and asks for a new link
                continue
            world.violated(f"{connection.connection_id} has no item at Plaid; status {connection.status}")
            continue
        _status(world, connection, item)
        if item.error is None and not item.revoked and connection.status in HEALTHY:
            _rows(world, connection, item)


def _one_item_one_connection(world: World) -> None:
    seen: dict[str, str] = {}
    for connection in world.backend.store.connections.values():
        other = seen.setdefault(connection.item_id, connection.connection_id)
        if other != connection.connection_id:
            world.violated(f"item {connection.item_id} belongs to {other} and {connection.connection_id}")


def _items_belong_to_somebody(world: World) -> None:
    store = world.backend.store
    known = {c.item_id for c in store.connections.values()} | {r.item_id for r in store.tombstones.values()}
    for item in world.plaid.items():
        if item.access_token is not None and not item.removed and not item.revoked and item.item_id not in known:
            world.violated(f"item {item.item_id} is not known to the backend")
        if item.removed and item.item_id not in world.asked_removals:
            world.violated(f"item {item.item_id} was removed, but nothing asked for it")


def _status(world: World, connection: BankConnection, item: Item) -> None:
    broken = item.error is not None
    if broken and connection.status in HEALTHY:
        world.violated(f"{connection.connection_id} is {connection.status}, but its item has {item.error}")
    if not broken and not item.revoked and connection.status is ItemStatus.BAD:
        world.violated(f"{connection.connection_id} is bad, but its item works ({connection.error_code})")


def _rows(world: World, connection: BankConnection, item: Item) -> None:
    answer = exact_json.parse(world.plaid.truth(item))
    odd, aside = Oddities(), list[Any]()
    mapped = transaction_mapping._transactions(answer, odd, aside, large=False)
    truth = {row["transaction_id"]: row for row in mapped}
    stored = {
        name: {k: v for k, v in fields.items() if k not in ("user", "run")}
        for name, fields in world.backend.store.rows.get(connection.connection_id, {}).items()
    }
    if missing := truth.keys() - stored.keys():
        world.violated(f"{connection.connection_id} misses {len(missing)} of {len(truth)} rows")
    if extra := stored.keys() - truth.keys():
        world.violated(f"{connection.connection_id} has {len(extra)} rows too many")
    different = [name for name in truth.keys() & stored.keys() if stored[name] != truth[name]]
    if different:
        world.violated(f"{connection.connection_id}: {len(different)} rows differ, such as {sorted(different)[0]}")
