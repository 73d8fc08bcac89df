"""The demo's net worth over time, from the recorded balances."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from rich.table import Table

from emulators.client import Document
from emulators.demo_tables import OWED, rounded
from emulators.demo_view import plain, titled

SHOWN = 6
Days = dict[str, tuple[Decimal, bool]]  # the signed balance, and whether it was computed from transactions


@dataclass(frozen=True)
class Total:
    """The net worth of one day, and the number of accounts that it is the sum of."""

    day: str
    net: Decimal
    accounts: int
    is_computed: bool


def net_worth(months: Sequence[Document], accounts: Sequence[Document]) -> dict[str, list[Total]]:
    """The last day of each month with a known total, for each currency, newest first.

    An account counts from the first day on which its balance is known. A later day on which it is unknown has no total.
    """
    known: defaultdict[str, defaultdict[str, Days]] = defaultdict(lambda: defaultdict(dict))
    types = {one["account_id"]: one["type"] for one in accounts}
    for month in months:
        account, computed = month["account_id"], month.get("derived") or {}
        for day, balances in month["days"].items():
            owed = types.get(account) in OWED
            balance = balances["current"] if owed or balances["current"] is not None else balances["available"]
            if account in types and balance is not None:
                amount = -Decimal(balance) if owed else Decimal(balance)
                entry = amount, bool(computed.get(day))
                known[month.get("currency") or "?"][account][f"{month['month']}-{day}"] = entry
    return {currency: _last_of_months(list(histories.values())) for currency, histories in known.items()}


def _last_of_months(histories: Sequence[Days]) -> list[Total]:
    found: dict[str, Total] = {}
    for day in sorted({day for history in histories for day in history}):
        begun = [history for history in histories if min(history) <= day]
        entries = [history[day] for history in begun if day in history]
        if len(entries) == len(begun):
            total = sum((amount for amount, _ in entries), Decimal())
            found[day[:7]] = Total(day, total, len(begun), any(computed for _, computed in entries))
    return sorted(found.values(), key=lambda one: one.day, reverse=True)


def net_worth_table(currency: str, totals: Sequence[Total]) -> Table:
    """The newest months."""
    table = titled(f"Net worth by month ({currency})")
    table.add_column("Day", no_wrap=True)
    table.add_column("Accounts", justify="right")
    table.add_column("Source")
    table.add_column("Net worth", justify="right", no_wrap=True)
    for one in totals[:SHOWN]:
        source = "computed from transactions" if one.is_computed else "bank"
        table.add_row(*map(plain, (one.day, one.accounts, source, rounded(str(one.net), currency))))
    return table
