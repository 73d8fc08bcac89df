"""Plaid's endpoints, one module per page of Plaid's API reference."""

from emulators.plaid.endpoints import (
    accounts,
    categories,
    enrich,
    identity,
    institutions,
    investments,
    item_activity,
    item_import,
    items,
    link,
    products,
    sandbox,
    statements,
    transactions,
    transactions_get,
)
from emulators.plaid.endpoints.calls import HANDLERS, Call, Download

__all__ = [
    "HANDLERS",
    "Call",
    "Download",
    "accounts",
    "categories",
    "enrich",
    "identity",
    "institutions",
    "investments",
    "item_activity",
    "item_import",
    "items",
    "link",
    "products",
    "sandbox",
    "statements",
    "transactions",
    "transactions_get",
]
