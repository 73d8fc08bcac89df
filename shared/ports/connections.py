"""Connections, their access tokens, and the exchanges that create them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from shared.domain.account import Account, DuplicateOf, StoredAccount
from shared.domain.audit import AuditEntry
from shared.domain.connection import BankConnection, SealedToken
from shared.domain.credentials import StoredAccessToken
from shared.domain.exchange import Intent
from shared.domain.history_move import HistoryMove
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
    """Sets or clears (None) what an account is a duplicate of, if its document is unchanged since `expected`."""

    connection_id: str
    account_id: str
    duplicate_of: DuplicateOf | None
    expected: Version


@dataclass(frozen=True, slots=True)
class Guards:
    """The versions that a commit which creates a connection compares, so that concurrent ones conflict.

    Attributes:
        institution: Changes with every connection of the user to the institution; None before the first.
        user: Changes with every connection of the user, and every other audit entry; None before the first entry.
    """

    institution: Version | None
    user: Version | None


class Connections(Protocol):
    """Connections, their accounts and credentials."""

    def find(self, connection_id: str) -> BankConnection | None: ...  # noqa: D102
    def of_item(self, item_id: str) -> list[BankConnection]:
        """The connections to an item: one, except for items linked before holders were stored."""

    def owned_by(self, app_user_id: str) -> list[BankConnection]: ...  # noqa: D102
    def at_institution(self, institution_id: str) -> list[str]:
        """Ids of the connections to an institution."""

    def of_institution(self, institution_id: str) -> list[BankConnection]: ...  # noqa: D102
    def users_at(self, institution_id: str, *, most: int) -> int:
        """The number of users with a connection to an institution, counted up to `most`."""

    def page(self, *, after: str | None, limit: int) -> list[tuple[str, str]]:
        """Pairs of connection id and owner id, in the order of connection ids, starting after `after`."""

    def accounts_of(self, connection_id: str) -> list[Account]: ...  # noqa: D102
    def stored_accounts(self, connection_id: str) -> list[StoredAccount]:
        """The accounts of a connection, as clients read them."""

    def accounts_owned_by(self, app_user_id: str) -> list[OwnedAccount]:
        """The accounts of all connections of a user, including remaining ones of connections that are being removed."""

    def mark(self, marks: Iterable[Mark]) -> None:
        """Marks duplicates in one commit.

        Raises:
            Conflict: One of the accounts changed, or was deleted.
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
        move: HistoryMove | None = None,
    ) -> None:
        """Creates a connection and everything that must exist with it, and marks other accounts, in one commit.

        The connection becomes the holder of its item; `held` is the version of the holder that it replaces. `move` is
        of the notes of the connection that this one replaces, if it replaces one.

        Raises:
            Conflict: The intent or one of the marked accounts changed since it was read, or a connection of this user
                was created since `guards` were read, or the item has another holder than `held`, or another audit entry
                of this user was written first.
        """

    def guards(self, app_user_id: str, *, institution_id: str | None) -> Guards:
        """The current guards; only the user's if the institution is unknown."""

    def describe(self, connection_id: str, changes: dict[str, Any]) -> bool:
        """Merges descriptive fields into a connection; False if the connection does not exist."""

    def was_told(self, app_user_id: str, notification_id: str) -> bool:
        """Whether this notification of a user exists."""


class Credentials(Protocol):
    """The access tokens, and their rotation."""

    def load(self, connection_id: str) -> tuple[StoredAccessToken, Version] | None: ...  # noqa: D102
    def save(self, kept: StoredAccessToken, *, expected: Version, audit: Sequence[AuditEntry] = ()) -> Version:
        """Writes the credentials and their audit entries, if the stored credentials are unchanged.

        Raises:
            Conflict: The credentials changed or were deleted, or another audit entry of this user was written first.
        """

    def bury(self, connection_id: str, token: SealedToken, *, now: datetime) -> None:
        """Puts the only token that can remove the item into the tombstone of a connection that is being removed.

        Raises:
            Conflict: There is no tombstone (any more).
        """

    def due(self, now: datetime, *, limit: int) -> list[tuple[StoredAccessToken, Version]]:
        """Credentials that the scheduler must handle, longest due first."""

    def issued_before(self, moment: datetime) -> Iterator[StoredAccessToken]:
        """Tokens issued before a moment, oldest first."""

    def of_user(self, app_user_id: str) -> list[StoredAccessToken]: ...  # noqa: D102


class Items(Protocol):
    """Which connection each item belongs to."""

    def claim(self, holder: ItemHolder, *, now: datetime) -> tuple[ItemHolder, Version]:
        """Makes `holder` the holder of its item, unless the item has one already; returns the stored holder."""

    def release(self, holder: ItemHolder) -> None:
        """Deletes the item's holder, if it is still this one."""


class Intents(Protocol):
    """Exchanges in progress and completed."""

    def begin(self, intent: Intent) -> tuple[Intent, Version, bool]:
        """Stores the intent unless one exists; returns the stored intent, its version, and whether it is new."""

    def find(self, intent_id: str) -> tuple[Intent, Version] | None: ...  # noqa: D102
    def update(
        self,
        intent: Intent,
        *,
        expected: Version,
        audit: AuditEntry | None = None,
        tells: Notification | None = None,
    ) -> Version:
        """Writes the intent if it is unchanged, with an audit entry and a notification of its user.

        Raises:
            Conflict: The intent changed or was deleted, or another audit entry of this user was written first.
        """

    def store_token(
        self, intent: Intent, *, expected: Version, holder: ItemHolder, held: Version | None = None
    ) -> tuple[Version, Version]:
        """Writes an intent that received a token, and the holder of the token's item, in one commit.

        `held` is the version of the existing holder, if there is one.

        Returns:
            The versions of the intent and of the holder.

        Raises:
            Conflict: The intent changed or was deleted, or the item has another holder than `held`.
        """

    def forget(self, intent_id: str, *, expected: Version) -> None:
        """Deletes the intent if it is unchanged.

        Raises:
            Conflict: The intent changed or was deleted.
        """

    def due(self, now: datetime, *, limit: int) -> list[tuple[Intent, Version]]:
        """The intents that the sweep must handle, longest due first."""

    def of_user(self, app_user_id: str) -> list[tuple[Intent, Version]]: ...  # noqa: D102
