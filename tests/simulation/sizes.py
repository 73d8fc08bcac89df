"""The sizes of pages, commits, runs and turns. Small ones in some worlds, so that little data takes many of them."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from shared.adapters.plaid import client
from shared.usecases.institution_health import watch_institutions
from shared.usecases.products import read_product, store_answer
from shared.usecases.sync import run_sync, write_changes

SIZES = ((500, 800, 500), (500, 800, 500), (500, 5, 3), (9, 800, 500), (9, 5, 3), (25, 20, 10))
"""The rows of a page, of a commit that shows a whole change set at once, and of one of many commits; the first two are
what is deployed."""
TIMES = tuple(timedelta(seconds=seconds) for seconds in (360, 360, 30, 5))
"""How long a run reads before another one continues; the first two are what is deployed."""
POLLED = (300, 2, 1, 1)
"""The institutions whose status a scheduler run asks Plaid for; the first is what is deployed."""


def of_world(seed: int) -> list[tuple[Any, str, Any]]:
    """What a world changes: modules, names and values."""
    rows, atomic, stream = random.Random(f"sizes {seed}").choice(SIZES)
    time_for_a_run = random.Random(f"times {seed}").choice(TIMES)
    polled = random.Random(f"polled {seed}").choice(POLLED)
    return [
        (client, "PAGE_ROWS", rows),
        (write_changes, "MAX_ATOMIC_ROWS", atomic),
        (write_changes, "STREAM_ROWS", stream),
        (run_sync, "TIME_FOR_A_RUN", time_for_a_run),
        (read_product, "PAGE_ROWS", rows),
        (store_answer, "ROWS_AT_ONCE", stream),
        (watch_institutions, "MOST_POLLED", polled),
    ]
