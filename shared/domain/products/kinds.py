"""The kinds of bank data beyond transactions: which accounts have them, and which Plaid product delivers them."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from shared.domain.account import Account
from shared.domain.market import has_product, markets_of


class ProductKind(StrEnum):
    """A kind of data that is synced on its own. The values are public: settings and documents use them."""

    RECURRING = "recurring"
    LIABILITIES = "liabilities"
    HOLDINGS = "holdings"
    INVESTMENT_TRANSACTIONS = "investment_transactions"


class ProductStatus(StrEnum):
    """The state of a kind of data in one connection. None of them says anything about the connection itself."""

    READY = "ready"
    SYNCING = "syncing"  # being read, or Plaid is still fetching it
    FAILED = "failed"  # retried by itself
    NO_ACCOUNTS = "no_accounts"  # no account of the connection has such data
    UNSUPPORTED = "unsupported"  # the bank does not deliver it
    NEEDS_CONSENT = "needs_consent"  # the user can allow it in Link's update mode
    NOT_ENABLED = "not_enabled"  # the backend's Plaid account does not have the product
    OFF = "off"  # the operator turned it off


PLAID_PRODUCT: Mapping[ProductKind, str] = {
    ProductKind.RECURRING: "transactions",
    ProductKind.LIABILITIES: "liabilities",
    ProductKind.HOLDINGS: "investments",
    ProductKind.INVESTMENT_TRANSACTIONS: "investments",
}
"""The product that Link must ask for. Recurring is an add-on of Transactions and needs no consent of its own.

Source: https://plaid.com/docs/link/data-transparency-messaging-migration-guide/
"""

_MARKET_PRODUCT = {**PLAID_PRODUCT, ProductKind.RECURRING: "recurring_transactions"}

COLLECTION: Mapping[ProductKind, str] = {kind: f"bank_{kind}" for kind in ProductKind}
"""The collection below a connection that holds the rows of a kind."""


def is_offered(kind: ProductKind, country_codes: Iterable[str]) -> bool:
    """Whether Plaid offers a kind of data in some country of a bank; true if the bank's countries are unknown."""
    markets = markets_of(country_codes)
    return not markets or any(has_product(market, _MARKET_PRODUCT[kind]) for market in markets)


_INVESTMENT_TYPES = ("investment", "brokerage")
_LOANS = ("student", "mortgage")


def fitting_accounts(kind: ProductKind, accounts: Iterable[Account]) -> frozenset[str]:
    """The ids of the accounts that may have data of a kind.

    A product is read only if there is one, because the first call for an item starts a subscription:
    https://plaid.com/docs/account/billing/. Sources of the account types:
    https://plaid.com/docs/api/products/transactions/#transactionsrecurringget,
    https://plaid.com/docs/api/products/liabilities/ and https://plaid.com/docs/api/products/investments/.
    """
    return frozenset(one["account_id"] for one in accounts if _fits(kind, one))


def _fits(kind: ProductKind, account: Account) -> bool:
    match kind:
        case ProductKind.RECURRING:
            return account["type"] in ("depository", "credit")
        case ProductKind.LIABILITIES:
            return account["type"] == "credit" or (account["type"] == "loan" and account["subtype"] in _LOANS)
        case ProductKind.HOLDINGS | ProductKind.INVESTMENT_TRANSACTIONS:
            return account["type"] in _INVESTMENT_TYPES
