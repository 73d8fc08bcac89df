"""Delays before retries: one table per retried operation."""

from dataclasses import dataclass
from datetime import timedelta

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RetryDelays:
    """Growing delays.

    Attributes:
        delays: The delay after the first failure, the second, and so on; the last one repeats.
    """

    delays: tuple[timedelta, ...]

    def after(self, failures: int, *, at_least: timedelta = timedelta(0), jitter: float = 0.0) -> timedelta:
        """The delay before the next attempt.

        Args:
            failures: The number of failed attempts before the current failure, from 0.
            at_least: The provider's Retry-After, which may be longer than the table's delay.
            jitter: Between 0 and 1; shortens the delay by up to a quarter, to spread out retries.
        """
        delay = self.delays[min(max(failures, 0), len(self.delays) - 1)]
        return max(delay * (1 - jitter / 4), at_least)


TRIES_PER_ATTEMPT = 3  # transient failures of a sync, seconds apart, before its attempt counts as failed
SYNC = RetryDelays((_MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 3 * _HOUR, 6 * _HOUR))
ROTATION = RetryDelays((5 * _MINUTE, 15 * _MINUTE, _HOUR, 6 * _HOUR))
REMOVAL = RetryDelays((_MINUTE, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 6 * _HOUR))
ERASURE = RetryDelays((_MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 6 * _HOUR))
HISTORY_MOVE = RetryDelays((15 * _MINUTE, _HOUR, 3 * _HOUR, 6 * _HOUR))
WEBHOOK = RetryDelays((10 * _MINUTE, 20 * _MINUTE, _HOUR, 6 * _HOUR, 24 * _HOUR))
