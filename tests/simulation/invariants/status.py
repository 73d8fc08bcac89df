"""A connection's status is what Plaid's item says."""

from __future__ import annotations

from datetime import timedelta

from emulators.plaid.items import Item, Readiness
from shared.domain.connection import REVOKED_CODE, Action, BankConnection, ItemStatus
from shared.domain.credentials import LOST_CODE
from shared.domain.reminders import CONSENT_WARNINGS
from tests.simulation.world import World

HEALTHY = (ItemStatus.GOOD, ItemStatus.PENDING_EXPIRATION, ItemStatus.PENDING_DISCONNECT)
DAILY_CHECK = timedelta(hours=25)  # the status may be that of the last daily check
PASSED = DAILY_CHECK + timedelta(days=2)  # dates of one end may differ by a day


def settled(world: World) -> None:
    """Compares every connection with its item."""
    for connection in list(world.backend.store.connections.values()):
        item = world.item_of(connection)
        if item is not None and not item.removed:
            found = _difference(world, connection, item)
            if found is not None:
                world.violated(f"{connection.connection_id} is {connection.status}, but {found}")


def _difference(world: World, connection: BankConnection, item: Item) -> str | None:
    if item.revoked:
        gone = connection.status is ItemStatus.ERROR and connection.action is Action.RELINK
        return None if gone else "its permission was revoked"
    if connection.status is ItemStatus.ERROR:
        lost = connection.error_code == LOST_CODE and world.boundary.rotation_failed_at > 0
        final = connection.error_code == REVOKED_CODE or item.error is not None or item.item_id in world.dead_items
        return None if final or lost else f"its item works ({connection.error_code})"
    if item.error is not None:
        return f"its item has {item.error}" if connection.status in HEALTHY else None
    if connection.status is ItemStatus.BAD:
        # Only data that arrives proves that a login works: none does without consent, or before the first history.
        unproven = item.consent.withdrawn or item.readiness is Readiness.NOT_READY
        return None if unproven else f"its item works ({connection.error_code})"
    bank = item.institution.institution_id
    if connection.institution_id != bank:
        return f"its item is of {bank}, not of {connection.institution_id}"
    return _consent(world, connection, item)


def _consent(world: World, connection: BankConnection, item: Item) -> str | None:
    expires, now = item.consent_expires, world.loop.now()
    far = expires is None or expires - now > CONSENT_WARNINGS[-1] + DAILY_CHECK
    near = expires is not None and timedelta(0) < expires - now < CONSENT_WARNINGS[-1] - DAILY_CHECK
    if near and connection.status is ItemStatus.GOOD:
        return "its consent ends soon"
    if far and connection.status is not ItemStatus.GOOD and connection.announced is None:
        return "its consent is far from its end"
    ends = connection.announced.ends_at if connection.announced is not None else None
    if connection.status is not ItemStatus.GOOD and ends is not None and now - ends > PASSED:
        return "the announced end has passed, and its item works"
    return None
