"""The small collections: institutions, the webhook inbox, users' settings, rate limits."""

import math
import random
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from shared.adapters.firestore_commit import Batch, version_of
from shared.domain.errors import Conflict, Unavailable
from shared.domain.institution import InstitutionInfo
from shared.ports import Profile

if TYPE_CHECKING:
    from google.cloud import firestore

INSTITUTIONS = "bank_institutions"
INBOX = "bank_webhook_inbox"
LIMITS = "bank_limits"
INBOX_KEPT = timedelta(days=30)  # by a TTL policy on `expires_at`
_MINUTE = timedelta(minutes=1)
_MAX_TRIES = 30


class FirestoreInstitutions:
    """`bank_institutions/{institution_id}`."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def find(self, institution_id: str) -> InstitutionInfo | None:
        """One read."""
        snapshot = self._client.document(INSTITUTIONS, institution_id).get()
        return InstitutionInfo.model_validate(snapshot.to_dict()) if snapshot.exists else None

    def put(self, institution: InstitutionInfo) -> None:
        """One write."""
        batch = Batch(self._client)
        batch.replace(f"{INSTITUTIONS}/{institution.institution_id}", institution.model_dump())
        batch.commit()


class FirestoreInbox:
    """`bank_webhook_inbox/{delivery}`: each delivery once."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def record(self, delivery_id: str, body: dict[str, Any], *, now: datetime) -> bool:
        """One write."""
        batch = Batch(self._client)
        fields = {"delivery_id": delivery_id, "body": body, "received_at": now, "expires_at": now + INBOX_KEPT}
        batch.create(f"{INBOX}/{delivery_id}", fields)
        try:
            batch.commit()
        except Conflict:
            return False
        return True


class FirestoreProfiles:
    """`users/{uid}`, the app's own document: two fields of it are ours to read."""

    def __init__(self, client: "firestore.Client") -> None:
        self._client = client

    def find(self, app_user_id: str) -> Profile:
        """One read."""
        fields = self._client.document("users", app_user_id).get(["language", "country_codes"]).to_dict() or {}
        return Profile(language=fields.get("language"), country_codes=fields.get("country_codes"))


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
                wait: timedelta = min(calls) + _MINUTE - now
                return max(1, math.ceil(wait.total_seconds()))
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
