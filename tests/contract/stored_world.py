"""A world whose store is Firestore: use cases on the real adapters, with Plaid and the vault faked and counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.firestore.budgets import FirestoreBudgets
from shared.adapters.firestore.connections import FirestoreConnections
from shared.adapters.firestore.credentials import FirestoreCredentials
from shared.adapters.firestore.erasures import FirestoreErasures
from shared.adapters.firestore.exchange_intents import FirestoreIntents
from shared.adapters.firestore.history_moves import FirestoreHistoryMoves
from shared.adapters.firestore.item_holders import FirestoreItems
from shared.adapters.firestore.limits import FirestoreLimits
from shared.adapters.firestore.link_sessions import FirestoreLinks
from shared.adapters.firestore.profiles import FirestoreProfiles
from shared.adapters.firestore.purge import FirestoreConnectionData
from shared.adapters.firestore.removals import FirestoreRemovals
from shared.adapters.firestore.syncs import FirestoreSyncs
from shared.adapters.threads import ThreadExecutor
from tests.fakes import FakeClock, FakeVault
from tests.usecases.conftest import World


class Store:
    """The ports `Connections` and `Syncs` in one object, like the fake store."""

    def __init__(self, *ports: Any) -> None:
        self._ports = ports

    def __getattr__(self, name: str) -> Any:
        return next(getattr(port, name) for port in self._ports if hasattr(port, name))


def stored_world(client: Any, clock: FakeClock) -> World:
    """A world on this Firestore."""
    world: Any = World(clock=clock)
    audit = FirestoreAudit(client, function="test", retention=timedelta(days=1))
    connections, syncs = FirestoreConnections(client, audit=audit), FirestoreSyncs(client, audit=audit)
    store = Store(connections, syncs)
    world.store = store
    world.vault = FakeVault(world.calls)
    world.limits = FirestoreLimits(client)
    world.links = FirestoreLinks(client)
    world.budgets = FirestoreBudgets(client)
    world.profiles = FirestoreProfiles(client)
    world.intents = FirestoreIntents(client, audit=audit)
    world.credentials = FirestoreCredentials(client, audit=audit)
    world.removals = FirestoreRemovals(client, audit=audit)
    world.erasures = FirestoreErasures(client, audit=audit)
    world.moves = FirestoreHistoryMoves(client, audit=audit)
    connection_data = FirestoreConnectionData(client, executors=ThreadExecutor)
    world.cap = replace(world.cap, connections=connections, links=world.links)
    world.status_events = replace(world.status_events, connections=connections, profiles=world.profiles)
    world.check = replace(
        world.check,
        connections=connections,
        credentials=world.credentials,
        syncs=syncs,
        vault=world.vault,
        status_events=world.status_events,
    )
    world.ownership = replace(world.ownership, items=FirestoreItems(client), connections=connections)
    world.remover = replace(
        world.remover,
        removals=world.removals,
        connection_data=connection_data,
        erasures=world.erasures,
        ownership=world.ownership,
        vault=world.vault,
    )
    world.eraser = replace(
        world.eraser,
        connections=connections,
        intents=world.intents,
        removals=world.removals,
        connection_remover=world.connection_remover,
        connection_data=connection_data,
        erasures=world.erasures,
        profiles=world.profiles,
    )
    made: World = world
    return made
