"""The data of a bank login: accounts, their owners and numbers, and a transaction history."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from emulators.plaid.synclog import History, Row
from emulators.plaid.transactions import Booking

Json = dict[str, Any]
INITIAL_DAYS = 30


@dataclass
class Account:
    """One account. Data of other products is already in Plaid's format, without the account_id."""

    account_id: str
    name: str
    type: str
    subtype: str | None
    current: Decimal | int | None = None
    available: Decimal | int | None = None
    limit: Decimal | int | None = None
    currency: str | None = "USD"
    unofficial_currency: str | None = None
    official_name: str | None = None
    mask: str | None = None
    holder_category: str | None = "personal"
    persistent_account_id: str | None = None
    margin_loan_amount: Decimal | int | None = None
    apy: Decimal | int | None = None
    owners: list[Json] = field(default_factory=list)
    numbers: Json = field(default_factory=dict)
    liability: Json | None = None
    holdings: list[Json] = field(default_factory=list)
    investment_transactions: list[Json] = field(default_factory=list)

    def as_object(self) -> Json:
        """The account object of /accounts/get. Source: plaid.com/docs/api/accounts."""
        answer: Json = {
            "account_id": self.account_id,
            "balances": {
                "available": self.available,
                "current": self.current,
                "iso_currency_code": self.currency,
                "limit": self.limit,
                "unofficial_currency_code": self.unofficial_currency,
            },
            "holder_category": self.holder_category,
            "mask": self.mask,
            "name": self.name,
            "official_name": self.official_name,
            "subtype": self.subtype,
            "type": self.type,
        }
        if self.apy is not None:
            answer["apy"] = self.apy
        if self.persistent_account_id:
            answer["persistent_account_id"] = self.persistent_account_id
        return answer

    @property
    def has_transactions(self) -> bool:
        """Whether Transactions covers this account: credit, depository, and student loans."""
        return self.type in {"credit", "depository"} or (self.type, self.subtype) == ("loan", "student")


@dataclass
class WrittenHistory:
    """A history stored as a list of rows, newest first."""

    rows: Sequence[Row]

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, index: int) -> Row:
        return self.rows[index]

    def transaction_id(self, index: int) -> str:
        return self.rows[index].transaction_id

    def account_id(self, index: int) -> str:
        return self.rows[index].account_id

    def account_ids(self, first: int, last: int) -> set[str]:
        return {row.account_id for row in self.rows[first:last]}


@dataclass
class PartOfHistory:
    """The rows of a history for a subset of its accounts."""

    whole: History
    indexes: Sequence[int]

    def __len__(self) -> int:
        return len(self.indexes)

    def row(self, index: int) -> Row:
        return self.whole.row(self.indexes[index])

    def transaction_id(self, index: int) -> str:
        return self.whole.transaction_id(self.indexes[index])

    def account_id(self, index: int) -> str:
        return self.whole.account_id(self.indexes[index])

    def account_ids(self, first: int, last: int) -> set[str]:
        return {self.account_id(index) for index in range(first, last)}


@dataclass
class Portfolio:
    """The data of one login. The first `recent` rows of the history are its last 30 days.

    `dynamic`: every refresh changes its transactions. `pending`: the ids that a refresh posts on their date.
    """

    accounts: list[Account]
    history: History
    recent: int
    dynamic: bool = False
    pending: list[str] = field(default_factory=list)


def select_accounts(whole: Portfolio, account_ids: Iterable[str]) -> Portfolio:
    """The part of a portfolio that the user shares."""
    wanted = set(account_ids)
    indexes = [index for index in range(len(whole.history)) if whole.history.account_id(index) in wanted]
    return Portfolio(
        [account for account in whole.accounts if account.account_id in wanted],
        PartOfHistory(whole.history, indexes),
        sum(index < whole.recent for index in indexes),
        whole.dynamic,
        whole.pending,
    )


def portfolio(accounts: list[Account], bookings: Iterable[Booking], today: date) -> Portfolio:
    """Builds a history from bookings in any order."""
    ordered = sorted(bookings, key=lambda booking: str(booking.day), reverse=True)
    border = str(today - timedelta(days=INITIAL_DAYS))
    recent = sum(str(booking.day) >= border for booking in ordered)
    pending = [booking.transaction_id for booking in ordered if booking.pending]
    return Portfolio(accounts, WrittenHistory([booking.as_row() for booking in ordered]), recent, pending=pending)
