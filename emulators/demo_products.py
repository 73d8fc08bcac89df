"""The demo's products besides transactions: waits for them, and shows subscriptions, debts and positions."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, MutableMapping, Sequence

from rich.console import Console
from rich.table import Table

from emulators.client import Document, Firestore, User
from emulators.demo_view import View, money, plain, titled, words
from emulators.stack import Stack

ALL = "recurring,liabilities,holdings,investment_transactions"
PATIENCE = 20.0
SHOWN = 8


def choose_products(environment: MutableMapping[str, str]) -> None:
    """The demo syncs every product unless SYNC_PRODUCTS says otherwise."""
    environment.setdefault("SYNC_PRODUCTS", ALL)


def show_products(stack: Stack, store: Firestore, user: User, connection_id: str, view: View) -> None:
    """Waits until every product has an answer, at most 20 seconds, and shows those with data."""
    wanted = [name for name in os.environ.get("SYNC_PRODUCTS", "").replace(" ", "").split(",") if name]
    if not wanted:
        return
    parent = f"bank_connections/{connection_id}"
    products: dict[str, Document] = {}
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        stack.check()
        products = {one["kind"]: one for one in store.owned(user.uid, "bank_products", parent=parent)}
        if {*wanted} <= products.keys() and all(one["status"] != "syncing" for one in products.values()):
            break
        time.sleep(0.2)
    states = ", ".join(f"{words(kind.upper())}: {words(one['status'].upper())}" for kind, one in products.items())
    view.step(f"Products: {states or 'none yet'}")
    rows = {kind: list(store.owned(user.uid, f"bank_{kind}", parent=parent)) for kind in wanted}
    print_products(view.console, rows)


def print_products(console: Console, rows: dict[str, list[Document]]) -> None:
    """Prints a table for each product that has rows."""
    tables = {"recurring": _streams, "liabilities": _debts, "holdings": _positions, "investment_transactions": _trades}
    for kind, found in rows.items():
        if found:
            console.print(tables[kind](found))


def _streams(rows: Sequence[Document]) -> Table:
    active = [row for row in rows if row["is_active"]]
    listed = sorted(active, key=lambda row: row.get("predicted_next_date") or "9999")
    return _table(
        f"Recurring payments ({len(active)} active of {len(rows)})",
        ("Next", "What", "Frequency", "Amount"),
        (
            (
                row.get("predicted_next_date") or "-",
                row.get("merchant_name") or row["description"],
                words(row["frequency"]),
                _money(row, "average_amount"),
            )
            for row in listed[:SHOWN]
        ),
    )


def _debts(rows: Sequence[Document]) -> Table:
    listed = sorted(rows, key=lambda row: row.get("next_payment_due_date") or "9999")
    return _table(
        f"Debts ({len(rows)})",
        ("Due", "Kind", "Minimum payment", "Last statement"),
        (
            (
                row.get("next_payment_due_date") or "-",
                words(row["kind"].upper()),
                _money(row, "minimum_payment_amount"),
                _money(row, "last_statement_balance"),
            )
            for row in listed[:SHOWN]
        ),
    )


def _positions(rows: Sequence[Document]) -> Table:
    listed = sorted(rows, key=lambda row: -float(row.get("institution_value") or 0))
    return _table(
        f"Positions ({len(rows)})",
        ("Security", "Quantity", "Price", "Value"),
        (
            (_security(row), row["quantity"], _money(row, "institution_price"), _money(row, "institution_value"))
            for row in listed[:SHOWN]
        ),
    )


def _trades(rows: Sequence[Document]) -> Table:
    listed = sorted(rows, key=lambda row: str(row["date"]), reverse=True)
    return _table(
        f"Investment transactions ({min(SHOWN, len(rows))} of {len(rows)})",
        ("Date", "What", "Type", "Amount"),
        ((row["date"], row["name"], words(row["type"].upper()), _money(row, "amount")) for row in listed[:SHOWN]),
    )


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    made = titled(title)
    for number, name in enumerate(columns):
        last = number == len(columns) - 1
        made.add_column(name, justify="right" if last else "left", max_width=None if last else 44, no_wrap=True)
    for row in rows:
        made.add_row(*map(plain, row))
    return made


def _money(row: Document, name: str) -> str:
    return money(row.get(name), row.get("currency") or "?")


def _security(row: Document) -> str:
    security = row.get("security") or {}
    return str(security.get("name") or security.get("ticker") or "?")
