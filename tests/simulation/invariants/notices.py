"""One notification per event, and at most one push per notification and device."""

from __future__ import annotations

from collections import Counter

from shared.domain.audit import AuditAction
from shared.domain.notification import NotificationKind
from tests.simulation.world import World

ONCE = (NotificationKind.FIRST_SYNC_DONE, NotificationKind.HISTORY_LATE, NotificationKind.REVOKED)
ABOUT_STATUS = (NotificationKind.NEEDS_RELINK, NotificationKind.REPAIRED, NotificationKind.RENEWED)


WARNINGS = 4  # of one end of a consent: when it is announced, and 14 days, a week and a day before


def settled(world: World) -> None:
    """Counts notifications by connection and kind."""
    store = world.backend.store
    counts = Counter((one.connection_id, one.kind) for one in store.notifications.values())
    changes = Counter(
        entry.connection_id
        for log in store.audit.values()
        for entry in log
        if entry.action in (AuditAction.STATUS_CHANGED, AuditAction.ACCOUNT_REVOKED)
    )
    for (connection_id, kind), count in sorted(counts.items()):
        most = 1 if kind in ONCE else changes[connection_id] if kind in ABOUT_STATUS else None
        if most is not None and count > most:
            world.violated(f"{connection_id}: {count} notifications {kind}, at most {most} events")
    warnings = Counter(
        (one.connection_id, one.body) for one in store.notifications.values() if one.kind is NotificationKind.EXPIRING
    )
    for (connection_id, body), count in sorted(warnings.items()):
        if count > WARNINGS:
            world.violated(f"{connection_id}: {count} times {body!r}")
