"""How the demo looks: steps, a live progress bar, tables. Plain lines where there is no terminal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

Document = dict[str, Any]
NEWEST = 12
SHOWN = (
    *("transaction_id", "account_id", "date", "name", "merchant_name", "pending", "amount", "category"),
    *("iso_currency_code", "unofficial_currency_code"),
)
WITHOUT_CENTS = {
    "BIF",
    "CLP",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
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
    """An amount with every digit it came with, grouped, and at least the currency's usual places."""
    if text is None:
        return "-"
    amount = Decimal(text)
    exponent = amount.as_tuple().exponent
    places = max(-exponent if isinstance(exponent, int) else 0, 0 if currency in WITHOUT_CENTS else 2)
    return f"{amount:,.{places}f} {currency}"


def spending(transactions: Sequence[Document]) -> dict[str, list[tuple[str, Decimal, int]]]:
    """Money out by category, per currency, largest first: (category, sum, count)."""
    sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for transaction in transactions:
        amount = Decimal(transaction["amount"])  # positive: money out
        if amount <= 0:
            continue
        currency = currency_of(transaction)
        category = (transaction.get("category") or {}).get("primary") or "UNCATEGORIZED"
        sums[currency][category] += amount
        counts[currency, category] += 1
    return {
        currency: sorted(
            ((category, total, counts[currency, category]) for category, total in categories.items()),
            key=lambda row: (-row[1], row[0]),
        )
        for currency, categories in sorted(sums.items())
    }


def words(constant: str) -> str:
    """`FOOD_AND_DRINK` as `Food and drink`."""
    return constant.replace("_", " ").capitalize()


class View:
    """Writes to the terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        if not self.console.is_terminal:
            self.console = Console(file=self.console.file, highlight=False, width=110)

    def step(self, text: str) -> None:
        """One thing that was done."""
        self.console.print(f"[dim]•[/] {escape(text)}")

    @contextmanager
    def progress(self) -> Iterator[Callable[[Document], None]]:
        """Shows progress documents as they come: a bar, or a line for each."""
        if not self.console.is_terminal:
            said = ""

            def say(document: Document) -> None:
                nonlocal said
                if (line := self._line(document)) != said:
                    said = line
                    self.console.print(f"  {escape(line)}", soft_wrap=True)

            yield say
            return
        columns = [SpinnerColumn(), BarColumn(36), TextColumn("{task.description}"), TimeElapsedColumn()]
        with Progress(*columns, console=self.console) as bar:
            task = bar.add_task("waiting", total=None)

            def update(document: Document) -> None:
                percent = self._percent(document)
                total = None if percent is None else 100.0
                bar.update(task, total=total, completed=percent or 0.0, description=escape(self._line(document)))

            yield update

    @staticmethod
    def _percent(document: Document) -> float | None:
        """How far the run is; nothing while there is more to come of which nobody knows how much."""
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
            parts.append(f"{percent:.0f} %")
        if document["status"] == "completed" and not document["history_complete"]:
            parts.append("history still coming")
        if error := document.get("error"):
            parts.append(f"{error.get('code')}: {error.get('message')}")
        return " · ".join(parts)

    def summary(
        self, institution: str, connection: Document, accounts: Sequence[Document], transactions: Sequence[Document]
    ) -> None:
        """Institution, accounts, newest transactions, spending."""
        self.console.print()
        self.console.rule(f"[bold]{escape(institution)}[/] · {connection.get('status', '?')}", align="left")
        self.console.print(self._accounts(accounts))
        if transactions:
            names = {account["account_id"]: account["name"] for account in accounts}
            self.console.print(self._newest(transactions, names))
        for currency, rows in spending(transactions).items():
            self.console.print(self._spending(currency, rows))

    @staticmethod
    def _table(title: str) -> Table:
        return Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)

    def _accounts(self, accounts: Sequence[Document]) -> Table:
        table = self._table(f"Accounts ({len(accounts)})")
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
            table.add_row(escape(account["name"]), escape(account.get("mask") or "-"), kind, *amounts)
        return table

    def _newest(self, transactions: Sequence[Document], names: dict[str, str]) -> Table:
        table = self._table(f"Newest transactions ({min(NEWEST, len(transactions))} of {len(transactions)})")
        table.add_column("Date", no_wrap=True)
        table.add_column("What", max_width=38, no_wrap=True)
        table.add_column("Account", max_width=22, no_wrap=True)
        table.add_column("Category", max_width=22, no_wrap=True)
        table.add_column("Amount", justify="right", no_wrap=True)
        for row in transactions[:NEWEST]:
            amount = Decimal(row["amount"])
            text = money(str(-amount) if amount < 0 else row["amount"], currency_of(row))
            table.add_row(
                row["date"],
                escape(row.get("merchant_name") or row["name"]) + (" [dim](pending)[/]" if row["pending"] else ""),
                escape(names.get(row["account_id"], "?")),
                words((row.get("category") or {}).get("primary") or "-"),
                f"[green]+{text}[/]" if amount < 0 else text,
            )
        return table

    def _spending(self, currency: str, rows: Sequence[tuple[str, Decimal, int]]) -> Table:
        total = sum((row[1] for row in rows), Decimal())
        table = self._table(f"Spending by category ({currency})")
        table.add_column("Category")
        table.add_column("", no_wrap=True)
        table.add_column("Share", justify="right")
        table.add_column("Transactions", justify="right")
        table.add_column("Spent", justify="right", no_wrap=True)
        for category, spent, count in rows:
            bar = "█" * max(1, round(24 * spent / rows[0][1]))
            share = f"{spent / total:.1%}"
            table.add_row(words(category), f"[cyan]{bar}[/]", share, f"{count:,}", money(str(spent), currency))
        table.add_section()
        count = sum(row[2] for row in rows)
        table.add_row("[bold]Total[/]", "", "", f"{count:,}", f"[bold]{money(str(total), currency)}[/]")
        return table
