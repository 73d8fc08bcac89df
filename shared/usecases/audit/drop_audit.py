"""Audit logs whose every entry has outlived the retention: their ends and checkpoints go, too.

Entries are dropped by a TTL. The end of the chain and its checkpoints vouch for what is missing, so they stay while the
log may still have entries; of a user who was erased, nothing is left once the last entry's time has come.
"""

from contextlib import suppress

from shared.domain.errors import Conflict
from shared.log import log
from shared.ports import AuditLog, Clock
from shared.usecases.due_pages import due_pages

PAGE = 200
MAX_PAGES = 50


def drop_ended_audits(*, audit: AuditLog, clock: Clock) -> int:
    """Drops logs whose time has come; one that grows meanwhile stays. Returns how many were dropped.

    Raises:
        Unavailable: The store did not answer; the next day continues.
    """
    now, dropped = clock.now(), 0

    def ended(limit: int) -> list[str]:
        return audit.ended(now, limit=limit)

    for page in due_pages(ended, str, size=PAGE, max_pages=MAX_PAGES):
        for app_user_id in page:
            with suppress(Conflict):
                audit.drop(app_user_id, now=now)
                dropped += 1
    if dropped:
        log.info("audit.dropped", logs=dropped)
    return dropped
