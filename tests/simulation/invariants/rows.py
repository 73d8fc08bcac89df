"""The store equals Plaid: rows, accounts, and what cannot be stored is on record."""

from __future__ import annotations

from typing import Any

from emulators.plaid.items import Item, Readiness
from shared.adapters.plaid import exact_json, transaction_mapping
from shared.adapters.plaid.values import Oddities
from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.set_aside import SetAsideRow, key_of
from shared.domain.status import token_was_lost
from shared.domain.storable import MAX_BYTES
from tests.simulation.invariants.status import HEALTHY
from tests.simulation.world import World

OURS = ("user", "run")


def settled(world: World) -> None:
    """Compares every connection whose item delivers data; what was revoked must be gone."""
    store = world.backend.store
    for connection in list(store.connections.values()):
        item = world.item_of(connection)
        if item is None or item.removed:
            continue
        if item.revoked:
            if token_was_lost(connection):
                continue  # if the webhook is lost too, nothing can tell the backend
            if store.rows.get(connection.connection_id) or store.account_rows.get(connection.connection_id):
                world.violated(f"{connection.connection_id} was revoked, but has data")
        elif item.error is None and connection.status in HEALTHY and not item.consent.withdrawn:
            compare(world, connection, item)
            _accounts(world, connection, item)
    for connection_id in store.rows.keys() - store.connections.keys():
        if store.rows[connection_id] and connection_id not in store.tombstones:
            world.violated(f"{connection_id} was removed, but has {len(store.rows[connection_id])} rows")


def compare(world: World, connection: BankConnection, item: Item) -> None:
    """Compares a connection's rows with its item's."""
    name, store = connection.connection_id, world.backend.store
    aside = dict[str, SetAsideRow]()
    at_plaid = world.plaid.truth(item)
    large = len(at_plaid) > MAX_BYTES
    mapped = transaction_mapping.transactions(exact_json.parse(at_plaid), Oddities(), aside, large=large)
    hidden = hidden_accounts(world, connection, item)
    truth = {row["transaction_id"]: row for row in mapped if row["account_id"] not in hidden}
    odd = {key for key, row in aside.items() if row.account_id not in hidden}
    rows = {i: {k: v for k, v in f.items() if k not in OURS} for i, f in store.rows.get(name, {}).items()}
    stored = {i: fields for i, fields in rows.items() if key_of(i) not in odd}
    if odd != {row.key for row in store.set_aside(name)}:
        world.violated(f"{name}: the rows set aside are not those that cannot be stored")
    if missing := sorted(truth.keys() - stored.keys()):
        world.violated(f"{name} misses {len(missing)} of {len(truth)} rows, such as {missing[0]}")
    if extra := sorted(stored.keys() - truth.keys()):
        world.violated(f"{name} has {len(extra)} rows too many, such as {extra[0]}")
    for transaction_id in sorted(truth.keys() & stored.keys()):
        if stored[transaction_id] != truth[transaction_id]:
            fields = _differing(stored[transaction_id], dict(truth[transaction_id]))
            world.violated(f"{name}: {transaction_id} differs in {fields}")
            return


def hidden_accounts(world: World, connection: BankConnection, item: Item) -> frozenset[str]:
    """Revoked accounts that the user shared again in an update mode that no app reported.

    Plaid may list a revoked account for a while. So the backend reads it again only after the app's report, or after a
    time in which Plaid did not list it.
    """
    state = world.backend.store.states[connection.connection_id].state
    return frozenset(state.revoked_accounts if item.item_id in world.unreported_updates else ())


def _differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _accounts(world: World, connection: BankConnection, item: Item) -> None:
    """Pages name only accounts with transactions: a change of another one is read with the next transaction.

    So are accounts that changed in an update mode that no app reported, if no row is about them.
    """
    name = connection.connection_id
    rows = world.backend.store.account_rows.get(name, {})
    at_plaid = {account.account_id for account in item.accounts} - hidden_accounts(world, connection, item)
    late = {account.account_id for account in item.accounts if not account.has_transactions}
    late |= {account_id for account_id, row in rows.items() if row["type"] in ("investment", "loan")}
    if item.item_id in world.unreported_updates:
        waits = item.readiness is Readiness.NOT_READY
        late |= (at_plaid | rows.keys()) - (set() if waits else {row.account_id for row in item.log.current()})
    if differing := sorted((rows.keys() ^ at_plaid) - late):
        world.violated(f"{name} has {len(rows)} accounts, Plaid has {len(at_plaid)}: {differing}")
    if connection.status is ItemStatus.GOOD and (set(connection.account_ids) ^ at_plaid) - late:
        world.violated(f"{name}.account_ids are not the accounts at Plaid")
