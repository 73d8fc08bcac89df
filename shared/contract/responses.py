"""The success responses of the HTTP functions, for the API reference and tests. Functions never import this module."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.domain.account import BalancesSource
from shared.domain.connection import Action, ItemStatus
from shared.domain.progress import SyncProgress


class Answer(BaseModel):
    """A response body; it has no other fields than those described."""

    model_config = ConfigDict(extra="forbid")


class LinkTokenAnswer(Answer):
    """A Link token.

    Attributes:
        link_token: Pass it to Link as `token`.
        expiration: When the token expires, ISO 8601.
        mode: `connect` links a new bank; `update` repairs the given connection.
        hosted_link_url: The page at Plaid that shows Link; only with Hosted Link.
    """

    link_token: str
    expiration: str
    mode: Literal["connect", "update"]
    hosted_link_url: str | None = None


class ConnectionAnswer(Answer):
    """A connection.

    Attributes:
        connection_id: The id of the connection and of its Firestore documents.
        institution_id, institution_name: Null if Plaid has not sent them yet; the connection's document gets them soon.
        status: The status of the login at the bank.
        account_ids: Empty if Plaid has not sent the accounts yet.
    """

    connection_id: str
    institution_id: str | None
    institution_name: str | None
    status: ItemStatus
    account_ids: tuple[str, ...]


class SyncAnswer(Answer):
    """The progress document of the requested sync, as it is now."""

    sync_progress: SyncProgress


class ReconnectedAnswer(Answer):
    """The status of a connection after update mode.

    Attributes:
        status: The status of the login at the bank.
        action: What the user still has to do; absent if nothing.
    """

    status: ItemStatus
    action: Action | None = None


class BalancesOfAccount(Answer):
    """The balances of an account as decimal strings; null if the bank sent none."""

    current: str | None
    available: str | None
    limit: str | None
    iso_currency_code: str | None
    unofficial_currency_code: str | None


class CountedAccount(Answer):
    """The account that counts instead of a duplicate."""

    connection_id: str
    account_id: str


class AccountAnswer(Answer):
    """An account, as in `bank_accounts`.

    Attributes:
        balances_at: When its balances were read, ISO 8601; null for accounts stored by an earlier release.
        balances_source: `live` if the bank was asked for them, `cached` if Plaid had them.
        duplicate_of: Set if another connection of the user has the same account: exclude it from sums.
    """

    account_id: str
    connection_id: str
    app_user_id: str
    name: str
    official_name: str | None
    mask: str | None
    type: str
    subtype: str | None
    balances: BalancesOfAccount
    persistent_account_id: str | None
    duplicate_of: CountedAccount | None
    updated_at: str
    balances_at: str | None
    balances_source: BalancesSource | None


class BalancesAnswer(Answer):
    """The balances of a connection.

    Attributes:
        accounts: The connection's accounts.
        source: `live` if the bank was asked now; `cached` if live balances are off, used up or not available.
        as_of: When the oldest of the balances was read, ISO 8601; null without accounts.
    """

    accounts: list[AccountAnswer]
    source: BalancesSource
    as_of: str | None


class NothingMore(Answer):
    """An empty object: the request was accepted."""
