"""Transactions of investment accounts, which Plaid delivers by date and without a signal of removal.

So a run reads a window of days completely; stored rows in the window that did not come are deleted. Usual windows begin
`OVERLAP` before the last day that was read; once a week the window is the whole history.
Source: https://plaid.com/docs/api/products/investments/#investmentstransactionsget
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Self, TypedDict

from shared.domain.account import Account
from shared.domain.errors import EndlessPages
from shared.domain.products.kinds import ProductKind
from shared.domain.products.rows import ProductRow, StoredProductRow
from shared.domain.products.securities import Security
from shared.domain.products.snapshot import Snapshot

HISTORY = timedelta(days=730)  # Plaid's maximum is 24 months
OVERLAP = timedelta(days=30)  # banks correct and cancel trades within weeks
FULL_PASS_EVERY = timedelta(days=7)
MAX_RESTARTS = 3
MAX_ROWS = 50_000  # of one window; a run holds them all


class InvestmentTransaction(TypedDict):
    """One transaction. Amounts are decimal strings as sent; `amount` is positive when cash is debited.

    `quantity` is as the bank sent it. Some banks send sells with a positive quantity, so `units` is the quantity with
    the sign that the type demands: a sell is negative, a buy positive.
    """

    investment_transaction_id: str
    account_id: str
    date: str
    name: str
    type: str
    subtype: str | None
    quantity: str | None
    units: str | None
    price: str | None
    fees: str | None
    amount: str
    currency: str | None
    security: Security | None


def row_of(transaction: InvestmentTransaction) -> ProductRow:
    """The row of a transaction."""
    return ProductRow(transaction["investment_transaction_id"], transaction["account_id"], {**transaction})


def signed_units(kind: str, quantity: str | None) -> str | None:
    """The quantity with the sign that the type of the transaction demands."""
    if quantity is None or kind not in ("buy", "sell"):
        return quantity
    size = quantity.removeprefix("-")
    return size if kind == "buy" or not size.strip("0.") else f"-{size}"


@dataclass(frozen=True, slots=True)
class Window:
    """The days that a run reads, both included; `is_full` if it is the whole history."""

    start: date
    end: date
    is_full: bool

    @classmethod
    def next(cls, *, read_until: date | None, full_pass_at: datetime | None, now: datetime) -> Self:
        """The next window.

        Args:
            read_until: The last day of the last completed window; None before the first one.
            full_pass_at: When the whole history was last read completely.
            now: The time. The last day is that of UTC, which is never behind a day in the US or Canada.
        """
        today = now.date()
        if read_until is None or full_pass_at is None or now - full_pass_at >= FULL_PASS_EVERY:
            return cls(today - HISTORY, today, is_full=True)
        return cls(max(min(read_until, today) - OVERLAP, today - HISTORY), today, is_full=False)

    def covered(self, stored: Mapping[str, StoredProductRow]) -> dict[str, StoredProductRow]:
        """The stored rows that a complete read of the window must contain; older ones are kept for ever."""
        days = {i: str(row.fields.get("date")) for i, row in stored.items()}
        return {i: stored[i] for i, day in days.items() if str(self.start) <= day <= str(self.end)}


@dataclass(frozen=True, slots=True)
class InvestmentPage:
    """One page of a window, newest first.

    Attributes:
        rows: The usable rows.
        size: The number of rows, including unusable ones.
        total: The number of rows in the whole window.
        accounts: All accounts with their balances.
        request_id: Plaid's request id.
        unreadable, nameless, oddities: As in Snapshot.
    """

    rows: tuple[ProductRow, ...]
    size: int
    total: int
    accounts: tuple[Account, ...] = ()
    request_id: str | None = None
    unreadable: frozenset[str] = frozenset()
    nameless: int = 0
    oddities: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WindowRead:
    """A read of a window: take every page, each at `offset`, until it `is_complete`.

    Offsets shift when rows come or go between two pages, so that rows would be missed. The total shows that, and the
    read starts again.
    """

    window: Window
    pages: tuple[InvestmentPage, ...] = ()
    restarts: int = 0

    @property
    def offset(self) -> int:
        """Where the next page begins."""
        return sum(page.size for page in self.pages)

    @property
    def is_complete(self) -> bool:
        """Whether all pages were read."""
        return bool(self.pages) and self.offset >= self.pages[0].total

    def take(self, page: InvestmentPage) -> Self:
        """Adds a page, or starts again if it does not continue the previous ones.

        Raises:
            EndlessPages: The total changed too often, or is too large: try again later.
        """
        if page.total > MAX_ROWS:
            raise _endless("TOO_MANY_ROWS", page)
        taken = replace(self, pages=(*self.pages, page))
        changed = any(page.total != earlier.total for earlier in self.pages)
        if not changed and (page.size > 0 or taken.is_complete):
            return taken
        if self.restarts >= MAX_RESTARTS:
            raise _endless("TOTAL_CHANGES", page)
        return replace(self, pages=(), restarts=self.restarts + 1)

    def snapshot(self) -> Snapshot:
        """The whole window, once it is complete; of a row that came twice, the first."""
        rows = {row.row_id: row for page in reversed(self.pages) for row in page.rows}
        oddities: dict[str, int] = {}
        for page in self.pages:
            for name, count in page.oddities.items():
                oddities[name] = oddities.get(name, 0) + count
        return Snapshot(
            kind=ProductKind.INVESTMENT_TRANSACTIONS,
            rows=tuple(rows.values()),
            accounts=self.pages[-1].accounts,
            request_id=self.pages[-1].request_id,
            unreadable=frozenset[str]().union(*(page.unreadable for page in self.pages)),
            nameless=sum(page.nameless for page in self.pages),
            oddities=oddities,
        )


def _endless(code: str, page: InvestmentPage) -> EndlessPages:
    return EndlessPages(code, request_id=page.request_id, retry_after_seconds=300)
