"""The liabilities of accounts as an answer shows them. Source: plaid.com/docs/api/products/liabilities."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from emulators.plaid.bank import Account

KINDS = ("credit", "mortgage", "student")


def kind_of(account: Account) -> str | None:
    """The list of the answer in which the account's liability appears."""
    if account.type == "credit":
        return "credit"
    return account.subtype if account.type == "loan" and account.subtype in KINDS[1:] else None


def has_liability(account: Account) -> bool:
    return kind_of(account) is not None and account.liability is not None


def liabilities_of(accounts: Iterable[Account]) -> dict[str, list[dict[str, Any]]]:
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for account in accounts:
        kind = kind_of(account)
        if kind and account.liability is not None:
            found[kind].append({"account_id": account.account_id, **account.liability})
    return found
