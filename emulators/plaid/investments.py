"""The investments of an Item as an answer shows them: holdings, transactions, and their securities.

Source: plaid.com/docs/api/products/investments. Some banks send a sell with a positive quantity, which
`wrong_sign_on_sells` imitates.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from emulators.plaid.bank import Account
from emulators.plaid.items import Item
from emulators.plaid.product_data import HOLDINGS, INVESTMENT_TRANSACTIONS

Json = dict[str, Any]
_TYPES = {"investment", "brokerage"}


def is_investment(account: Account) -> bool:
    return account.type in _TYPES


def holdings_of(item: Item, accounts: Iterable[Account]) -> list[Json]:
    """The holdings as `{"holding", "security"}`."""
    if HOLDINGS in item.other.hollow:
        return []
    return [entry for account in accounts for entry in account.holdings]


def transactions_of(item: Item, accounts: Iterable[Account], start: str, end: str) -> list[Json]:
    """The transactions of a period as `{"transaction", "security"}`, newest first in a stable order."""
    if INVESTMENT_TRANSACTIONS in item.other.hollow:
        return []
    entries = [
        entry
        for account in accounts
        for entry in account.investment_transactions
        if start <= str(entry["transaction"]["date"]) <= end
    ]
    entries.sort(key=lambda entry: str(entry["transaction"]["date"]), reverse=True)
    return [_with_wrong_sign(entry) for entry in entries] if item.other.wrong_sign_on_sells else entries


def _with_wrong_sign(entry: Json) -> Json:
    transaction = entry["transaction"]
    if transaction["type"] != "sell" or not isinstance(transaction["quantity"], int | Decimal):
        return entry
    return {**entry, "transaction": {**transaction, "quantity": abs(transaction["quantity"])}}


def securities_of(entries: Iterable[Json]) -> list[Json]:
    found = {entry["security"]["security_id"]: entry["security"] for entry in entries if entry["security"]}
    return list(found.values())
