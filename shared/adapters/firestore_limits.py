"""Rate limits per user: `bank_limits/{uid}:{action}`, the times of the calls of the last minute. Private."""

import math
import random
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from shared.adapters.firestore_commit import Batch, version_of
from shared.adapters.firestore_errors import translates_outages
from shared.domain.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from google.cloud import firestore

LIMITS = "bank_limits"
_MINUTE = timedelta(minutes=1)
_MAX_TRIES = 30


@translates_outages
class FirestoreLimits:
    """`bank_limits/{uid}:{action}`: the times of the calls of the last minute. Exact: each call is compared and set."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def spend(self, app_user_id: str, action: str, *, per_minute: int, now: datetime) -> int | None:
        """One read and one write, more under contention; a refused call writes nothing.

        Raises:
            Unavailable: Too many callers at once; nothing was counted.
        """
        path = f"{LIMITS}/{app_user_id}:{action}"
        for attempt in range(_MAX_TRIES):
            snapshot = self._client.document(path).get()
            calls = [at for at in (snapshot.to_dict() or {}).get("calls", []) if now - at < _MINUTE]
            if len(calls) >= per_minute:
                # More than a minute, if a later call was counted first.
                wait: timedelta = min(calls, default=now) + _MINUTE - now
                return max(1, math.ceil(min(wait, _MINUTE).total_seconds()))
            batch = Batch(self._client)
            fields = {"calls": [*calls, now], "expires_at": now + _MINUTE}
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
