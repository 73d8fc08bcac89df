"""Connections, their access tokens, and the exchanges that make them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from shared.domain.account import Account, DuplicateOf
from shared.domain.audit import AuditEntry
from shared.domain.connection import BankConnection, SealedToken
from shared.domain.credentials import StoredAccessToken
from shared.domain.exchange import Intent
from shared.domain.item import ItemHolder
from shared.domain.notification import Notification
from shared.domain.sync_state import SyncState
from shared.ports.clock import Version


@dataclass(frozen=True, slots=True)
class OwnedAccount:
    """An account of a user as it was read, with the version to compare against."""

    connection_id: str
    account: Account
    version: Version


@dataclass(frozen=True, slots=True)
class Mark:
    """What an account becomes a duplicate of (None: of nothing), if its document is unchanged since `expected`."""

    connection_id: str
    account_id: str
    duplicate_of: DuplicateOf | None
    expected: Version


@dataclass(frozen=True, slots=True)
class Guards:
    """What a commit that makes a connection compares, so that none is made unseen by another.

    Attributes:
        institution: Changes with every connection of the user to the institution; None before the first.
        user: Changes with every connection of the user, and with whatever else is audited; None before the first entry.
    """

    institution: Version | None
    user: Version | None


class Connections(Protocol):
    """The connections and what belongs to them."""

    def find(self, connection_id: str) -> BankConnection | None: ...  # noqa: D102
    def of_item(self, item_id: str) -> list[BankConnection]:
        """The connections to an item: one, but for some that were made before holders were stored."""

    def owned_by(self, app_user_id: str) -> list[BankConnection]: ...  # noqa: D102
    def at_institution(self, institution_id: str) -> list[str]:
        """Ids of the connections to an institution."""

    def page(self, *, after: str | None, limit: int) -> list[tuple[str, str]]:
        """Ids of connections and of their owners, in the order of the former, beginning after one."""

    def accounts_of(self, connection_id: str) -> list[Account]: ...  # noqa: D102
    def accounts_owned_by(self, app_user_id: str) -> list[OwnedAccount]:
        """The accounts of all connections of a user, and what is left of connections that are being removed."""

    def mark(self, marks: Iterable[Mark]) -> None:
        """Marks duplicates in one commit.

        Raises:
            Conflict: One of the accounts changed, or is gone.
        """

    def credentials(self, connection_id: str) -> SealedToken | None: ...  # noqa: D102
    def create(
        self,
        connection: BankConnection,
        *,
        token: SealedToken,
        accounts: Iterable[Account],
        state: SyncState,
        settles: tuple[Intent, Version],
        audit: AuditEntry,
        guards: Guards,
        held: Version | None = None,
        marks: Iterable[Mark] = (),
    ) -> None:
        """Writes the connection and all that must exist with it in one commit, with marks of other accounts.

        The connection holds its item from then on; `held` is the version of the item's holder that it takes the
        place of.

        Raises:
            Conflict: The intent or one of the marked accounts changed since it was read, or a connection of this user
                was made since `guards` were read, or the item has another holder than `held`, or another audit entry of
                this user came since.
        """

    def guards(self, app_user_id: str, *, institution_id: str | None) -> Guards:
        """The guards as they are now; of an unknown institution only the user's."""

    def describe(self, connection_id: str, changes: dict[str, Any]) -> bool:
        """Merges descriptive fields into a connection that exists; False if it does not."""

    def was_told(self, app_user_id: str, notification_id: str) -> bool:
        """Whether a user has this notification."""


class Credentials(Protocol):
    """The access tokens, and their replacement."""

    def load(self, connection_id: str) -> tuple[StoredAccessToken, Version] | None: ...  # noqa: D102
    def save(self, kept: StoredAccessToken, *, expected: Version, audit: Sequence[AuditEntry] = ()) -> Version:
        """Writes it, and what is to be told of it, if it is unchanged.

        Raises:
            Conflict: It changed or is gone, or another audit entry of this user came first.
        """

    def bury(self, connection_id: str, token: SealedToken, *, now: datetime) -> None:
        """The connection is being removed, and only this token can remove its item: puts it into the tombstone.

        Raises:
            Conflict: There is none (any more).
        """

    def due(self, now: datetime, *, limit: int) -> list[tuple[StoredAccessToken, Version]]:
        """What the schedule must look at, longest due first."""

    def issued_before(self, moment: datetime) -> Iterator[StoredAccessToken]:
        """Tokens that are older, oldest first."""

    def of_user(self, app_user_id: str) -> list[StoredAccessToken]: ...  # noqa: D102


class Items(Protocol):
    """Which connection each item belongs to."""

    def claim(self, holder: ItemHolder, *, now: datetime) -> tuple[ItemHolder, Version]:
        """Makes it the holder of its item unless the item has one; returns the one that is stored."""

    def release(self, holder: ItemHolder) -> None:
        """The item has no holder any more, if this was the one."""


class Intents(Protocol):
    """Exchanges under way and done."""

    def begin(self, intent: Intent) -> tuple[Intent, Version, bool]:
        """Stores the intent unless there is one; returns the stored one and whether it is new."""

    def find(self, intent_id: str) -> tuple[Intent, Version] | None: ...  # noqa: D102
    def update(
        self,
        intent: Intent,
        *,
        expected: Version,
        audit: AuditEntry | None = None,
        tells: Notification | None = None,
    ) -> Version:
        """Writes the intent if it is unchanged, with an audit entry and what its user is told.

        Raises:
            Conflict: It changed, or is gone; or another audit entry of this user came first.
        """

    def store_token(
        self, intent: Intent, *, expected: Version, holder: ItemHolder, held: Version | None = None
    ) -> tuple[Version, Version]:
        """Writes the intent, which has got a token, and the holder of the token's item, in one commit.

        `held` is the version of the holder that is there already.

        Returns:
            The versions of both.

        Raises:
            Conflict: The intent changed, or is gone; or the item has another holder than `held`.
        """

    def forget(self, intent_id: str, *, expected: Version) -> None:
        """Removes the intent if it is unchanged.

        Raises:
            Conflict: It changed, or is gone.
        """

    def due(self, now: datetime, *, limit: int) -> list[tuple[Intent, Version]]:
        """The intents that the sweep must look at, longest due first."""

    def of_user(self, app_user_id: str) -> list[tuple[Intent, Version]]: ...  # noqa: D102
