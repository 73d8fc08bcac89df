"""What goes, and whose."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol

from shared.domain.audit import AuditEntry
from shared.domain.erasure import Erasure
from shared.domain.exchange import Intent
from shared.domain.removal import Removal
from shared.ports.clock import Version
from shared.ports.connections import Mark


class Removals(Protocol):
    """Connections that are being removed."""

    def begin(self, removal: Removal, *, audit: AuditEntry, marks: Iterable[Mark] = ()) -> Removal:
        """Takes the connection away in one commit, and leaves the tombstone, with its credentials in it.

        `marks` are of other connections' accounts, which may have been duplicates of the removed one's.

        From then on no commit of anybody's sync state is taken. Returns the removal as it was stored.

        Raises:
            Conflict: The connection is gone, or its credentials changed in this moment, or one of the marked accounts
                changed, or another audit entry of this user came first.
        """

    def begin_exchange(self, removal: Removal, intent: tuple[Intent, Version], *, audit: AuditEntry) -> None:
        """Moves the token of an exchange that became no connection into a tombstone; its intent goes.

        Raises:
            Conflict: The intent changed, or another audit entry of this user came first.
        """

    def take_credentials(self, removal: Removal, *, expected: Version) -> tuple[Removal, Version]:
        """Moves the credentials, if there are any, into the tombstone.

        Raises:
            Conflict: The tombstone or the credentials changed.
        """

    def find(self, connection_id: str) -> tuple[Removal, Version] | None: ...  # noqa: D102
    def due(self, now: datetime, *, limit: int) -> list[tuple[Removal, Version]]:
        """What the schedule must see to, longest due first."""

    def of_user(self, app_user_id: str) -> list[Removal]: ...  # noqa: D102

    def update(self, removal: Removal, *, expected: Version) -> Version:
        """Writes the tombstone if it is unchanged.

        Raises:
            Conflict: It changed, or is gone.
        """

    def finish(self, removal: Removal, *, expected: Version, audit: AuditEntry) -> None:
        """Deletes the tombstone if it is unchanged; unless the connection stays, its item has no holder any more.

        Raises:
            Conflict: It changed, or is gone, or the item's holder changed in this moment, or another audit entry of
                this user came first.
        """


class ConnectionData(Protocol):
    """What connections and their users leave behind; deleted in bounded steps, and again if that was broken off."""

    def purge(self, removal: Removal) -> None:
        """Deletes all that belongs to a connection, but what is to tell its user why it went, where that is kept."""

    def purge_user(self, app_user_id: str, *, before: datetime) -> None:
        """Deletes what a user has besides connections and exchanges, as far as it was there at that moment."""


class Erasures(Protocol):
    """Users whose bank data is being erased."""

    def begin(self, erasure: Erasure, *, audit: AuditEntry) -> Erasure:
        """Stores an erasure, with its entry; or extends the one that is under way. Returns what is stored.

        Raises:
            Conflict: Somebody else did so in this moment, or another audit entry of this user came first.
        """

    def find(self, app_user_id: str) -> tuple[Erasure, Version] | None: ...  # noqa: D102
    def due(self, now: datetime, *, limit: int) -> list[tuple[Erasure, Version]]:
        """What the schedule must see to, longest due first."""

    def update(self, erasure: Erasure, *, expected: Version) -> Version:
        """Writes it if it is unchanged.

        Raises:
            Conflict: It changed, or is gone.
        """

    def finish(self, erasure: Erasure, *, expected: Version, audit: AuditEntry) -> None:
        """Deletes it if it is unchanged.

        Raises:
            Conflict: It changed, or is gone, or another audit entry of this user came first.
        """


class Owners(Protocol):
    """Who of the users is there still."""

    def gone(self, app_user_ids: Sequence[str]) -> set[str]:
        """Those whom Firebase Auth says it does not know. Disabled users are known.

        Raises:
            Unavailable: It could not be asked about all of them.
        """
