"""Creates a value once per process, on first use."""

import functools
import threading
from collections.abc import Callable
from typing import TypeVar

Made = TypeVar("Made")


def once(make: Callable[[], Made]) -> Callable[[], Made]:
    """Calls the factory once, even if the first requests of an instance arrive simultaneously."""
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
