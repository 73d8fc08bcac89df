"""One notification per event, and at most one push per notification and device; none that a user needs is missing."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from shared.domain.audit import AuditAction
from shared.domain.notification import NotificationKind
from shared.domain.reminders import CONSENT_WARNINGS
from tests.simulation.invariants.status import DAILY_CHECK, HEALTHY
from tests.simulation.world import World

ONCE = (NotificationKind.FIRST_SYNC_DONE, NotificationKind.HISTORY_LATE, NotificationKind.REVOKED)
ABOUT_STATUS = (NotificationKind.NEEDS_RELINK, NotificationKind.REPAIRED, NotificationKind.RENEWED)


WARNINGS = 4  # of one end of a consent: when it is announced, and 14 days, a week and a day before


def settled(world: World) -> None:
    """Counts notifications by connection and kind, and looks for those of revoked accounts."""
    store = world.backend.store
    for connection_id, account_id in sorted(world.revocations):
        announced = f"{NotificationKind.ACCOUNT_REVOKED}-{connection_id}-{account_id}"
        if connection_id in store.connections and announced not in store.notifications:
            world.violated(f"the user of {connection_id} was not notified that {account_id} was revoked")
    _warned(world)
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


def _warned(world: World) -> None:
    """A user is warned when a consent ends soon: the daily checks of the quiet time have made up for missed ones."""
    now = world.loop.now()
    for connection in world.backend.store.connections.values():
        item = world.item_of(connection)
        if item is None or item.error is not None or item.revoked or item.removed or connection.status not in HEALTHY:
            continue
        left = item.consent_expires - now if item.consent_expires is not None else None
        due = [ahead for ahead in CONSENT_WARNINGS if left is not None and timedelta(0) < left <= ahead - DAILY_CHECK]
        if due and not _warnings(world, connection.connection_id, latest=due[0]):
            world.violated(f"the user of {connection.connection_id} was not warned that its consent ends soon")


def _warnings(world: World, connection_id: str, *, latest: timedelta) -> list[str]:
    """The warnings of a connection that its user got no earlier than this before the end."""
    started = f"{NotificationKind.EXPIRING}-{connection_id}-"
    names = [name for name in world.backend.store.notifications if name.startswith(started)]
    return [name for name in names if int(name.rpartition("-")[2]) <= latest.days]
