"""Counts the refused calls of each user; above a ceiling, further calls are refused before any read.

The limits in Firestore count only accepted calls, and each refused call costs reads in Firestore and a call of Firebase
Auth. This count is in the instance's memory, so that a refusal costs nothing. So the ceiling is per instance, and
the count ends with the instance. https://cloud.google.com/functions/docs/configuring/max-instances bounds their number.
"""

import hashlib
import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")
PER_MINUTE = 300
WINDOW = timedelta(minutes=1)
MAX_USERS = 10_000  # about 3 MB; beyond it, the user with the oldest refused call is dropped


@dataclass(slots=True)
class _Count:
    since: datetime
    refused: int = 0


class RefusedCalls:
    """Counts refused calls per user, in a minute that starts with the first of them."""

    def __init__(self, *, per_minute: int = PER_MINUTE, max_users: int = MAX_USERS) -> None:
        self._per_minute = per_minute
        self._max_users = max_users
        self._counts: OrderedDict[str, _Count] = OrderedDict()
        # Hashes of the ID tokens of users above the ceiling, so that Firebase need not verify these tokens again.
        self._users: OrderedDict[bytes, str] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, id_token: str, app_user_id: str | None = None, *, now: datetime) -> int | None:
        """The seconds until calls of a user are accepted again; None if they are accepted now.

        Args:
            id_token: The ID token of the call. Without `app_user_id`, its user is known only if verified this minute.
            app_user_id: The token's user, once it is verified.
            now: The current time.
        """
        name = _digest(id_token)
        with self._lock:
            uid = app_user_id or self._users.get(name)
            count = self._counts.get(uid) if uid is not None else None
            if uid is None or count is None or count.refused < self._per_minute:
                return None
            left = count.since + WINDOW - now
            if not timedelta(0) < left <= WINDOW:
                del self._counts[uid]
                return None
            self._keep(self._users, name, uid)
        return max(1, math.ceil(left.total_seconds()))

    def add(self, app_user_id: str, *, now: datetime) -> None:
        """Counts a refused call of a verified user."""
        with self._lock:
            count = self._counts.get(app_user_id)
            if count is None or not timedelta(0) <= now - count.since < WINDOW:
                count = _Count(now)
            count.refused += 1
            self._keep(self._counts, app_user_id, count)

    def _keep(self, kept: OrderedDict[Key, Value], name: Key, value: Value) -> None:
        kept[name] = value
        kept.move_to_end(name)
        if len(kept) > self._max_users:
            kept.popitem(last=False)


def _digest(id_token: str) -> bytes:
    return hashlib.sha256(id_token.encode(errors="replace")).digest()
