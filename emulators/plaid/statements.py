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
from emulators.plaid.bydate import NO_DATE, day_of
from emulators.plaid.ids import derive
from emulators.plaid.items import Item, Readiness
from emulators.plaid.pdf import write_pdf
from emulators.plaid.synclog import Row

Json = dict[str, Any]
Periods = list[list[str]]  # first and last posting dates
_DEFAULT_MONTHS = 3
_FIRST_YEAR = 2010


class Posting(NamedTuple):
    """A posted transaction as its bank shows it."""

    day: str
    name: str
    amount: Decimal


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
    return [
        Statement(derive(item.item_id, "statement", account.account_id, str(day)), account, day)
        for day in sorted(_posting_days(extracted_periods(item), today), reverse=True)
    ]


def count_statements(item: Item, periods: Periods, today: date) -> int:
    """The number of statements of all accounts in these periods."""
    return len(accounts_with_statements(item)) * len(_posting_days(periods, today))


def _posting_days(periods: Periods, today: date) -> set[date]:
    ranges = ((date.fromisoformat(first), date.fromisoformat(last)) for first, last in periods)
    return {day for first, last in ranges for day in _month_ends(first, min(last, today))}


def extracted_periods(item: Item) -> Periods:
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
    since = _posted(item, account, str(first))
    month = [posting for posting in since if posting.day <= str(statement.posted)]
    closing = Decimal(account.current or 0) + sum(posting.amount for posting in since[len(month) :])
    opening = closing + sum(posting.amount for posting in month)
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
        *(f"{posting.day}  {posting.name[:46]:<48}{_money(-posting.amount, currency)}" for posting in month),
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


def _posted(item: Item, account: Account, first: str) -> list[Posting]:
    """The account's posted transactions since a day, oldest first, whether or not Plaid has loaded them yet."""
    found = []
    for row in _at_the_bank(item, account.account_id, first):
        written, day = wire.loads(row.body), day_of(row.body)
        amount = wire.decimal(written["amount"])
        if day != NO_DATE and amount is not None and written["pending"] is False:
            found.append(Posting(day, str(written["name"]), amount))
    return sorted(found)


def _at_the_bank(item: Item, account_id: str, first: str) -> Iterator[Row]:
    """The account's transactions since a day. Both lists are newest first, so older rows need not be created."""
    for dated in item.log.newest_first():
        if dated.day < first:
            break
        if dated.account_id == account_id:
            yield item.log.row_at(dated.place)
    history, recent = item.portfolio.history, item.portfolio.recent
    loaded = {Readiness.NOT_READY: 0, Readiness.INITIAL: recent, Readiness.HISTORICAL: len(history)}
    for index in range(loaded[item.readiness], len(history)):
        row = history.row(index)
        if day_of(row.body) < first:
            break
        if row.account_id == account_id:
            yield row
