"""Plaid's endpoints, one module per page of Plaid's API reference."""

from emulators.plaid.endpoints import accounts, institutions, investments, items, link, products, sandbox, transactions
from emulators.plaid.endpoints.calls import HANDLERS, Call

__all__ = [
    "HANDLERS",
    "Call",
    "accounts",
    "institutions",
    "investments",
    "items",
    "link",
    "products",
    "sandbox",
    "transactions",
]
