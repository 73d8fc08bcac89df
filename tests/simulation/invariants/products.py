"""Each product's rows are Plaid's, and none of a product that is off, revoked or removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from emulators.plaid.items import Item
from shared.adapters.plaid import exact_json, investment_mapping, liability_mapping, recurring_mapping
from shared.domain.connection import BankConnection
from shared.domain.products.kinds import ProductKind, ProductStatus
from shared.domain.products.rows import ProductRow, digest_of
from shared.domain.status import token_was_lost
from tests.simulation.invariants.rows import hidden_accounts
from tests.simulation.invariants.status import HEALTHY
from tests.simulation.world import World

PATHS = {
    ProductKind.RECURRING: "/transactions/recurring/get",
    ProductKind.LIABILITIES: "/liabilities/get",
    ProductKind.HOLDINGS: "/investments/holdings/get",
    ProductKind.INVESTMENT_TRANSACTIONS: "/investments/transactions/get",
}
PAGE = 500
OF_THE_DAY = ("is_active", "status", "predicted_next_date")
CALLS = tuple(PATHS.values())


def settled(world: World) -> None:
    """Compares every product of the connections whose item delivers data."""
    store = world.backend.store
    for (connection_id, kind), rows in sorted(store.product_rows.items()):
        if rows and connection_id not in store.connections and connection_id not in store.tombstones:
            world.violated(f"{connection_id} was removed, but has {len(rows)} rows of {kind}")
    for connection_id in sorted({one.state.connection_id for one in store.products.values()} - store.states.keys()):
        world.violated(f"{connection_id} has states of products, but none of its own")
    if not world.backend.settings.sync_products:
        _check_off(world)
        return
    for connection in list(store.connections.values()):
        item = world.item_of(connection)
        if item is None or item.removed:
            continue
        if item.revoked:
            _check_revoked(world, connection)
        elif item.error is None and connection.status in HEALTHY and not item.consent.withdrawn:
            for kind in ProductKind:
                _compare(world, connection, item, kind)


def _check_off(world: World) -> None:
    """Without the setting there is no product call, and no document."""
    if world.backend.store.products or world.backend.store.product_views:
        world.violated("products are off, but a product has a state")
    for item_id, calls in world.plaid.world.calls_of_item.items():
        if asked := [path for path in CALLS if calls.get(path)]:
            world.violated(f"products are off, but {asked} was called for {item_id}")


def _check_revoked(world: World, connection: BankConnection) -> None:
    if token_was_lost(connection):
        return  # if the webhook is lost too, nothing can tell the backend
    store, name = world.backend.store, connection.connection_id
    if any(rows for (owner, _), rows in store.product_rows.items() if owner == name):
        world.violated(f"{name} was revoked, but has rows of products")
    if any(view.connection_id == name for view in store.product_views.values()):
        world.violated(f"{name} was revoked, but has products")


def _compare(world: World, connection: BankConnection, item: Item, kind: ProductKind) -> None:
    name, store = connection.connection_id, world.backend.store
    state = store.states.get(name)
    if state is None or not state.state.history_complete:
        return
    view = store.product_views.get(f"{name}.{kind}")
    if view is None:
        world.violated(f"{name} has no state of {kind}")
        return
    stored = {i: _digest(row) for i, row in store.product_rows.get((name, kind), {}).items()}
    found, hidden = _truth(world, item, kind), hidden_accounts(world, connection, item)
    if found is None:
        if view.status in (ProductStatus.READY, ProductStatus.FAILED):
            world.violated(f"{name}: {kind} is {view.status}, but Plaid refuses it")
        return
    if view.status is ProductStatus.NO_ACCOUNTS:
        if stored:
            world.violated(f"{name}: {kind} has no accounts, but {len(stored)} rows")
        return
    truth = _digests(row for row in found if row.fields.get("account_id") not in hidden)
    if view.status is not ProductStatus.READY:
        world.violated(f"{name}: {kind} is {view.status}: {view.error}")
        return
    if missing := sorted(truth.keys() - stored.keys()):
        world.violated(f"{name} misses {len(missing)} of {len(truth)} rows of {kind}, such as {missing[0]}")
    if extra := sorted(stored.keys() - truth.keys()):
        world.violated(f"{name} has {len(extra)} rows of {kind} too many, such as {extra[0]}")
    if differing := sorted(i for i in truth.keys() & stored.keys() if truth[i] != stored[i]):
        world.violated(f"{name}: {differing[0]} of {kind} differs")


def _truth(world: World, item: Item, kind: ProductKind) -> Sequence[ProductRow] | None:
    """What Plaid has; None if it refuses the product."""
    rows: list[ProductRow] = []
    while True:
        body: dict[str, Any] = {"access_token": item.access_token}
        if kind is ProductKind.INVESTMENT_TRANSACTIONS:
            today = world.plaid.world.clock.today()
            body |= {"start_date": str(today - timedelta(days=730)), "end_date": str(today)}
            body |= {"options": {"offset": len(rows), "count": PAGE}}
        status, answer = world.plaid.asked(PATHS[kind], body)
        if status != 200:
            return None
        read = exact_json.parse(answer)
        match kind:
            case ProductKind.RECURRING:
                return recurring_mapping.snapshot(read).rows
            case ProductKind.LIABILITIES:
                return liability_mapping.snapshot(read).rows
            case ProductKind.HOLDINGS:
                return investment_mapping.holdings(read).rows
            case ProductKind.INVESTMENT_TRANSACTIONS:
                page = investment_mapping.transactions(read)
                rows += page.rows
                if len(rows) >= page.total or not page.rows:
                    return rows


def _digests(rows: Iterable[ProductRow]) -> dict[str, str]:
    return {row.row_id: _digest(row.fields) for row in rows}


def _digest(fields: Mapping[str, Any]) -> str:
    """Without what changes with the day alone, which a poll reads later.

    Whether a stream is active depends on the date; a trade names its security, whose price is read again with the
    weekly pass over old trades.
    """
    if "stream_id" in fields:
        fields = {name: value for name, value in fields.items() if name not in OF_THE_DAY}
    if "investment_transaction_id" in fields and fields["security"] is not None:
        fields = {**fields, "security": fields["security"]["security_id"]}
    return digest_of(fields)
