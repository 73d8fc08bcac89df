"""The audit logs."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from shared.domain.audit import AuditEntry, AuditHead, ChainedEntry
from shared.domain.audit_chain import Checkpoint
from shared.ports.clock import Version


class AuditLog(Protocol):
    """The audit logs, for whoever signs and checks them; entries are written with what they record."""

    def write_down(self, entry: AuditEntry) -> None:
        """Writes an entry that records nothing but itself: what an operator is about to do.

        Raises:
            Unavailable: The store did not answer.
        """

    def unsigned(self, now: datetime, *, limit: int) -> list[str]:
        """Users whose log has grown since it was signed, and whose time has come."""

    def postpone_signing(self, app_user_id: str, *, until: datetime) -> None:
        """Leaves a log out of `unsigned` until a moment."""

    def head(self, app_user_id: str) -> tuple[AuditHead, Version | None]:
        """Where a log ends; without a version if there is none."""

    def add_checkpoint(self, checkpoint: Checkpoint, *, expected: Version) -> None:
        """Stores where a log stood.

        Raises:
            Conflict: It has grown since.
        """

    def move_end(self, app_user_id: str, head: AuditHead, *, expected: Version | None) -> None:
        """Says where a log ends from now on.

        Raises:
            Conflict: It has grown since.
        """

    def entries(self, app_user_id: str) -> Iterable[tuple[int, ChainedEntry | None]]:
        """The entries, each with the number that it is stored under; None for what is no entry any more."""

    def checkpoints(self, app_user_id: str) -> list[Checkpoint]: ...  # noqa: D102

    def ended(self, now: datetime, *, limit: int) -> list[str]:
        """Users whose last entry has outlived the retention, longest first."""

    def drop(self, app_user_id: str, *, now: datetime) -> None:
        """Deletes the end of a log that has ended, its checkpoints, and entries that are left; a new one begins at 1.

        Raises:
            Conflict: It has grown since.
        """


class Signer(Protocol):
    """Signs checkpoints."""

    def sign(self, checkpoint: Checkpoint) -> Checkpoint: ...  # noqa: D102
    def is_signed(self, checkpoint: Checkpoint) -> bool: ...  # noqa: D102
