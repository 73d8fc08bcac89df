"""Keeps `duplicate_of` of a user's accounts correct: every account counts once, however often it is connected.

What changes which copy is counted (a new connection, accounts that come or go, a connection that is removed, breaks for
good or works again) commits the marks with it. Two such commits at the same moment do not see each other: so a commit
that brings accounts or duplicates is followed by `settle_after_commit`, which reads again.
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
        holdings: By connection.
        versions: Of the accounts that are stored.
    """

    holdings: Mapping[str, Holding] = field(default_factory=dict)
    versions: Mapping[Key, Version] = field(default_factory=dict)

    @classmethod
    def read(cls, app_user_id: str, *, connections: Connections, beside: str | None = None) -> Self:
        """Two queries; only the first if there is no connection but `beside`."""
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
        """The accounts after a connection gets these accounts, and perhaps another status."""
        after = self.holdings[connection_id].with_accounts(accounts)
        if status is not None:
            after = replace(after, usable=status is not ItemStatus.ERROR)
        return replace(self, holdings={**self.holdings, connection_id: after})

    def with_connection(self, connection: BankConnection, accounts: Iterable[Account] | None = None) -> Self:
        """The accounts after a connection changes, with the accounts that it has or with these."""
        known = self.holdings.get(connection.connection_id)
        after = Holding.of(connection, known.accounts if known else ())
        if accounts is not None:
            after = after.with_accounts(accounts)
        return replace(self, holdings={**self.holdings, connection.connection_id: after})

    def accounts_of(self, connection_id: str) -> tuple[Account, ...]:
        """A connection's accounts, each with what it is a duplicate of."""
        found = duplicates_in(self.holdings.values())
        accounts = self.holdings[connection_id].accounts
        return tuple(marked(one, found.get((connection_id, one["account_id"]))) for one in accounts)

    def marks(self, *, beside: str | None = None) -> tuple[Mark, ...]:
        """What changes for stored accounts, but for those of the connection `beside`, which are written anyway."""
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
    """A connection's accounts as they are to be stored.

    Args:
        connection_id: Whose accounts.
        app_user_id: Whose connection.
        accounts: All accounts that it has from now on.
        status: The connection's status from now on; None leaves it.
        connections: Where the user's other accounts are read.

    Returns:
        The accounts, each with what it is a duplicate of; and the marks of other accounts that change with them.
    """
    owned = OwnedAccounts.read(app_user_id, connections=connections, beside=connection_id)
    if connection_id not in owned.holdings:  # it is being removed: the commit will be refused
        return tuple(accounts), ()
    owned = owned.with_accounts(connection_id, accounts, status=status)
    return owned.accounts_of(connection_id), owned.marks(beside=connection_id)


def settle_duplicates(app_user_id: str, *, connections: Connections) -> bool:
    """Marks every account of a user by what is stored now, until nothing changes any more.

    Returns:
        False if the accounts kept changing: try again.

    Raises:
        Unavailable: The store is out of reach: try again.
    """
    # Not `retry_on_conflict`: a try that succeeds may leave marks for the next one, or find new accounts.
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
    """Settles a user's duplicates after a commit that stands whatever happens here.

    A failure is logged, and the next sync that writes accounts makes up for it.
    """
    code = "connection_busy"
    try:
        if settle_duplicates(app_user_id, connections=connections):
            return
    except BankError as error:
        code = error.code
    log.warning("duplicates.unsettled", code=code)
