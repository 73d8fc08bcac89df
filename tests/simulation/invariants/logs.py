"""The log: no alarm for faults that are not the operator's, and no secret."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from shared.domain import grace_periods
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
        if level in ("ERROR", "CRITICAL") and event not in REPORTED and not _ours(world, event):
            world.violated(f"logged at {level}: {event} {text[-1200:]}")
        if SECRET.search(text):
            world.violated(f"a token is in the log: {event}")

    def queued(function: str, payload: dict[str, Any]) -> None:
        if SECRET.search(str(payload)):
            world.violated(f"a token is in a task of {function}")

    world.backend.on_log.append(heard)
    world.backend.queues.watchers.append(queued)


def _ours(world: World, event: str) -> bool:
    """Whether something of Google's or the operator's failed just now: that is what ERROR is for."""
    now, boundary = world.loop.microseconds, world.boundary
    if event in ABOUT_TOKENS and now - boundary.rotation_failed_at < UNTIL_LOST:
        return True
    return now - boundary.google_failed_at < AFTERMATH
