"""Budgets for calls that the owner pays for, counted in limits.py."""

from datetime import datetime
from typing import TYPE_CHECKING

from shared.adapters.firestore.errors import translates_outages
from shared.adapters.firestore.limits import count_call
from shared.domain.ceilings import Budget

if TYPE_CHECKING:
    from google.cloud import firestore

_MAX_TRIES = 8  # a call that the owner pays for can wait for the next request; a sync should not wait for it


@translates_outages
class FirestoreBudgets:
    """The port `Budgets`."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def spend(self, *budgets: Budget, now: datetime) -> Budget | None:
        """See count_call.

        Raises:
            Unavailable: Too many callers at once; nothing was counted.
        """
        used_up = count_call(self._client, *budgets, now=now, max_tries=_MAX_TRIES)
        return used_up[0] if used_up is not None else None
