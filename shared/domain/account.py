"""A bank account, as clients see it."""

from datetime import datetime
from enum import StrEnum
from typing import TypedDict


class BalancesSource(StrEnum):
    """Where balances were read."""

    LIVE = "live"  # Plaid asked the bank
    CACHED = "cached"  # those of Plaid's last update from the bank


class Balances(TypedDict):
    """Balances as decimal strings, exactly as the bank sent them; None if the bank sent none."""

    current: str | None
    available: str | None
    limit: str | None
    iso_currency_code: str | None
    unofficial_currency_code: str | None


class AccountName(TypedDict):
    """An account as an error names it."""

    account_id: str
    name: str
    mask: str | None


class DuplicateOf(TypedDict):
    """The account that counts instead of a duplicate: the same account in another connection of the user."""

    connection_id: str
    account_id: str


class Account(TypedDict):
    """One account. `persistent_account_id` stays the same when the bank is linked again; only a few banks have it.

    `duplicate_of` is set while another connection of the same user has the same account: exclude it from all sums.
    """

    account_id: str
    name: str
    official_name: str | None
    mask: str | None
    type: str
    subtype: str | None
    balances: Balances
    persistent_account_id: str | None
    duplicate_of: DuplicateOf | None


class StoredAccount(Account):
    """An account as it is stored for clients, with the time and source of its balances.

    Documents of earlier releases do not have the last two.
    """

    connection_id: str
    app_user_id: str
    updated_at: datetime
    balances_at: datetime | None
    balances_source: BalancesSource | None
