"""The demo's products besides transactions: waits for them, and shows net worth, bills, debts and positions."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, MutableMapping, Sequence

from rich.console import Console

from emulators import demo_tables as tables
from emulators.client import Document, Firestore, User
from emulators.demo_net_worth import net_worth, net_worth_table
from emulators.demo_view import View, words
from emulators.stack import Stack

ALL = "recurring,liabilities,holdings,investment_transactions"
PATIENCE = 20.0


def choose_products(environment: MutableMapping[str, str]) -> None:
    """The demo syncs every product unless SYNC_PRODUCTS says otherwise."""
    environment.setdefault("SYNC_PRODUCTS", ALL)


def show_products(stack: Stack, store: Firestore, user: User, connection_id: str, view: View) -> None:
    """Waits until every product has an answer, at most 20 seconds, and shows those with data."""
    wanted = [name for name in os.environ.get("SYNC_PRODUCTS", "").replace(" ", "").split(",") if name]
    parent = f"bank_connections/{connection_id}"

    def rows(collection: str) -> list[Document]:
        return list(store.owned(user.uid, collection, parent=parent))

    products: dict[str, Document] = {}
    deadline = time.monotonic() + PATIENCE
    while wanted and time.monotonic() < deadline:
        stack.check()
        products = {one["kind"]: one for one in rows("bank_products")}
        if {*wanted} <= products.keys() and all(one["status"] != "syncing" for one in products.values()):
            break
        time.sleep(0.2)
    if wanted:
        states = ", ".join(f"{words(kind.upper())}: {words(one['status'].upper())}" for kind, one in products.items())
        view.step(f"Products: {states or 'none yet'}")
    accounts = rows("bank_accounts")
    for currency, totals in net_worth(rows("bank_balances"), accounts).items():
        view.console.print(net_worth_table(currency, totals))
    print_products(view.console, {kind: rows(f"bank_{kind}") for kind in wanted}, accounts)


def print_products(console: Console, rows: Mapping[str, Sequence[Document]], accounts: Sequence[Document]) -> None:
    """Prints a table for each product that has rows."""
    if found := rows.get("recurring"):
        console.print(tables.streams(found))
    if found := rows.get("liabilities"):
        console.print(tables.debts(found, accounts))
    if found := rows.get("holdings"):
        console.print(tables.positions(found))
    if found := rows.get("investment_transactions"):
        console.print(tables.trades(found))
