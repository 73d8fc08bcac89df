"""The time."""

from datetime import datetime
from typing import Protocol

Version = object
"""When a document was last written, opaque: what a compare-and-set compares."""


class Clock(Protocol):
    """The time, aware, in UTC."""

    def now(self) -> datetime: ...  # noqa: D102
