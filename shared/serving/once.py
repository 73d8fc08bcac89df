"""Makes something once per process, on first use."""

import functools
import threading
from collections.abc import Callable
from typing import TypeVar

Made = TypeVar("Made")


def once(make: Callable[[], Made]) -> Callable[[], Made]:
    """Makes something once, even if the first requests of an instance come at the same moment."""
    lock = threading.Lock()
    made: list[Made] = []

    @functools.wraps(make)
    def get() -> Made:
        if not made:
            with lock:
                if not made:
                    made.append(make())
        return made[0]

    return get
