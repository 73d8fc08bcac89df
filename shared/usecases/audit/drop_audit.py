"""Deletes audit logs whose every entry has outlived the retention, with their ends and checkpoints.

A TTL deletes the entries. The end of the chain and its checkpoints prove that only expired entries are missing, so they
stay while the log may still have entries. Of an erased user, nothing is left once the last entry has expired.
"""

from contextlib import suppress
from dataclasses import dataclass

from shared.domain.errors import Conflict
from shared.log import log
from shared.ports import AuditLog, Clock
from shared.usecases.due_pages import due_pages

PAGE = 200
MAX_PAGES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class DropAudit:
    """Deletes expired audit logs."""

    audit: AuditLog
    clock: Clock

    def __call__(self) -> int:
        """Deletes the logs that have expired; a log that grows meanwhile stays. Returns how many were deleted.

        Raises:
            Unavailable: The store did not answer; the next daily run continues.
        """
        now, dropped = self.clock.now(), 0

        def ended(limit: int) -> list[str]:
            return self.audit.ended(now, limit=limit)

        for page in due_pages(ended, str, size=PAGE, max_pages=MAX_PAGES):
            for app_user_id in page:
                with suppress(Conflict):
                    self.audit.drop(app_user_id, now=now)
                    dropped += 1
        if dropped:
            log.info("audit.dropped", logs=dropped)
        return dropped
