"""The calls to Plaid for products beyond transactions. The first call of a product for an item starts its billing."""

from datetime import date, datetime
from typing import Protocol

from shared.domain.account import Account
from shared.domain.plaid_token import PlaidToken
from shared.domain.products.investment_transactions import InvestmentPage as InvestmentPage
from shared.domain.products.snapshot import Snapshot


class PlaidProducts(Protocol):
    """Plaid's products. Every method raises only ProviderError; see `product_outcome`."""

    def recurring(self, access_token: PlaidToken, *, account_ids: tuple[str, ...]) -> Snapshot:
        """All streams of these accounts, or of all accounts if none are given. The answer lists no accounts."""

    def liabilities(self, access_token: PlaidToken) -> Snapshot: ...  # noqa: D102
    def holdings(self, access_token: PlaidToken) -> Snapshot: ...  # noqa: D102
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
        """One page of the days from `start` to `end`; see `WindowRead`.

        `async_update`: if this call adds the product to the item, Plaid answers at once that it is not ready, and
        sends a webhook when it is.
        """

    def live_balances(
        self, access_token: PlaidToken, *, account_ids: tuple[str, ...] = (), min_last_updated: datetime | None = None
    ) -> list[Account]:
        """The accounts with balances that Plaid fetches from the bank now, which is billed for each call.

        Args:
            access_token: The item's token.
            account_ids: Only these accounts; all if empty.
            min_last_updated: How old a balance may be that the bank does not deliver live.
        """
