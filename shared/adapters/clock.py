"""The wall clock."""

from datetime import UTC, datetime


class SystemClock:
    """The system clock, in UTC."""

    def now(self) -> datetime:
        """The current time."""
        return datetime.now(UTC)
