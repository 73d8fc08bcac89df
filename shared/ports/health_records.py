"""The private records of institutions' health, and the evidence in the states of syncs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.domain.bank_contact import ContactSource
from shared.domain.institution_health.evidence import LoginLost
from shared.domain.institution_health.record import HealthRecord, Watchlist
from shared.ports.clock import Version


@dataclass(frozen=True, slots=True)
class Contact:
    """The latest outcome of a call that reached a connection's bank (shared/domain/bank_contact.py)."""

    connection_id: str
    app_user_id: str
    at: datetime
    failed: bool
    source: ContactSource
    known_at: datetime


class HealthRecords(Protocol):
    """The records, and the list of institutions that are watched."""

    def watchlist(self) -> tuple[Watchlist, Version | None]:
        """The list and its version; without a version if it was never stored."""

    def save_watchlist(self, watchlist: Watchlist, *, expected: Version | None) -> None:
        """Stores the list if it is unchanged.

        Raises:
            Conflict: The list changed.
        """

    def load(self, institution_id: str) -> tuple[HealthRecord, Version] | None: ...  # noqa: D102
    def save(
        self,
        record: HealthRecord,
        *,
        expected: Version | None,
        watchlist: tuple[Watchlist, Version | None],
    ) -> Version:
        """Stores a record and the watchlist in one commit, if both are unchanged; returns the record's new version.

        Args:
            record: The record.
            expected: The version that it replaces; None if there was no record.
            watchlist: The list, and the version that it replaces.

        Raises:
            Conflict: One of them changed.
        """

    def forget(self, institution_id: str) -> None:
        """Deletes the record of an institution without connections."""


class BankContacts(Protocol):
    """Evidence about institutions: the latest contact of each connection, and numbers of connections."""

    def failing_since(self, since: datetime, *, limit: int) -> set[str]:
        """The institutions at which some connection's latest contact failed, which became known since then."""

    def latest(self, institution_id: str, *, since: datetime, limit: int) -> list[Contact]:
        """The newest contacts of an institution's connections, newest first."""

    def logins_lost(self, institution_id: str, *, since: datetime, limit: int) -> list[LoginLost]:
        """Connections of an institution whose login stopped working since then."""

    def count_at(self, institution_id: str) -> int:
        """The number of connections to an institution."""

    def count_all(self) -> int:
        """The number of all connections."""

    def count_deferred(self, institution_id: str) -> int:
        """The number of an institution's syncs that wait for the end of a pause."""

    def deferred(self, institution_id: str, *, limit: int) -> list[str]:
        """Connections of an institution whose sync waits for the end of a pause, oldest data first."""

    def some_at(self, institution_id: str, *, start: str, limit: int) -> list[str]:
        """Some connections to an institution, in the order of their ids from `start` on, and around the end."""

    def institutions(self) -> list[str]:
        """All institutions in the cache: those that connections were ever made to."""
