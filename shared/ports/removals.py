"""Removals of connections, and erasures of users."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from shared.domain.audit import AuditEntry
from shared.domain.erasure import Erasure
from shared.domain.exchange import Intent
from shared.domain.removal import Removal
from shared.ports.clock import Version
from shared.ports.connections import Mark
from shared.ports.history_moves import EndedMove


class Removals(Protocol):
    """Connections that are being removed."""

    def begin(
        self,
        removal: Removal,
        *,
        audit: AuditEntry,
        marks: Iterable[Mark] = (),
        move: EndedMove | None = None,
        state: Version | None = None,
    ) -> Removal:
        """Deletes the connection in one commit, and stores a tombstone that holds its credentials.

        From then on, every commit to the connection's sync state is refused, and no notes move to the connection.

        Args:
            removal: The removal.
            audit: Its audit entry.
            marks: For accounts of other connections, which may have been duplicates of the removed ones.
            move: The move of this connection's notes that ends with this commit, if it was replaced.
            state: The version that the connection's sync state must have, if its rows must not have changed.

        Returns:
            The removal as it was stored.

        Raises:
            Conflict: The connection was deleted before, or its credentials or one of the marked accounts changed
                meanwhile, or `state` or the record of `move`, or another audit entry of this user was written first.
        """

    def begin_exchange(self, removal: Removal, intent: tuple[Intent, Version], *, audit: AuditEntry) -> None:
        """Moves the token of an exchange that created no connection into a tombstone, and deletes the intent.

        Raises:
            Conflict: The intent changed, or another audit entry of this user was written first.
        """

    def take_credentials(self, removal: Removal, *, expected: Version) -> tuple[Removal, Version]:
        """Moves the credentials, if there are any, into the tombstone.

        Raises:
            Conflict: The tombstone or the credentials changed.
        """

    def find(self, connection_id: str) -> tuple[Removal, Version] | None: ...  # noqa: D102
    def due(self, now: datetime, *, limit: int) -> list[tuple[Removal, Version]]:
        """Removals that the scheduler must resume, longest due first."""

    def of_user(self, app_user_id: str) -> list[Removal]: ...  # noqa: D102

    def update(self, removal: Removal, *, expected: Version) -> Version:
        """Writes the tombstone if it is unchanged.

        Raises:
            Conflict: The tombstone changed or was deleted.
        """

    def finish(self, removal: Removal, *, expected: Version, audit: AuditEntry) -> None:
        """Deletes the tombstone if it is unchanged, and the item's holder unless the connection's document stays.

        Raises:
            Conflict: The tombstone changed or was deleted, or the item's holder changed meanwhile, or another audit
                entry of this user was written first.
        """


class ConnectionData(Protocol):
    """The data of removed connections and erased users: deleted in bounded steps, and again after an interruption."""

    def purge(self, removal: Removal) -> None:
        """Deletes all data of a connection, except what explains its removal to the user, where that is kept."""

    def purge_user(self, app_user_id: str, *, before: datetime) -> None:
        """Deletes a user's data besides connections and exchanges, as far as it existed at that moment."""


class Erasures(Protocol):
    """Users whose bank data is being erased."""

    def begin(self, erasure: Erasure, *, audit: AuditEntry) -> Erasure:
        """Stores an erasure with its audit entry, or extends the one in progress. Returns the stored erasure.

        Raises:
            Conflict: Another caller did so at the same time, or another audit entry of this user was written first.
        """

    def find(self, app_user_id: str) -> tuple[Erasure, Version] | None: ...  # noqa: D102
    def due(self, now: datetime, *, limit: int) -> list[tuple[Erasure, Version]]:
        """Erasures that the scheduler must resume, longest due first."""

    def update(self, erasure: Erasure, *, expected: Version) -> Version:
        """Writes the erasure if it is unchanged.

        Raises:
            Conflict: The erasure changed or was deleted.
        """

    def finish(self, erasure: Erasure, *, expected: Version, audit: AuditEntry) -> None:
        """Deletes the erasure if it is unchanged.

        Raises:
            Conflict: The erasure changed or was deleted, or another audit entry of this user was written first.
        """


class Owners(Protocol):
    """Which owners of connections still exist."""

    def gone(self, app_user_ids: Sequence[str]) -> set[str]:
        """The users that Firebase Auth does not know. Auth still knows disabled users.

        Raises:
            Unavailable: Auth did not answer for all of them.
        """
