"""Lets an operator check that a user's audit log is unchanged since it was written."""

from dataclasses import dataclass
from datetime import timedelta

from shared.domain.audit import AuditHead, ChainedEntry
from shared.domain.audit_chain import Checkpoint, Damage, damages
from shared.domain.errors import Unavailable
from shared.ports import AuditLog, Clock, Signer, Version

MAX_TRIES = 5


@dataclass(frozen=True, slots=True)
class AuditSnapshot:
    """A whole log at one moment; `version` is the version of its end."""

    head: AuditHead
    version: Version | None
    entries: dict[int, ChainedEntry | None]
    checkpoints: list[Checkpoint]

    @classmethod
    def read(cls, app_user_id: str, *, audit: AuditLog) -> "AuditSnapshot":
        """Reads the whole log, and reads it again if it grows meanwhile.

        Raises:
            Unavailable: The log grew during each try.
        """
        for _ in range(MAX_TRIES):
            head, version = audit.head(app_user_id)
            entries, checkpoints = dict(audit.entries(app_user_id)), audit.checkpoints(app_user_id)
            if audit.head(app_user_id)[1] == version:
                return cls(head, version, entries, checkpoints)
        raise growing()


def growing() -> Unavailable:
    """The error for a log that grows faster than it can be read."""
    return Unavailable("the log keeps growing", code="store_busy", retry_after_seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAudit:
    """Checks audit logs. `retention` is how long entries are kept: older ones may be missing."""

    audit: AuditLog
    signer: Signer
    clock: Clock
    retention: timedelta

    def __call__(self, app_user_id: str) -> tuple[int, list[Damage]]:
        """Checks the log of a user.

        Returns:
            The number of entries, and all damages found.

        Raises:
            Unavailable: The log grew during each try to read it.
        """
        snapshot = AuditSnapshot.read(app_user_id, audit=self.audit)
        found = damages(
            snapshot.entries,
            checkpoints=snapshot.checkpoints,
            head=snapshot.head,
            is_signed=self.signer.is_signed,
            now=self.clock.now(),
            retention=self.retention,
        )
        return len(snapshot.entries), found
