"""The tables of the demo's products: bills and income, debts, positions and investment transactions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from rich.table import Table

from emulators.client import Document
from emulators.demo_view import currency_of, money, plain, titled, words

SHOWN = 8
OWED = ("credit", "loan")
Column = tuple[str, bool]  # its name, and whether it holds numbers


def streams(rows: Sequence[Document]) -> Table:
    """Active bills, subscriptions and regular income, the next one first, with the last change of each amount."""
    active = [row for row in rows if row["is_active"]]
    listed = sorted(active, key=lambda row: row.get("predicted_next_date") or "9999")
    return _table(
        f"Bills and income ({_of(active)} active, {len(rows)} in all)",
        [("Next", False), ("What", False), ("Frequency", False), ("Amount", True), ("Before", True)],
        (
            (
                row.get("predicted_next_date") or "-",
                row.get("merchant_name") or row["description"],
                words(row["frequency"]),
                _signed(row, row.get("last_amount") or row.get("average_amount")),
                _signed(row, row.get("amount_before")),
            )
            for row in listed[:SHOWN]
        ),
    )


def debts(rows: Sequence[Document], accounts: Sequence[Document]) -> Table:
    """Every account that is owed or has a liability, the next due date first."""
    known = {row["account_id"]: row for row in rows}
    owed = [(one, known.get(one["account_id"], {})) for one in accounts if one["type"] in OWED]
    listed = sorted(owed, key=lambda one: one[1].get("next_payment_due_date") or "9999")
    return _table(
        f"Debts ({_of(listed)})",
        [("Due", False), ("Debt", False), ("Interest", True), ("Minimum payment", True), ("Owed", True)],
        (
            (
                debt.get("next_payment_due_date") or "-",
                debt.get("loan_name") or account["name"],
                _interest(debt),
                _money(debt, "minimum_payment_amount"),
                money(account["balances"].get("current"), currency_of(account["balances"])),
            )
            for account, debt in listed[:SHOWN]
        ),
    )


def positions(rows: Sequence[Document]) -> Table:
    """The largest positions with weight and gain, and the value of all by currency."""
    values: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        values[row.get("currency") or "?"] += Decimal(row.get("institution_value") or 0)
    listed = sorted(rows, key=lambda row: -Decimal(row.get("institution_value") or 0))
    table = _table(
        f"Positions ({_of(rows)})",
        [("Security", False), ("Quantity", True), ("Price", True), ("Weight", True), ("Gain", True), ("Value", True)],
        (
            (
                _security(row),
                row["quantity"],
                _money(row, "institution_price"),
                _weight(row, values),
                _gain(row),
                rounded(row.get("institution_value"), row.get("currency") or "?"),
            )
            for row in listed[:SHOWN]
        ),
    )
    table.add_section()
    for currency, value in values.items():
        table.add_row(plain("All positions", "bold"), "", "", "", "", plain(rounded(str(value), currency), "bold"))
    return table


def trades(rows: Sequence[Document]) -> Table:
    """The newest investment transactions; as for transactions, `+` marks money that came in."""
    listed = sorted(rows, key=lambda row: str(row["date"]), reverse=True)
    return _table(
        f"Investment transactions ({_of(rows)})",
        [("Date", False), ("What", False), ("Type", False), ("Amount", True)],
        ((row["date"], row["name"], words(row["type"].upper()), _signed(row, row["amount"])) for row in listed[:SHOWN]),
    )


def _of(rows: Sequence[object]) -> str:
    return f"{min(SHOWN, len(rows))} of {len(rows)}"


def _table(title: str, columns: Sequence[Column], rows: Iterable[Sequence[object]]) -> Table:
    made = titled(title)
    for name, is_number in columns:
        made.add_column(
            name, justify="right" if is_number else "left", max_width=None if is_number else 44, no_wrap=True
        )
    for row in rows:
        made.add_row(*map(plain, row))
    return made


def _money(row: Document, name: str) -> str:
    return money(row.get(name), row.get("currency") or "?")


def _signed(row: Document, amount: str | None) -> str:
    """An amount of Plaid, which is positive for money out."""
    text = money(amount and amount.removeprefix("-"), row.get("currency") or "?")
    return f"+{text}" if amount and amount.startswith("-") else text


def rounded(amount: str | None, currency: str) -> str:
    """A computed amount, such as a quantity times a price. Below 1, as of cryptocurrencies, no digit is lost."""
    if amount is None or abs(Decimal(amount)) < 1:
        return money(amount, currency)
    return money(str(round(Decimal(amount), 2)), currency)


def _interest(debt: Document) -> str:
    """A loan's rate, or a card's for purchases."""
    cards = {one["type"]: one["percentage"] for one in debt.get("aprs", [])}
    rate = debt.get("interest_rate") or cards.get("purchase_apr") or next(iter(cards.values()), None)
    return "-" if rate is None else f"{rate}%"


def _weight(row: Document, values: Mapping[str, Decimal]) -> str:
    value, total = row.get("institution_value"), values[row.get("currency") or "?"]
    return "-" if value is None or not total else f"{Decimal(value) / total:.1%}"


def _gain(row: Document) -> str:
    """Unknown without a cost, which is not 0; cash has none."""
    value, cost = row.get("institution_value"), row.get("cost_basis")
    if value is None or cost is None or row.get("is_cash"):
        return "-"
    gain = Decimal(value) - Decimal(cost)
    return f"{'+' if gain >= 0 else ''}{rounded(str(gain), row.get('currency') or '?')}"


def _security(row: Document) -> str:
    security = row.get("security") or {}
    return str(security.get("name") or security.get("ticker") or "?")
