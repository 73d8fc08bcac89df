"""Notes survive every sync and every relink, or their user was notified what they were."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shared.domain.notification import NotificationKind
from tests.simulation.world import World


def settled(world: World) -> None:
    """Finds every note that the backend confirmed."""
    replaced = world.replaced()
    replaced |= {
        move.from_connection_id: new for new, (move, _) in world.backend.store.moves.items() if move.from_connection_id
    }
    for person in world.people:
        for (connection_id, transaction_id), text in sorted(person.notes.items()):
            places = list(_places(connection_id, replaced))
            if not any(_expected(world, place) for place in places if _is_last(world, place, replaced)):
                del person.notes[connection_id, transaction_id]
            elif not any(_found(world, place, transaction_id, text) for place in places) and not any(
                _withdrawn(world, place, transaction_id) for place in places
            ):
                world.violated(f"the note {text!r} on {transaction_id} of {connection_id} is lost")


def _places(connection_id: str, replaced: dict[str, str]) -> Iterator[str]:
    """The connection, and those that replaced it, one after the other."""
    yield connection_id
    while (successor := replaced.get(connection_id)) is not None:
        connection_id = successor
        yield connection_id


def _is_last(world: World, connection_id: str, replaced: dict[str, str]) -> bool:
    """Whether the notes are expected in this connection: it exists, or nothing replaced it."""
    return connection_id in world.backend.store.connections or connection_id not in replaced


def _expected(world: World, connection_id: str) -> bool:
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
    archived = [one.fields for one in store.archives.get(connection_id, {}).values()]
    if any((fields.get("user") or {}).get("note") == text for fields in (*rows.values(), *archived)):
        return True
    kept = (one for one in store.notifications.values() if one.kind is NotificationKind.NOTE_KEPT)
    return any(text in one.body for one in kept)


def _withdrawn(world: World, connection_id: str, transaction_id: str) -> bool:
    """Whether the user stopped sharing the account, which deletes its notes, even if it is shared again by now."""
    connection = world.backend.store.connections.get(connection_id)
    item = world.item_of(connection) if connection is not None else None
    if item is None:
        return False
    hidden = {row.transaction_id: row for row in item.hidden_rows}
    mark = f'"pending_transaction_id":"{transaction_id}"'.encode()
    versions = [item.log._row(place) for place in range(len(item.log))]
    posted = [row.transaction_id for row in (*hidden.values(), *versions) if row is not None and mark in row.body]
    return any(
        name in hidden or any(item.log._row(place) is None for place in item.log._places.get(name, [])[:-1])
        for name in (transaction_id, *posted)
    )
