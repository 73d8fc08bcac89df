"""The clock, and the version of a document."""

from datetime import datetime
from typing import Protocol

Version = object
"""The time of a document's last write, opaque: the value that a compare-and-set compares."""


class Clock(Protocol):
    """The current time, timezone-aware, in UTC."""

    def now(self) -> datetime: ...  # noqa: D102
