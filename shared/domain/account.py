"""An account at a bank, as clients see it."""

from typing import TypedDict


class Balances(TypedDict):
    """Decimal strings, exact as the bank sent them; None where the bank says nothing."""

    current: str | None
    available: str | None
    limit: str | None
    iso_currency_code: str | None
    unofficial_currency_code: str | None


class Account(TypedDict):
    """One account. `persistent_account_id` survives a new link at the few banks that have it."""

    account_id: str
    name: str
    official_name: str | None
    mask: str | None
    type: str
    subtype: str | None
    balances: Balances
    persistent_account_id: str | None


def same_accounts(ours: list[tuple[str, str | None]], theirs: list[tuple[str, str | None]]) -> bool:
    """Whether two lists of (name, mask) name the same accounts: the sign of a duplicate link.

    Source: https://plaid.com/docs/link/duplicate-items/
    """
    return bool(ours) and sorted(map(_key, ours)) == sorted(map(_key, theirs))


def _key(pair: tuple[str, str | None]) -> tuple[str, str]:
    return pair[0], pair[1] or ""
