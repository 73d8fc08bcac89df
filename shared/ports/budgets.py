"""Budgets for calls that the owner pays for."""

from datetime import datetime
from typing import Protocol

from shared.domain.ceilings import Budget


class Budgets(Protocol):
    """Counts calls that the owner pays for. The counters survive the erasure of a user until they expire."""

    def spend(self, *budgets: Budget, now: datetime) -> Budget | None:
        """Counts one call against all of these budgets in one commit.

        Returns:
            None if the call may be made; otherwise the first exhausted budget, and nothing was written.

        Raises:
            Unavailable: The store did not answer, or too many callers count at the same time: do not make the call.
        """
