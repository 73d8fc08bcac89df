"""Budgets in Firestore: `bank_limits/{name}`, the times of the calls within the window. Private; removed by TTL.

Every call compares and sets the counters that it draws on, so a budget is exact under concurrency.
"""

import random
import time
from datetime import datetime
from typing import TYPE_CHECKING

from shared.adapters.firestore_commit import Batch, version_of
from shared.adapters.firestore_errors import translates_outages
from shared.adapters.firestore_limits import LIMITS
from shared.domain.ceilings import Budget
from shared.domain.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from google.cloud import firestore

_MAX_TRIES = 8  # a call that the owner pays for can wait for the next request; a sync should not wait for it


@translates_outages
class FirestoreBudgets:
    """The port `Budgets`."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def spend(self, *budgets: Budget, now: datetime) -> Budget | None:
        """One read of all counters and one commit, more under contention; a refused call writes nothing."""
        for attempt in range(_MAX_TRIES):
            found = {s.id: s for s in self._client.get_all([self._client.document(LIMITS, b.name) for b in budgets])}
            batch = Batch(self._client)
            for budget in budgets:
                snapshot = found[budget.name]
                spent = (snapshot.to_dict() or {}).get("calls", [])
                calls = [at for at in spent if now - at < budget.within]
                if len(calls) >= budget.most:
                    return budget
                fields = {"calls": [*calls, now], "expires_at": now + budget.within}
                path = f"{LIMITS}/{budget.name}"
                if snapshot.exists:
                    batch.replace(path, fields, expected=version_of(snapshot))
                else:
                    batch.create(path, fields)
            try:
                batch.commit()
            except Conflict:
                time.sleep(random.random() * min(0.02 * 2**attempt, 0.5))  # noqa: S311 (spreads callers, guards nothing)
                continue
            return None
        raise Unavailable("too many calls at once", code="limits_busy", retry_after_seconds=1)
