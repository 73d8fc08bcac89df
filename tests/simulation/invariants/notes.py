"""Notes survive every sync, or their user was notified what they were."""

from __future__ import annotations

from typing import Any

from shared.domain.notification import NotificationKind
from tests.simulation.world import Person, World


def settled(world: World) -> None:
    """Finds every note that the backend confirmed."""
    for person in world.people:
        for (connection_id, transaction_id), text in sorted(person.notes.items()):
            if not _expected(world, person, connection_id):
                del person.notes[connection_id, transaction_id]
            elif not _found(world, connection_id, transaction_id, text) and not _withdrawn(
                world, connection_id, transaction_id
            ):
                world.violated(f"the note {text!r} on {transaction_id} of {connection_id} is lost")


def _expected(world: World, person: Person, connection_id: str) -> bool:
    """Deleting a connection deletes its notes; so does withdrawing the permission."""
    connection = world.backend.store.connections.get(connection_id)
    item = world.item_of(connection) if connection is not None else None
    return item is not None and not item.revoked and not item.removed


def _found(world: World, connection_id: str, transaction_id: str, text: str) -> bool:
    store = world.backend.store
    rows: dict[str, Any] = store.rows.get(connection_id, {})
    own = rows.get(transaction_id, {}).get("user") or {}
    if own.get("note") == text:
        return True
    if any((fields.get("user") or {}).get("note") == text for fields in rows.values()):
        return True
    kept = (one for one in store.notifications.values() if one.kind is NotificationKind.NOTE_KEPT)
    return any(text in one.body for one in kept)


def _withdrawn(world: World, connection_id: str, transaction_id: str) -> bool:
    """Whether the user stopped sharing the account, which deletes its notes, even if it is shared again by now."""
    item = world.item_of(world.backend.store.connections[connection_id])
    assert item is not None
    hidden = {row.transaction_id: row for row in item.hidden_rows}
    mark = f'"pending_transaction_id":"{transaction_id}"'.encode()
    versions = [item.log._row(place) for place in range(len(item.log))]
    posted = [row.transaction_id for row in (*hidden.values(), *versions) if row is not None and mark in row.body]
    return any(
        name in hidden or any(item.log._row(place) is None for place in item.log._places.get(name, [])[:-1])
        for name in (transaction_id, *posted)
    )
