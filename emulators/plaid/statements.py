"""The monthly statements of an Item's depository accounts, made from its transactions.

Source: plaid.com/docs/api/products/statements: only depository accounts have statements, and the posting date decides
whether a statement falls within a range; it is the last day of the statement's month.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from emulators.plaid import wire
from emulators.plaid.bank import Account
from emulators.plaid.ids import derive
from emulators.plaid.items import Item, Readiness
from emulators.plaid.pdf import write_pdf
from emulators.plaid.synclog import Row

Json = dict[str, Any]
_DEFAULT_MONTHS = 3
_FIRST_YEAR = 2010


class Statement(NamedTuple):
    """One statement of one account; `posted` is the last day of its month."""

    statement_id: str
    account: Account
    posted: date

    def as_object(self) -> Json:
        return {
            "statement_id": self.statement_id,
            "month": self.posted.month,
            "year": self.posted.year,
            "date_posted": str(self.posted),
        }


def accounts_with_statements(item: Item) -> list[Account]:
    return [account for account in item.accounts if account.type == "depository"]


def statements(item: Item, account: Account, today: date) -> list[Statement]:
    """The extracted statements of an account, newest first."""
    periods = [(date.fromisoformat(first), date.fromisoformat(last)) for first, last in extracted_periods(item)]
    days = {day for first, last in periods for day in _month_ends(first, min(last, today))}
    return [
        Statement(derive(item.item_id, "statement", account.account_id, str(day)), account, day)
        for day in sorted(days, reverse=True)
    ]


def extracted_periods(item: Item) -> list[list[str]]:
    """The requested ranges of posting dates; without a request the last three months before the Item's creation."""
    if item.statement_periods:
        return item.statement_periods
    created = item.created_at.date()
    first = created.replace(day=1)
    for _ in range(_DEFAULT_MONTHS):
        first = (first - timedelta(days=1)).replace(day=1)
    return [[str(first), str(created)]]


def _month_ends(first: date, last: date) -> Iterator[date]:
    day = max(first, date(_FIRST_YEAR, 1, 1)).replace(day=1)
    while True:
        following = (day + timedelta(days=31)).replace(day=1)
        end = following - timedelta(days=1)
        if end > last:
            return
        if end >= first:
            yield end
        day = following


def as_pdf(item: Item, statement: Statement) -> bytes:
    """The statement as a PDF: the bank, the owner, the account, the transactions and the balances of the month."""
    account, first = statement.account, statement.posted.replace(day=1)
    rows = _posted(item, account)
    month = [row for row in rows if str(first) <= row["date"] <= str(statement.posted)]
    later = sum((Decimal(row["amount"]) for row in rows if row["date"] > str(statement.posted)), Decimal())
    closing = Decimal(account.current or 0) + later
    opening = closing + sum((Decimal(row["amount"]) for row in month), Decimal())
    currency = account.currency or account.unofficial_currency or ""
    title = f"{item.institution.name} - statement of {statement.posted:%B %Y}"
    lines = [
        title,
        "",
        *_owner(account),
        "",
        f"Account: {account.official_name or account.name}, ending in {account.mask or '-'}",
        f"Period:  {first} to {statement.posted}",
        "",
        f"{'Opening balance':<60}{_money(opening, currency)}",
        *(f"{row['date']}  {str(row['name'])[:46]:<48}{_money(-Decimal(row['amount']), currency)}" for row in month),
        f"{'Closing balance':<60}{_money(closing, currency)}",
    ]
    return write_pdf(title, lines)


def _owner(account: Account) -> list[str]:
    lines: list[str] = []
    for owner in account.owners:
        lines.append(" and ".join(owner["names"]))
        for address in owner["addresses"][:1]:
            data = address["data"]
            parts = (data[key] for key in ("city", "region", "postal_code", "country"))
            lines += [str(data["street"] or ""), " ".join(str(part) for part in parts if part)]
    return lines


def _money(amount: Decimal, currency: str) -> str:
    return f"{amount:>15,.2f} {currency}"


def _posted(item: Item, account: Account) -> list[Json]:
    """The posted transactions of an account at its bank, oldest first, whether or not Plaid has loaded them yet."""
    rows = [wire.loads(row.body) for row in _at_the_bank(item) if row.account_id == account.account_id]
    valid = [row for row in rows if not row["pending"] and isinstance(row["date"], str)]
    return sorted(valid, key=lambda row: str(row["date"]))


def _at_the_bank(item: Item) -> Iterator[Row]:
    whole = len(item.portfolio.history)
    loaded = {Readiness.NOT_READY: 0, Readiness.INITIAL: item.portfolio.recent, Readiness.HISTORICAL: whole}
    yield from item.log.current()
    yield from (item.portfolio.history.row(index) for index in range(loaded[item.readiness], whole))
