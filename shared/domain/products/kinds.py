"""The kinds of bank data besides transactions that can be synced."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class ProductKind(StrEnum):
    """A kind of data, as the setting `SYNC_PRODUCTS` names it."""

    RECURRING = "recurring"
    LIABILITIES = "liabilities"
    HOLDINGS = "holdings"
    INVESTMENT_TRANSACTIONS = "investment_transactions"


PLAID_PRODUCT: Mapping[ProductKind, str] = MappingProxyType(
    {
        ProductKind.RECURRING: "transactions",
        ProductKind.LIABILITIES: "liabilities",
        ProductKind.HOLDINGS: "investments",
        ProductKind.INVESTMENT_TRANSACTIONS: "investments",
    }
)
"""The product of Plaid that an item needs for a kind: https://plaid.com/docs/link/initializing-products/"""
