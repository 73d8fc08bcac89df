"""Budgets for calls that cost the operator money, counted in limits.py."""

from datetime import datetime
from typing import TYPE_CHECKING

from shared.adapters.firestore.errors import translates_outages
from shared.adapters.firestore.limits import count_call
from shared.domain.ceilings import Budget

if TYPE_CHECKING:
    from google.cloud import firestore

_MAX_TRIES = 8  # a sync should not wait long for a paid call, which the next sync can make


@translates_outages
class FirestoreBudgets:
    """The port `Budgets`."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def spend(self, *budgets: Budget, now: datetime) -> Budget | None:
        """Counts a call in all budgets; see count_call.

        Raises:
            Unavailable: Too many callers at once; nothing was counted.
        """
        used_up = count_call(self._client, *budgets, now=now, max_tries=_MAX_TRIES)
        return used_up[0] if used_up is not None else None
