"""The log: no alarm for faults that are not the operator's, and no secret."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from shared.domain import grace_periods
from shared.domain.institution_health.scope import LARGEST_SHARE, MOST_PAUSED
from tests.simulation.loop import MICROSECONDS
from tests.simulation.world import DAY, World

AFTERMATH = 600 * MICROSECONDS  # a call that failed may be reported this much later
REPORTED = ("exchange.lost", "rotation.token_lost", "removal.token_lost")
"""Plaid's answer held the only token, and was lost: the window that cannot be closed, which must be reported."""
ABOUT_TOKENS = ("rotation.refused", "sync.provider_error", "removal.postponed", "task.failed")
UNTIL_LOST = 2 * (grace_periods.UNKNOWN_TOKEN // timedelta(microseconds=1)) + 2 * DAY
"""Until a token counts as lost, its refusals are logged as errors: our API keys may be wrong. Faults may delay that."""
SECRET = re.compile(r"(?:access|public|link)-sandbox-[0-9a-f]{8}-")


def watch(world: World) -> None:
    """Listens to every line, and to every task."""

    def heard(level: str, event: str, fields: dict[str, Any]) -> None:
        text = fields["_text"]
        if level in ("ERROR", "CRITICAL") and event not in REPORTED and not _operators(world, event, fields):
            world.violated(f"logged at {level}: {event} {text[-1200:]}")
        if SECRET.search(text):
            world.violated(f"a token is in the log: {event}")

    def queued(function: str, payload: dict[str, Any]) -> None:
        if SECRET.search(str(payload)):
            world.violated(f"a token is in a task of {function}")

    world.backend.on_log.append(heard)
    world.backend.queues.watchers.append(queued)


def _operators(world: World, event: str, fields: dict[str, Any]) -> bool:
    """Whether the operator must know: something of Google's or the operator's failed just now, or too many banks do."""
    now, boundary = world.loop.microseconds, world.boundary
    if event == "institution.pause_refused":
        return not _may_pause(world, fields["institution_id"])
    if event in ABOUT_TOKENS and now - boundary.rotation_failed_at < UNTIL_LOST:
        return True
    return now - boundary.google_failed_at < AFTERMATH


def _may_pause(world: World, institution_id: str) -> bool:
    """Whether the bank is small enough, and few enough others are paused, for an automatic pause."""
    connections = world.backend.store.connections.values()
    here = sum(one.institution_id == institution_id for one in connections)
    paused = {*world.backend.records.watched[0].paused} - {institution_id}
    return here <= LARGEST_SHARE * len(connections) and len(paused) < MOST_PAUSED
