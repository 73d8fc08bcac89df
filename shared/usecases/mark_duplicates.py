"""Keeps `duplicate_of` of a user's accounts correct: every account counts once, however often it is connected.

Every commit that can change which copy counts (a new connection, added or deleted accounts, a connection that is
removed, becomes unusable, or works again) writes the marks, too. Two such commits at the same moment do not see each
other, so a commit that adds accounts or duplicates is followed by `settle_after_commit`, which reads them again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from shared.domain.account import Account
from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.errors import BankError, Conflict
from shared.domain.overlap import Holding, Key, duplicates_in, marked
from shared.log import log
from shared.ports import Connections, Mark, Version

MAX_TRIES = 5
MARKS_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class OwnedAccounts:
    """A user's connections with their accounts as they were read, or as they will be after a change.

    Attributes:
        holdings: The connections with their accounts, by connection id.
        versions: The versions of stored accounts.
    """

    holdings: Mapping[str, Holding] = field(default_factory=dict)
    versions: Mapping[Key, Version] = field(default_factory=dict)

    @classmethod
    def read(cls, app_user_id: str, *, connections: Connections, beside: str | None = None) -> Self:
        """Reads a user's connections, and their accounts unless `beside` is the only connection: one or two queries."""
        holdings = {c.connection_id: Holding.of(c) for c in connections.owned_by(app_user_id)}
        if not holdings.keys() - {beside}:
            return cls(holdings)
        accounts: dict[str, list[Account]] = {}
        versions: dict[Key, Version] = {}
        for one in connections.accounts_owned_by(app_user_id):
            accounts.setdefault(one.connection_id, []).append(one.account)
            versions[one.connection_id, one.account["account_id"]] = one.version
        return cls({i: replace(h, accounts=tuple(accounts.get(i, ()))) for i, h in holdings.items()}, versions)

    def without(self, connection_id: str) -> Self:
        """The accounts after the removal of this connection."""
        return replace(self, holdings={i: h for i, h in self.holdings.items() if i != connection_id})

    def with_accounts(
        self, connection_id: str, accounts: Iterable[Account], *, status: ItemStatus | None = None
    ) -> Self:
        """The accounts after a connection gets these accounts, and optionally another status."""
        after = self.holdings[connection_id].with_accounts(accounts)
        if status is not None:
            after = replace(after, usable=status is not ItemStatus.ERROR)
        return replace(self, holdings={**self.holdings, connection_id: after})

    def with_connection(self, connection: BankConnection, accounts: Iterable[Account] | None = None) -> Self:
        """The accounts after a connection changes; it keeps its accounts unless `accounts` replaces them."""
        known = self.holdings.get(connection.connection_id)
        after = Holding.of(connection, known.accounts if known else ())
        if accounts is not None:
            after = after.with_accounts(accounts)
        return replace(self, holdings={**self.holdings, connection.connection_id: after})

    def accounts_of(self, connection_id: str) -> tuple[Account, ...]:
        """A connection's accounts, each with its `duplicate_of`."""
        found = duplicates_in(self.holdings.values())
        accounts = self.holdings[connection_id].accounts
        return tuple(marked(one, found.get((connection_id, one["account_id"]))) for one in accounts)

    def marks(self, *, beside: str | None = None) -> tuple[Mark, ...]:
        """The marks that change for stored accounts, except those of `beside`, which are written anyway."""
        found = duplicates_in(self.holdings.values())
        return tuple(
            Mark(connection_id, one["account_id"], found.get(key), self.versions[key])
            for connection_id, holding in self.holdings.items()
            for one in holding.accounts
            if (key := (connection_id, one["account_id"])) in self.versions
            and connection_id != beside
            and found.get(key) != one["duplicate_of"]
        )


def accounts_to_write(
    connection_id: str,
    app_user_id: str,
    accounts: Iterable[Account],
    *,
    status: ItemStatus | None,
    connections: Connections,
) -> tuple[tuple[Account, ...], tuple[Mark, ...]]:
    """Computes a connection's accounts as they must be stored.

    Args:
        connection_id: The connection.
        app_user_id: Its owner.
        accounts: All accounts that it has now.
        status: The connection's new status; None keeps it.
        connections: Where the user's other accounts are read.

    Returns:
        The accounts, each with its `duplicate_of`; and the marks of other accounts that change with them.
    """
    owned = OwnedAccounts.read(app_user_id, connections=connections, beside=connection_id)
    if connection_id not in owned.holdings:  # it is being removed: the commit will be refused
        return tuple(accounts), ()
    owned = owned.with_accounts(connection_id, accounts, status=status)
    return owned.accounts_of(connection_id), owned.marks(beside=connection_id)


def settle_duplicates(app_user_id: str, *, connections: Connections) -> bool:
    """Marks every account of a user according to the stored accounts, until nothing changes any more.

    Returns:
        False if the accounts kept changing: try again.

    Raises:
        Unavailable: The store did not answer: try again.
    """
    # Not `retry_on_conflict`: a successful try may leave marks for the next one, or new accounts may have been added.
    for _ in range(MAX_TRIES):
        marks = OwnedAccounts.read(app_user_id, connections=connections).marks()
        if not marks:
            return True
        try:
            connections.mark(marks[:MARKS_AT_ONCE])
        except Conflict:
            continue
        log.info("duplicates.marked", accounts=len(marks))
    return False


def settle_after_commit(app_user_id: str, *, connections: Connections) -> None:
    """Settles a user's duplicates after a commit, which stays valid even if this fails.

    A failure is logged; the next sync that writes accounts marks the duplicates.
    """
    code = "connection_busy"
    try:
        if settle_duplicates(app_user_id, connections=connections):
            return
    except BankError as error:
        code = error.code
    log.warning("duplicates.unsettled", code=code)
