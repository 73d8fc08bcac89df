"""An account at a bank, as clients see it."""

from typing import TypedDict


class Balances(TypedDict):
    """Decimal strings, exact as the bank sent them; None where the bank says nothing."""

    current: str | None
    available: str | None
    limit: str | None
    iso_currency_code: str | None
    unofficial_currency_code: str | None


class AccountName(TypedDict):
    """An account as a refusal names it."""

    account_id: str
    name: str
    mask: str | None


class DuplicateOf(TypedDict):
    """The account that is counted in place of a duplicate: the same account in another connection of the user."""

    connection_id: str
    account_id: str


class Account(TypedDict):
    """One account. `persistent_account_id` survives a new link at the few banks that have it.

    `duplicate_of` is set while another connection of the same user has this account, too: leave it out of every sum.
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
