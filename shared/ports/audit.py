"""The audit logs."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from shared.domain.audit import AuditEntry, AuditHead, ChainedEntry
from shared.domain.audit_chain import Checkpoint
from shared.ports.clock import Version


class AuditLog(Protocol):
    """The audit logs, for signing and checking. An entry is written in the commit of the change that it records."""

    def write_down(self, entry: AuditEntry) -> None:
        """Writes an entry that belongs to no other commit: what an operator is about to do.

        Raises:
            Unavailable: The store did not answer.
        """

    def unsigned(self, now: datetime, *, limit: int) -> list[str]:
        """Users whose log has grown since it was signed, and is due for signing."""

    def postpone_signing(self, app_user_id: str, *, until: datetime) -> None:
        """Excludes a log from `unsigned` until a moment."""

    def head(self, app_user_id: str) -> tuple[AuditHead, Version | None]:
        """The end of a log, with its version; the version is None if there is no log."""

    def add_checkpoint(self, checkpoint: Checkpoint, *, expected: Version) -> None:
        """Stores a checkpoint of a log.

        Raises:
            Conflict: The log has grown since it was read.
        """

    def move_end(self, app_user_id: str, head: AuditHead, *, expected: Version | None) -> None:
        """Replaces the stored end of a log.

        Raises:
            Conflict: The log has grown since it was read.
        """

    def entries(self, app_user_id: str) -> Iterable[tuple[int, ChainedEntry | None]]:
        """The entries by the number that each is stored under; None for a document that cannot be read as an entry."""

    def checkpoints(self, app_user_id: str) -> list[Checkpoint]: ...  # noqa: D102

    def ended(self, now: datetime, *, limit: int) -> list[str]:
        """Users whose last entry has expired, longest expired first."""

    def drop(self, app_user_id: str, *, now: datetime) -> None:
        """Deletes an expired log: its end, its checkpoints, and the entries that are left. A new log begins at 1.

        Raises:
            Conflict: The log has grown since it was read.
        """


class Signer(Protocol):
    """Signs checkpoints."""

    def sign(self, checkpoint: Checkpoint) -> Checkpoint: ...  # noqa: D102
    def is_signed(self, checkpoint: Checkpoint) -> bool: ...  # noqa: D102
