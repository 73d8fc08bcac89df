"""The output of the demo: steps, a live progress bar and tables, or plain lines without a terminal."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from emulators.setup import ROOT
from emulators.terminal import printable

Document = dict[str, Any]
NEWEST = 12
SHOWN = (
    *("transaction_id", "account_id", "date", "name", "merchant_name", "pending", "amount", "category"),
    *("iso_currency_code", "unofficial_currency_code", "user"),
)
SPENDING = ROOT / "web" / "src" / "bank" / "spending.json"
UNCATEGORIZED = "UNCATEGORIZED"
WITHOUT_CENTS = {
    "BIF",
    "CLP",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "GBX",
    "PYG",
    "RWF",
    "UGX",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
}


def currency_of(document: Document) -> str:
    """The currency's code, official or not."""
    return document.get("iso_currency_code") or document.get("unofficial_currency_code") or "?"


def money(text: str | None, currency: str) -> str:
    """An amount with all its digits, digit grouping, and at least the usual decimals of its currency."""
    if text is None:
        return "-"
    amount = Decimal(text)
    exponent = amount.as_tuple().exponent
    places = max(-exponent if isinstance(exponent, int) else 0, 0 if currency in WITHOUT_CENTS else 2)
    return f"{amount:,.{places}f} {currency}"


def spending(transactions: Sequence[Document]) -> dict[str, list[tuple[str, Decimal, int]]]:
    """Spending by category for each currency, the largest first: (category, sum, count).

    It is defined as in the web app (web/src/bank/spending.ts): transfers, loan payments and income are not spending,
    a refund reduces its category, and the user's own category overrides the bank's.
    """
    rules = json.loads(SPENDING.read_text(encoding="utf-8"))
    sums: dict[str, dict[str, list[Decimal]]] = defaultdict(lambda: defaultdict(list))
    for transaction in transactions:
        user, primary = transaction.get("user") or {}, (transaction.get("category") or {}).get("primary")
        amount, category = Decimal(transaction["amount"]), user.get("category") or primary  # positive: money out
        if user.get("hidden") or (amount < 0 and primary in rules["received"]):
            continue
        if amount > 0 if category is None else category not in rules["not_spent"]:
            sums[currency_of(transaction)][category or UNCATEGORIZED].append(amount)
    found = {
        currency: sorted(
            ((category, sum(amounts, Decimal()), len(amounts)) for category, amounts in categories.items()),
            key=lambda row: (-row[1], row[0]),
        )
        for currency, categories in sorted(sums.items())
    }
    with_cost = {currency: [row for row in rows if row[1]] for currency, rows in found.items()}
    return {currency: rows for currency, rows in with_cost.items() if rows}


def words(constant: str) -> str:
    """`FOOD_AND_DRINK` as `Food and drink`; a user's own category as it is."""
    return constant.replace("_", " ").capitalize() if constant.isupper() else constant


def plain(text: object, style: str = "") -> Text:
    """Text from a bank or a user for the console: markup, emoji codes and control characters are shown literally."""
    return Text(printable(text), style=style)


def titled(title: str) -> Table:
    """An empty table in the style of the demo."""
    return Table(title=plain(title), title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)


class View:
    """Writes to the terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        if not self.console.is_terminal:
            self.console = Console(file=self.console.file, highlight=False, width=110)

    def step(self, text: str) -> None:
        """Prints one completed step."""
        self.console.print(Text.assemble(("• ", "dim"), plain(text)))

    @contextmanager
    def progress(self) -> Iterator[Callable[[Document], None]]:
        """Shows progress documents as they arrive: as a bar, or one line each."""
        if not self.console.is_terminal:
            said = ""

            def say(document: Document) -> None:
                nonlocal said
                if (line := self._line(document)) != said:
                    said = line
                    self.console.print(plain(f"  {line}"), soft_wrap=True)

            yield say
            return
        columns = [SpinnerColumn(), BarColumn(36), TextColumn("{task.description}", markup=False), TimeElapsedColumn()]
        with Progress(*columns, console=self.console) as bar:
            task = bar.add_task("waiting", total=None)

            def update(document: Document) -> None:
                percent = self._percent(document)
                total = None if percent is None else 100.0
                bar.update(task, total=total, completed=percent or 0.0, description=printable(self._line(document)))

            yield update

    @staticmethod
    def _percent(document: Document) -> float | None:
        """The progress in percent; None while the size of the history is unknown."""
        if document["status"] == "completed":
            return 100.0 if document["history_complete"] else None
        return document.get("percent") if document["status"] == "in_progress" else None

    @classmethod
    def _line(cls, document: Document) -> str:
        parts = [document["status"]]
        if document.get("stage") and document["stage"] != document["status"]:
            parts.append(str(document["stage"]))
        parts += [f"{document.get('added', 0):,} transactions", f"page {document.get('pages', 0)}"]
        if (percent := cls._percent(document)) is not None:
            parts.append(f"{percent:.0f}%")
        if document["status"] == "completed" and not document["history_complete"]:
            parts.append("history incomplete")
        if error := document.get("error"):
            parts.append(f"{error.get('code')}: {error.get('message')}")
        return " · ".join(parts)

    def summary(
        self, institution: str, connection: Document, accounts: Sequence[Document], transactions: Sequence[Document]
    ) -> None:
        """Prints the institution, accounts, newest transactions and spending."""
        self.console.print()
        status = plain(f" · {connection.get('status', '?')}")
        self.console.rule(Text.assemble(plain(institution, "bold"), status), align="left")
        self.console.print(self._accounts(accounts))
        if transactions:
            names = {account["account_id"]: account["name"] for account in accounts}
            self.console.print(self._newest(transactions, names))
        for currency, rows in spending(transactions).items():
            self.console.print(self._spending(currency, rows))

    def _accounts(self, accounts: Sequence[Document]) -> Table:
        table = titled(f"Accounts ({len(accounts)})")
        table.add_column("Account", overflow="fold")
        table.add_column("Mask")
        table.add_column("Type")
        for name in ("Available", "Current", "Limit"):
            table.add_column(name, justify="right", no_wrap=True)
        for account in sorted(accounts, key=lambda row: (row["type"], row.get("mask") or "", row["name"])):
            balances = account["balances"]
            currency = currency_of(balances)
            kind = account.get("subtype") or account["type"]
            amounts = [money(balances.get(name), currency) for name in ("available", "current", "limit")]
            table.add_row(*map(plain, (account["name"], account.get("mask") or "-", kind, *amounts)))
        return table

    def _newest(self, transactions: Sequence[Document], names: dict[str, str]) -> Table:
        table = titled(f"Newest transactions ({min(NEWEST, len(transactions))} of {len(transactions)})")
        table.add_column("Date", no_wrap=True)
        table.add_column("What", max_width=38, no_wrap=True)
        table.add_column("Account", max_width=22, no_wrap=True)
        table.add_column("Category", max_width=22, no_wrap=True)
        table.add_column("Amount", justify="right", no_wrap=True)
        for row in transactions[:NEWEST]:
            amount = Decimal(row["amount"])
            text = money(str(-amount) if amount < 0 else row["amount"], currency_of(row))
            table.add_row(
                plain(row["date"]),
                Text.assemble(
                    plain(row.get("merchant_name") or row["name"]), (" (pending)" if row["pending"] else "", "dim")
                ),
                plain(names.get(row["account_id"], "?")),
                plain(words((row.get("category") or {}).get("primary") or "-")),
                plain(f"+{text}", "green") if amount < 0 else plain(text),
            )
        return table

    def _spending(self, currency: str, rows: Sequence[tuple[str, Decimal, int]]) -> Table:
        total, paid = sum((row[1] for row in rows), Decimal()), sum((max(row[1], Decimal()) for row in rows), Decimal())
        table = titled(f"Spending by category ({currency})")
        table.add_column("Category")
        table.add_column("", no_wrap=True)
        table.add_column("Share", justify="right")
        table.add_column("Transactions", justify="right")
        table.add_column("Spent", justify="right", no_wrap=True)
        for category, spent, count in rows:
            # A category with refunds only has no share of the payments.
            bar = "█" * max(1, round(24 * spent / rows[0][1])) if spent > 0 else ""
            share = f"{spent / paid:.1%}" if spent > 0 else ""
            amount = money(str(spent), currency)
            table.add_row(plain(words(category)), Text(bar, style="cyan"), share, f"{count:,}", plain(amount))
        table.add_section()
        count = sum(row[2] for row in rows)
        amount = money(str(total), currency)
        table.add_row(Text("Total", style="bold"), "", "", f"{count:,}", plain(amount, "bold"))
        return table
