"""Runs the scheduled functions of the local stack, because the emulators never run them."""

from __future__ import annotations

import httpx

from emulators.environment import scheduled_url
from emulators.ports import Ports
from emulators.terminal import printable

SCHEDULED = {"schedule_syncs": 1, "monitor_connections": 96}
"""The number of 15-minute ticks between two runs of a function."""
MINUTE = 60.0  # instead of the schedule's 15 minutes


def tick(ports: Ports, client: httpx.Client, *, number: int = 0) -> None:
    """Runs the functions that are due at a tick."""
    for name in (name for name, every in SCHEDULED.items() if number % every == 0):
        try:
            client.post(scheduled_url(ports, name), timeout=30)
        except httpx.HTTPError as error:
            print(printable(f"{name} failed: {type(error).__name__}"), flush=True)
