"""The endpoints of Plaid's products beyond transactions."""

from datetime import UTC, date, datetime
from typing import Any

from shared.adapters.plaid import (
    investment_mapping,
    item_mapping,
    liability_mapping,
    recurring_mapping,
    transaction_mapping,
)
from shared.adapters.plaid.client import CATEGORIES
from shared.adapters.plaid.transport import READ_SECONDS, PlaidTransport, unusable_is_an_outage
from shared.adapters.plaid.values import Oddities
from shared.domain.account import Account
from shared.domain.plaid_token import PlaidToken
from shared.domain.products.investment_transactions import InvestmentPage
from shared.domain.products.kinds import ProductKind
from shared.domain.products.snapshot import Snapshot

PRODUCT_READ_SECONDS = 60.0  # for the first call of a product, Plaid reads the data at the bank
BALANCE_READ_SECONDS = READ_SECONDS  # Plaid asks the bank: 95% take less than 11 s, and the user waits


class PlaidProductsClient(PlaidTransport):
    """The port `PlaidProducts`."""

    def recurring(self, access_token: PlaidToken, *, account_ids: tuple[str, ...] = ()) -> Snapshot:
        """https://plaid.com/docs/api/products/transactions/#transactionsrecurringget"""
        body: dict[str, Any] = {"access_token": access_token.reveal(), "options": dict(CATEGORIES)}
        if account_ids:
            body["account_ids"] = list(account_ids)
        answer = self._call(
            "/transactions/recurring/get", body, region=access_token.region, read_seconds=PRODUCT_READ_SECONDS
        )
        with unusable_is_an_outage():
            return _logged(recurring_mapping.snapshot(answer))

    def liabilities(self, access_token: PlaidToken) -> Snapshot:
        """https://plaid.com/docs/api/products/liabilities/#liabilitiesget"""
        body = {"access_token": access_token.reveal()}
        answer = self._call("/liabilities/get", body, region=access_token.region, read_seconds=PRODUCT_READ_SECONDS)
        with unusable_is_an_outage():
            return _logged(liability_mapping.snapshot(answer))

    def holdings(self, access_token: PlaidToken) -> Snapshot:
        """https://plaid.com/docs/api/products/investments/#investmentsholdingsget"""
        body = {"access_token": access_token.reveal()}
        answer = self._call(
            "/investments/holdings/get", body, region=access_token.region, read_seconds=PRODUCT_READ_SECONDS
        )
        with unusable_is_an_outage():
            return _logged(investment_mapping.holdings(answer))

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
        """https://plaid.com/docs/api/products/investments/#investmentstransactionsget"""
        options: dict[str, Any] = {"offset": offset, "count": count}
        if async_update:
            options["async_update"] = True
        body = {
            "access_token": access_token.reveal(),
            "start_date": start.isoformat(),
            "end_date": end.isoformat(),
            "options": options,
        }
        answer = self._call(
            "/investments/transactions/get", body, region=access_token.region, read_seconds=PRODUCT_READ_SECONDS
        )
        with unusable_is_an_outage():
            page = investment_mapping.transactions(answer)
        item_mapping.log_oddities(page.oddities, of=ProductKind.INVESTMENT_TRANSACTIONS, request_id=page.request_id)
        return page

    def live_balances(
        self, access_token: PlaidToken, *, account_ids: tuple[str, ...] = (), min_last_updated: datetime | None = None
    ) -> list[Account]:
        """https://plaid.com/docs/api/products/balance/#accountsbalanceget"""
        options: dict[str, Any] = {"account_ids": list(account_ids)} if account_ids else {}
        if min_last_updated is not None:
            options["min_last_updated_datetime"] = min_last_updated.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = {"access_token": access_token.reveal(), **({"options": options} if options else {})}
        region, odd = access_token.region, Oddities()
        answer = self._call("/accounts/balance/get", body, region=region, read_seconds=BALANCE_READ_SECONDS)
        with unusable_is_an_outage():
            accounts = transaction_mapping.accounts(list(answer["accounts"]), odd)
        item_mapping.log_oddities(odd, of="balances")
        return accounts


def _logged(snapshot: Snapshot) -> Snapshot:
    item_mapping.log_oddities(snapshot.oddities, of=snapshot.kind, request_id=snapshot.request_id)
    return snapshot
