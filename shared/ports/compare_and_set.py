"""The loop around every compare-and-set: read, decide, write on the condition that nothing has changed since."""

from collections.abc import Callable
from typing import TypeVar

from shared.domain.errors import Conflict, Unavailable

T = TypeVar("T")

MAX_TRIES = 5


def retry_on_conflict(
    step: Callable[[], T],
    *,
    tries: int = MAX_TRIES,
    busy: Unavailable | None = None,
    back_off: Callable[[int], None] | None = None,
) -> T:
    """Repeats a step until no other writer comes between its read and its write.

    Args:
        step: Reads, decides and writes with `expected`; its result is returned. Each try calls it again, so it must
            read everything that its decision depends on.
        tries: How often the step runs at most.
        busy: The error after the last try; by default, `connection_busy`.
        back_off: Waits after a conflict; gets the number of earlier tries. By default there is no wait.

    Raises:
        Unavailable: Another writer was faster each time: retry in a second.
    """
    for attempt in range(tries):
        try:
            return step()
        except Conflict:
            if back_off is not None:
                back_off(attempt)
    raise busy or Unavailable("the connection is busy", code="connection_busy", retry_after_seconds=1)
