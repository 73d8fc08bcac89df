"""Every account of a user counts once, however often it is connected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from shared.domain.account import Account
from shared.domain.connection import BankConnection, ItemStatus
from tests.simulation.world import Person, World

Name = tuple[str | None, str, str]


def settled(world: World) -> None:
    """Finds accounts of two usable connections that have the same bank, name and mask, and count twice."""
    for person in world.people:
        counted: dict[Name, str] = {}
        for connection, name, account in _named(world, person):
            other = counted.get(name)
            if account["duplicate_of"] is None and other not in (None, connection.connection_id):
                world.violated(f"{name[1:]} counts in {other} and in {connection.connection_id}")
            if account["duplicate_of"] is None:
                counted[name] = connection.connection_id


def _named(world: World, person: Person) -> Iterator[tuple[BankConnection, Name, Account]]:
    """The accounts that their names tell apart from the others of their connection."""
    for connection in world.connections_of(person):
        accounts = world.backend.store.account_rows.get(connection.connection_id, {}).values()
        names = Counter((account["name"], account["mask"]) for account in accounts)
        for account in accounts if connection.status is not ItemStatus.ERROR else ():
            name, mask = account["name"], account["mask"]
            if connection.institution_id and name and mask and names[name, mask] == 1:
                yield connection, (connection.institution_id, name, mask), account
