"""Finds accounts of a new link that are connected already."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from shared.domain.account import AccountName
from shared.domain.connection import BankConnection
from shared.domain.errors import AlreadyExists, InvalidArgument
from shared.domain.overlap import LinkedAccount, overlap_of, shared_accounts
from shared.domain.status import is_revoked
from shared.ports import Connections, Guards
from shared.usecases.connection_access import owned
from shared.usecases.mark_duplicates import OwnedAccounts


@dataclass(frozen=True, slots=True)
class Siblings:
    """A user's connections and accounts, as they were while the guards had these versions.

    A commit that expects these versions is refused if another connection of the user was created meanwhile.
    """

    institution_id: str | None
    guards: Guards
    owned: OwnedAccounts = field(default_factory=OwnedAccounts)

    @classmethod
    def read(cls, app_user_id: str, institution_id: str | None, *, connections: Connections) -> "Siblings":
        """Reads the guards, then the connections and accounts."""
        guards = connections.guards(app_user_id, institution_id=institution_id)
        return cls(institution_id, guards, OwnedAccounts.read(app_user_id, connections=connections))

    def refuse_overlap(self, accounts: Sequence[LinkedAccount], *, replaces: str | None = None) -> None:
        """Refuses accounts that a usable connection of the user has, besides the one that is to be replaced.

        Raises:
            AlreadyExists: The error names that connection, and its accounts that are among these.
        """
        found = overlap_of(self.institution_id, accounts, self.owned.holdings.values(), replaces=replaces)
        if found is not None:
            raise already_connected(found.connection_id, map(_name, found.accounts))

    def refuse_hinted_replacement(self, accounts: Sequence[LinkedAccount], replaces: str) -> None:
        """Refuses to replace a connection that certainly has none of the accounts in Link's metadata.

        The metadata has no persistent ids, so a connection that has some may still have the accounts.

        Raises:
            InvalidArgument: None of the accounts is in that connection.
        """
        holding = self.owned.holdings.get(replaces)
        if holding is None or any(account["persistent_account_id"] for account in holding.accounts):
            return
        if not self.can_replace(accounts, replaces):
            raise not_replaceable()

    def can_replace(self, accounts: Sequence[LinkedAccount], replaces: str) -> bool:
        """Whether a connection of the user has some of these accounts."""
        holding = self.owned.holdings.get(replaces)
        return holding is not None and bool(shared_accounts(self.institution_id, accounts, holding))

    def have_item_of(self, accounts: Iterable[LinkedAccount]) -> bool:
        """Whether Link's metadata contains account ids of the user's connections.

        Account ids are unique to an item, so Link ran in update mode for a connected item: this is no duplicate.
        """
        ids = {one.account_id for one in accounts if one.account_id is not None}
        return any(known["account_id"] in ids for one in self.owned.holdings.values() for known in one.accounts)


def already_connected(connection_id: str, accounts: Iterable[AccountName]) -> AlreadyExists:
    """The error for accounts that are connected already."""
    return AlreadyExists(
        "some of these accounts are connected already",
        code="duplicate_connection",
        connection_id=connection_id,
        accounts=accounts,
    )


def not_replaceable() -> InvalidArgument:
    """The error for a connection that a new link cannot replace."""
    return InvalidArgument(
        "`replaces` names a connection that has none of these accounts, or whose permission was revoked",
        code="connection_not_replaceable",
    )


def refuse_unknown_replacement(connection: BankConnection | None, app_user_id: str) -> None:
    """Refuses to replace a connection that has no data, or is not the user's.

    Raises:
        NotFound: The connection does not exist, or belongs to another user.
        InvalidArgument: Its user withdrew the permission, which deleted its data.
    """
    if is_revoked(owned(connection, app_user_id)):
        raise not_replaceable()


def _name(account: AccountName) -> AccountName:
    return AccountName(account_id=account["account_id"], name=account["name"], mask=account["mask"])
