"""Whether the accounts of a new link are connected already."""

from collections.abc import Set
from dataclasses import dataclass

from shared.domain.account import Account, same_accounts
from shared.domain.connection import ItemStatus
from shared.ports import Connections


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """An account as Link's metadata names it: good for finding duplicates, never stored."""

    name: str
    mask: str | None
    persistent_id: str | None = None

    @classmethod
    def of(cls, account: Account) -> "LinkedAccount":
        """The same of an account that Plaid has described."""
        return cls(account["name"], account["mask"], account["persistent_account_id"])


def find_duplicate(
    accounts: tuple[LinkedAccount, ...],
    *,
    app_user_id: str,
    institution_id: str | None,
    connections: Connections,
) -> str | None:
    """The user's connection to the same accounts, or None. One that cannot be used any more does not count.

    Args:
        accounts: The accounts of the new link; none is no duplicate of anything.
        app_user_id: Whose.
        institution_id: Where; unknown is no duplicate of anything.
        connections: The connections.
    """
    if institution_id is None or not accounts:
        return None
    persistent = _persistent(accounts)
    for connection in connections.of_user(app_user_id, institution_id=institution_id):
        if connection.status is ItemStatus.ERROR:
            continue
        known = tuple(map(LinkedAccount.of, connections.accounts_of(connection.connection_id)))
        same = same_accounts([(a.name, a.mask) for a in accounts], [(a.name, a.mask) for a in known])
        if same or persistent & _persistent(known):
            return connection.connection_id
    return None


def _persistent(accounts: tuple[LinkedAccount, ...]) -> Set[str]:
    return {a.persistent_id for a in accounts if a.persistent_id}
