"""Finds accounts that a user has connected more than once: pure.

Two accounts are the same if their persistent ids are equal, or if their institution, name and mask are. An account
without a mask or a name is recognised only if both connections have exactly the same accounts.
Source: https://plaid.com/docs/link/duplicate-items/

If several connections have the same account, the copy of the oldest connection counts, and all others are its
duplicates. A copy in a connection in `error` never counts, because its data is stale.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from shared.domain.account import Account, DuplicateOf
from shared.domain.connection import Action, BankConnection, ItemStatus
from shared.domain.status import is_revoked

Key = tuple[str, str]
"""A connection's id and an account's id."""


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """The compared fields of an account, from Plaid or from Link's metadata.

    Attributes:
        name: None if Link's metadata has no usable name; such an account equals no other.
        mask: Usually the last digits of the account number.
        persistent_id: Only a few banks have one.
        account_id: Differs between items, even for the same account.
    """

    name: str | None
    mask: str | None
    persistent_id: str | None = None
    account_id: str | None = None

    @classmethod
    def of(cls, account: Account) -> Self:
        """Creates it from an account of Plaid."""
        return cls(account["name"], account["mask"], account["persistent_account_id"], account["account_id"])

    @property
    def label(self) -> tuple[str | None, str | None]:
        """Name and mask; an empty mask counts as None."""
        return self.name, self.mask or None


@dataclass(frozen=True, slots=True)
class Holding:
    """A connection of a user with its accounts.

    Attributes:
        relinkable: Whether it is unusable, and its user has to link the bank again. Not after a revocation, which
            deletes its data.
        replaces: The connection whose notes it waits for.
    """

    connection_id: str
    institution_id: str | None
    created_at: datetime
    usable: bool
    accounts: tuple[Account, ...] = ()
    relinkable: bool = False
    replaces: str | None = None

    @classmethod
    def of(cls, connection: BankConnection, accounts: Iterable[Account] = ()) -> Self:
        """Creates it from a connection and its accounts."""
        revoked = is_revoked(connection)
        return cls(
            connection.connection_id,
            connection.institution_id,
            connection.created_at,
            connection.status is not ItemStatus.ERROR,
            tuple(accounts),
            relinkable=connection.status is ItemStatus.ERROR and connection.action is Action.RELINK and not revoked,
            replaces=None if revoked else connection.replaces,
        )

    def with_accounts(self, accounts: Iterable[Account]) -> Self:
        """The connection with new accounts; known accounts keep their `duplicate_of`."""
        known = {account["account_id"]: account["duplicate_of"] for account in self.accounts}
        return replace(self, accounts=tuple(marked(one, known.get(one["account_id"])) for one in accounts))

    @property
    def rank(self) -> tuple[bool, datetime, str]:
        """The sort key that decides which copy counts: usable connections first, then the oldest."""
        return not self.usable, self.created_at, self.connection_id


@dataclass(frozen=True, slots=True)
class Overlap:
    """An existing connection that has accounts of a new link, and these accounts."""

    connection_id: str
    accounts: tuple[Account, ...]


def overlap_of(
    institution_id: str | None,
    accounts: Sequence[LinkedAccount],
    holdings: Iterable[Holding],
    *,
    replaces: str | None = None,
) -> Overlap | None:
    """Finds the usable connection that has accounts of a new link, besides the one that the link replaces.

    Among several connections, it is the one with the most of these accounts; on a tie, the oldest.
    """
    best: Overlap | None = None
    for one in sorted(holdings, key=lambda holding: holding.rank):
        if not one.usable or one.connection_id == replaces:
            continue
        shared = shared_accounts(institution_id, accounts, one)
        if shared and (best is None or len(shared) > len(best.accounts)):
            best = Overlap(one.connection_id, shared)
    return best


def shared_accounts(
    institution_id: str | None, accounts: Sequence[LinkedAccount], holding: Holding
) -> tuple[Account, ...]:
    """The accounts of a connection that a new link has, too."""
    same_institution = institution_id is not None and institution_id == holding.institution_id
    theirs = [LinkedAccount.of(account) for account in holding.accounts]
    return tuple(holding.accounts[j] for _, j in _pairs(accounts, theirs, same_institution=same_institution))


def relinked(institution_id: str | None, accounts: Sequence[LinkedAccount], holdings: Iterable[Holding]) -> str | None:
    """The unusable connection that a new link replaces: the only one with some of its accounts; None if not the only.

    A connection that another one replaces already does not count.
    """
    known = list(holdings)
    replaced = {one.replaces for one in known}
    dead = [one for one in known if one.relinkable and one.connection_id not in replaced]
    found = [one.connection_id for one in dead if shared_accounts(institution_id, accounts, one)]
    return found[0] if len(found) == 1 else None


def duplicates_in(holdings: Iterable[Holding]) -> dict[Key, DuplicateOf]:
    """Maps every duplicate account of a user to the counted copy; the counted copies themselves are not in the result.

    A pair that is already marked stays a pair even if the names differ now: banks rename accounts, and two connections
    learn of it at different times.
    """
    ranked = sorted(holdings, key=lambda holding: holding.rank)
    same = _same_accounts(ranked)
    counted: dict[Key, Key] = {}
    for one in ranked:
        for account in one.accounts if one.usable else ():
            counted.setdefault(same.root(_key(one, account)), _key(one, account))
    found: dict[Key, DuplicateOf] = {}
    for key in (_key(one, account) for one in ranked for account in one.accounts):
        original = counted.get(same.root(key), key)
        if original[0] != key[0]:
            found[key] = DuplicateOf(connection_id=original[0], account_id=original[1])
    return found


def marked(account: Account, duplicate_of: DuplicateOf | None) -> Account:
    """The account with `duplicate_of`; None means that it is no duplicate."""
    return {**account, "duplicate_of": duplicate_of}


def _same_accounts(ranked: Sequence[Holding]) -> "_Groups":
    """Which accounts are the same: those marked as duplicates, and those that equal one of an older connection."""
    same = _Groups()
    for position, one in enumerate(ranked):
        for account in one.accounts:
            if (known := account["duplicate_of"]) is not None:
                same.join(_key(one, account), (known["connection_id"], known["account_id"]))
        for older in filter(lambda holding: holding.usable, ranked[:position]):
            for ours, theirs in _shared(one, older):
                same.join(_key(one, ours), _key(older, theirs))
    return same


def _shared(one: Holding, other: Holding) -> list[tuple[Account, Account]]:
    ours, theirs = ([LinkedAccount.of(account) for account in holding.accounts] for holding in (one, other))
    same_institution = one.institution_id is not None and one.institution_id == other.institution_id
    found = _pairs(ours, theirs, same_institution=same_institution)
    return [(one.accounts[i], other.accounts[j]) for i, j in found]


def _pairs(
    ours: Sequence[LinkedAccount], theirs: Sequence[LinkedAccount], *, same_institution: bool
) -> list[tuple[int, int]]:
    """Pairs equal accounts, as positions in both lists. No account is in two pairs."""
    found: dict[int, int] = {}
    free = dict.fromkeys(range(len(theirs)))

    def pair(are_same: Callable[[LinkedAccount, LinkedAccount], bool]) -> None:
        for i, one in enumerate(ours):
            j = next((j for j in free if are_same(one, theirs[j])), None) if i not in found else None
            if j is not None:
                found[i] = j
                del free[j]

    pair(lambda a, b: bool(a.persistent_id) and a.persistent_id == b.persistent_id)
    if same_institution:
        whole = _are_equal(ours, theirs)
        pair(lambda a, b: a.label == b.label and (whole or bool(a.name and a.mask)))
    return sorted(found.items())


def have_equal_accounts(one: Iterable[Account], other: Iterable[Account]) -> bool:
    """Whether two connections have the same accounts, by name and mask."""
    return _are_equal([LinkedAccount.of(account) for account in one], [LinkedAccount.of(a) for a in other])


def _are_equal(ours: Sequence[LinkedAccount], theirs: Sequence[LinkedAccount]) -> bool:
    known = all(one.name is not None for one in (*ours, *theirs))
    return known and Counter(one.label for one in ours) == Counter(one.label for one in theirs)


def _key(holding: Holding, account: Account) -> Key:
    return holding.connection_id, account["account_id"]


@dataclass(slots=True)
class _Groups:
    """Groups of equal accounts (https://en.wikipedia.org/wiki/Disjoint-set_data_structure)."""

    _parents: dict[Key, Key] = field(default_factory=dict)

    def root(self, key: Key) -> Key:
        while (parent := self._parents.get(key, key)) != key:
            key = parent
        return key

    def join(self, one: Key, other: Key) -> None:
        self._parents[self.root(one)] = self.root(other)
