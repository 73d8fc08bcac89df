"""A fake of Plaid's products, beside FakePlaid: same items, tokens, counted calls, injected errors and crashes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from shared.adapters.plaid.errors import PRODUCT_ENDPOINTS, from_answer
from shared.domain.account import Account
from shared.domain.errors import ProviderError
from shared.domain.plaid_token import PlaidToken
from shared.domain.products import holdings, investment_transactions, liabilities, recurring
from shared.domain.products.investment_transactions import InvestmentPage
from shared.domain.products.kinds import ProductKind, fitting_accounts
from shared.domain.products.rows import ProductRow
from shared.domain.products.snapshot import Snapshot
from tests.fakes import Calls, FakeItem, FakePlaid

ITEM_CODES = ("ITEM_LOGIN_REQUIRED", "ITEM_NOT_FOUND")
NO_ACCOUNTS = {
    ProductKind.LIABILITIES: "NO_LIABILITY_ACCOUNTS",
    ProductKind.HOLDINGS: "NO_INVESTMENT_ACCOUNTS",
    ProductKind.INVESTMENT_TRANSACTIONS: "NO_INVESTMENT_ACCOUNTS",
}


def product_problem(error_code: str, *, error_type: str = "ITEM_ERROR") -> ProviderError:
    """The error of a product's endpoint, translated as the adapter does."""
    body = {"error_type": error_type, "error_code": error_code, "request_id": "r1"}
    return from_answer(400, json.dumps(body), endpoint=min(PRODUCT_ENDPOINTS))


def holding_row(account_id: str, security_id: str, **changes: Any) -> ProductRow:
    """An ordinary position."""
    plain: holdings.Holding = {
        "account_id": account_id,
        "quantity": "2",
        "institution_price": "10.50",
        "institution_price_as_of": "2026-02-27",
        "institution_value": "21.00",
        "cost_basis": None,
        "currency": "USD",
        "is_cash": False,
        "security": {
            "security_id": security_id,
            "ticker": security_id.upper(),
            "name": None,
            "type": "equity",
            "close_price": None,
            "close_price_as_of": None,
            "isin": None,
        },
    }
    return holdings.rows_of([{**plain, **changes}])[0]  # type: ignore[typeddict-item]


def liability_row(account_id: str, **changes: Any) -> ProductRow:
    """An ordinary card."""
    names = liabilities.Liability.__required_keys__
    plain: Any = dict.fromkeys(names) | {"account_id": account_id, "kind": "credit", "aprs": [], "currency": "USD"}
    return liabilities.row_of(plain | {"last_statement_balance": "640.10"} | changes)


def stream_row(stream_id: str, account_id: str = "checking", **changes: Any) -> ProductRow:
    """An ordinary stream."""
    names = recurring.RecurringStream.__required_keys__
    plain: Any = dict.fromkeys(names) | {
        "stream_id": stream_id,
        "account_id": account_id,
        "direction": "out",
        "description": "VIDEO",
        "merchant_name": "Video",
        "frequency": "MONTHLY",
        "status": "MATURE",
        "is_active": True,
        "first_date": "2025-12-01",
        "last_date": "2026-02-01",
        "average_amount": "9.99",
        "last_amount": "9.99",
        "currency": "USD",
        "transaction_ids": [],
        "source": "plaid",
    }
    return recurring.row_of(plain | changes)


def trade_row(transaction_id: str, account_id: str = "broker", day: str = "2026-02-01", **changes: Any) -> ProductRow:
    """An ordinary purchase."""
    plain: investment_transactions.InvestmentTransaction = {
        "investment_transaction_id": transaction_id,
        "account_id": account_id,
        "date": day,
        "name": "BUY ACME",
        "type": "buy",
        "subtype": "buy",
        "quantity": "2",
        "units": "2",
        "price": "10.50",
        "fees": None,
        "amount": "21.00",
        "currency": "USD",
        "security": None,
    }
    return investment_transactions.row_of({**plain, **changes})  # type: ignore[typeddict-item]


@dataclass
class ProductData:
    """What one item's bank holds. `hollow` kinds are answered without rows, `not_ready` ones not yet."""

    rows: dict[ProductKind, dict[str, ProductRow]] = field(default_factory=lambda: {kind: {} for kind in ProductKind})
    hollow: set[ProductKind] = field(default_factory=set)
    not_ready: set[ProductKind] = field(default_factory=set)
    between_pages: list[ProductRow] = field(default_factory=list)  # one arrives after each page that is not the last

    def put(self, kind: ProductKind, *rows: ProductRow) -> None:
        self.rows[kind] |= {row.row_id: row for row in rows}

    def drop(self, kind: ProductKind, *row_ids: str) -> None:
        for row_id in row_ids:
            del self.rows[kind][row_id]


class FakeProducts:
    """The port `PlaidProducts`. Its calls are `bank.recurring` and so on in the log of FakePlaid."""

    def __init__(self, plaid: FakePlaid) -> None:
        self.plaid = plaid
        self.data: defaultdict[str, ProductData] = defaultdict(ProductData)  # by item id

    def recurring(self, access_token: PlaidToken, *, account_ids: tuple[str, ...]) -> Snapshot:
        def read(item: FakeItem) -> Snapshot:
            _check_accounts(item, account_ids)
            rows = self._rows(item, ProductKind.RECURRING)
            wanted = {*account_ids} or {row.account_id for row in rows}
            return Snapshot(
                kind=ProductKind.RECURRING, rows=tuple(row for row in rows if row.account_id in wanted), request_id="r1"
            )

        return self._call(ProductKind.RECURRING, access_token, read)  # type: ignore[no-any-return]

    def liabilities(self, access_token: PlaidToken) -> Snapshot:
        return self._snapshot(ProductKind.LIABILITIES, access_token)

    def holdings(self, access_token: PlaidToken) -> Snapshot:
        return self._snapshot(ProductKind.HOLDINGS, access_token)

    def investment_transactions(
        self,
        access_token: PlaidToken,
        *,
        start: date,
        end: date,
        offset: int,
        count: int = 500,
        async_update: bool = False,
    ) -> InvestmentPage:
        kind = ProductKind.INVESTMENT_TRANSACTIONS

        def read(item: FakeItem) -> InvestmentPage:
            days = [row for row in self._rows(item, kind) if str(start) <= row.fields["date"] <= str(end)]
            days.sort(key=lambda row: str(row.fields["date"]), reverse=True)
            rows = tuple(days[offset : offset + count])
            arriving = self.data[item.item_id].between_pages
            if arriving and offset + len(rows) < len(days):
                self.data[item.item_id].put(kind, arriving.pop(0))
            return InvestmentPage(rows, size=len(rows), total=len(days), accounts=tuple(item.accounts), request_id="r1")

        return self._call(kind, access_token, read)  # type: ignore[no-any-return]

    def live_balances(
        self, access_token: PlaidToken, *, account_ids: tuple[str, ...] = (), min_last_updated: datetime | None = None
    ) -> list[Account]:
        def read() -> list[Account]:
            item = self.plaid._data_item(access_token)
            _check_accounts(item, account_ids)
            return [one for one in item.accounts if not account_ids or one["account_id"] in account_ids]

        return self.plaid._call("live_balances", read)  # type: ignore[no-any-return]

    def _snapshot(self, kind: ProductKind, access_token: PlaidToken) -> Snapshot:
        def read(item: FakeItem) -> Snapshot:
            rows = tuple(self._rows(item, kind))
            return Snapshot(kind=kind, rows=rows, accounts=tuple(item.accounts), request_id="r1")

        return self._call(kind, access_token, read)  # type: ignore[no-any-return]

    def _call(self, kind: ProductKind, access_token: PlaidToken, read: Callable[[FakeItem], Any]) -> Any:
        def call() -> Any:
            item = self.plaid._data_item(access_token)
            if kind in NO_ACCOUNTS and not fitting_accounts(kind, item.accounts):
                raise product_problem(NO_ACCOUNTS[kind])
            if kind in self.data[item.item_id].not_ready:
                raise product_problem("PRODUCT_NOT_READY")
            return read(item)

        return self.plaid._call(kind.value, call)

    def _rows(self, item: FakeItem, kind: ProductKind) -> list[ProductRow]:
        """The rows of the accounts that are shared."""
        data, shared = self.data[item.item_id], {one["account_id"] for one in item.accounts}
        return [] if kind in data.hollow else [row for row in data.rows[kind].values() if row.account_id in shared]


def _check_accounts(item: FakeItem, account_ids: Iterable[str]) -> None:
    if not {*account_ids} <= {one["account_id"] for one in item.accounts}:
        raise product_problem("INVALID_ACCOUNT_ID", error_type="INVALID_INPUT")


class FakeProductConsents:
    """The kinds of each connection that wait for their user's consent."""

    def __init__(self, calls: Calls | None = None) -> None:
        self.calls = calls or Calls()
        self.by_connection: dict[str, set[ProductKind]] = {}

    def lacking(self, connection_id: str) -> frozenset[ProductKind]:
        found: frozenset[ProductKind] = self.calls.around(
            "product_consents.lacking", lambda: frozenset(self.by_connection.get(connection_id, ()))
        )
        return found
