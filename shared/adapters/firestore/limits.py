"""Call counters: `bank_limits/{name}`, the times of the calls within a window. Private; deleted by TTL."""

import math
import random
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.adapters.firestore.commit import Batch, version_of
from shared.adapters.firestore.errors import translates_outages
from shared.domain.ceilings import Budget
from shared.domain.errors import Unavailable
from shared.ports.compare_and_set import retry_on_conflict

if TYPE_CHECKING:
    from google.cloud import firestore

LIMITS = "bank_limits"
_MINUTE = timedelta(minutes=1)
_MAX_TRIES = 30


def count_call(
    client: "firestore.Client", *budgets: Budget, now: datetime, max_tries: int
) -> tuple[Budget, list[datetime]] | None:
    """Counts a call in all budgets, or in none. One read and one commit; more under contention.

    Counts use compare-and-set, so budgets are exact under concurrency; a refused call writes nothing.

    Returns:
        The first budget that is used up, with the times of its calls; None if the call is counted.

    Raises:
        Unavailable: Too many callers at once; nothing was counted.
    """

    def count() -> tuple[Budget, list[datetime]] | None:
        found = {s.id: s for s in client.get_all([client.document(LIMITS, budget.name) for budget in budgets])}
        batch = Batch(client)
        for budget in budgets:
            snapshot = found[budget.name]
            calls = [at for at in (snapshot.to_dict() or {}).get("calls", []) if now - at < budget.within]
            if len(calls) >= budget.most:
                return budget, calls
            fields = {"calls": [*calls, now], "expires_at": now + budget.within}
            path = f"{LIMITS}/{budget.name}"
            if snapshot.exists:
                batch.replace(path, fields, expected=version_of(snapshot))
            else:
                batch.create(path, fields)
        batch.commit()
        return None

    busy = Unavailable("too many simultaneous calls; retry later", code="limits_busy", retry_after_seconds=1)
    return retry_on_conflict(count, tries=max_tries, busy=busy, back_off=_back_off)


def _back_off(attempt: int) -> None:
    time.sleep(random.random() * min(0.02 * 2**attempt, 0.5))  # noqa: S311 (spreads callers, no security)


@translates_outages
class FirestoreLimits:
    """The port `Limits`: budgets of one user, action and minute."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def spend(self, app_user_id: str, action: str, *, per_minute: int, now: datetime) -> int | None:
        """Counts a call of a user; see count_call.

        Raises:
            Unavailable: Too many callers at once; nothing was counted.
        """
        budget = Budget.of_user(app_user_id, action, most=per_minute, within=_MINUTE)
        used_up = count_call(self._client, budget, now=now, max_tries=_MAX_TRIES)
        if used_up is None:
            return None
        _, calls = used_up
        # It would be more than a minute if a later call was counted first.
        wait: timedelta = min(calls, default=now) + _MINUTE - now
        return max(1, math.ceil(min(wait, _MINUTE).total_seconds()))
