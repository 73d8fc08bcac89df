"""Whether the accounts of a new link are connected already."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from shared.domain.account import Account, same_accounts
from shared.domain.connection import ItemStatus
from shared.ports import Connections, Version


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """An account as Link's metadata names it: good for finding duplicates, never stored."""

    name: str
    mask: str | None
    persistent_id: str | None = None
    account_id: str | None = None

    @classmethod
    def of(cls, account: Account) -> "LinkedAccount":
        """The same of an account that Plaid has described."""
        return cls(account["name"], account["mask"], account["persistent_account_id"], account["account_id"])


@dataclass(frozen=True, slots=True)
class Siblings:
    """A user's usable connections to one institution, as they were while their guard had this version.

    A commit that expects this version is refused if another connection was made meanwhile.
    """

    institution_id: str | None
    guard: Version | None = None
    accounts: Mapping[str, tuple[LinkedAccount, ...]] = field(default_factory=dict)  # of each connection

    @classmethod
    def of(cls, app_user_id: str, institution_id: str | None, *, connections: Connections) -> "Siblings":
        """Reads them, the guard first; there are none at an unknown institution."""
        if institution_id is None:
            return cls(None)
        guard = connections.guard(app_user_id, institution_id=institution_id)
        usable = (
            one.connection_id
            for one in connections.of_user(app_user_id, institution_id=institution_id)
            if one.status is not ItemStatus.ERROR
        )
        accounts = {one: tuple(map(LinkedAccount.of, connections.accounts_of(one))) for one in usable}
        return cls(institution_id, guard, accounts)

    def with_the_accounts(self, accounts: tuple[LinkedAccount, ...]) -> str | None:
        """The connection that has the accounts of the new link; none is no duplicate of anything."""
        ours, persistent = [(one.name, one.mask) for one in accounts], _persistent(accounts)
        for connection_id, known in self.accounts.items():
            if same_accounts(ours, [(one.name, one.mask) for one in known]) or persistent & _persistent(known):
                return connection_id
        return None

    def have_item_of(self, accounts: tuple[LinkedAccount, ...]) -> bool:
        """Whether Link's metadata names account ids of these connections.

        Ids belong to one item, so Link ran in update mode, for an item that is connected: not a duplicate.
        """
        ids = {one.account_id for one in accounts if one.account_id is not None}
        return any(one.account_id in ids for known in self.accounts.values() for one in known)


def _persistent(accounts: tuple[LinkedAccount, ...]) -> Set[str]:
    return {a.persistent_id for a in accounts if a.persistent_id}
