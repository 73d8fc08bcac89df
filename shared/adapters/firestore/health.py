"""Counts over all connections, with Firestore's aggregation queries (https://firebase.google.com/docs/firestore/query-data/aggregation-queries).

A count is billed as one read per thousand index entries.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from google.cloud.firestore_v1.base_query import FieldFilter

from shared.adapters.firestore.errors import translates_outages
from shared.adapters.firestore.product_documents import PRODUCT_STATES
from shared.adapters.firestore.removal_tombstones import REMOVALS
from shared.adapters.firestore.sync_writes import CONNECTIONS, PROGRESS, STATES
from shared.adapters.firestore.webhook_inbox import INBOX
from shared.domain.connection import ItemStatus
from shared.domain.health import OVERDUE_AFTER, STALE_AFTER, Health, UnhealthyConnection
from shared.domain.progress import SyncStatus
from shared.domain.region import Region
from shared.ports import OVERDUE_SWEEPS

if TYPE_CHECKING:
    from google.cloud import firestore

_NOT_SETTLED = ("sweeps", ">=", OVERDUE_SWEEPS)  # each sweep of a delivery moves its due time and increments `sweeps`
WORKING = (ItemStatus.GOOD, ItemStatus.PENDING_EXPIRATION, ItemStatus.PENDING_DISCONNECT)


@translates_outages
class FirestoreHealth:
    """The port `HealthFigures`.

    Args:
        client: The client.
        with_products: Whether to count product syncs among the overdue ones.
        with_regions: Whether to count the connections of the second key pair.
    """

    def __init__(self, client: "firestore.Client", *, with_products: bool = False, with_regions: bool = False) -> None:
        self._client = client
        self._with_regions = with_regions
        self._states = (STATES, PRODUCT_STATES) if with_products else (STATES,)

    def count(self, now: datetime) -> Health:
        """Counts connections by their health: about twelve aggregation queries and one read."""
        due = now - OVERDUE_AFTER
        return Health(
            statuses={status: self._count(CONNECTIONS, ("status", "==", status.value)) for status in ItemStatus},
            stale=self._stale_count(now),
            failing=self._count(PROGRESS, ("status", "==", SyncStatus.FAILED.value)),
            overdue_syncs=sum(self._count(states, ("due_at", "<=", due)) for states in self._states),
            overdue_webhooks=self._count(INBOX, ("due_at", "<=", due)) + self._count(INBOX, _NOT_SETTLED),
            overdue_removals=self._count(REMOVALS, ("due_at", "<=", due)),
            longest_overdue=self._longest_overdue(now),
            in_europe=self._count(CONNECTIONS, ("region", "==", Region.EU.value)) if self._with_regions else 0,
        )

    def unhealthy(self, *, limit: int) -> list[UnhealthyConnection]:
        """Finds broken and failing connections, in two queries."""
        broken = self._client.collection(CONNECTIONS).where(
            filter=FieldFilter("status", "in", [status.value for status in ItemStatus if status not in WORKING])
        )
        failed = self._client.collection(PROGRESS).where(filter=FieldFilter("status", "==", SyncStatus.FAILED.value))
        found = {s.id: _broken(s.id, s.to_dict() or {}) for s in broken.limit(limit).stream()}
        for snapshot in failed.limit(limit).stream():
            found.setdefault(snapshot.id, _failing(snapshot.id, snapshot.to_dict() or {}))
        return list(found.values())[:limit]

    def _stale_count(self, now: datetime) -> int:
        """Counts working connections whose last sync, or creation without any sync, is too long ago."""
        before = now - STALE_AFTER
        return sum(
            self._count(CONNECTIONS, ("status", "==", status.value), ("last_sync", "<=", before))
            + self._count(
                CONNECTIONS, ("status", "==", status.value), ("last_sync", "==", None), ("created_at", "<=", before)
            )
            for status in WORKING
        )

    def _longest_overdue(self, now: datetime) -> Any:
        query = self._client.collection(STATES).where(filter=FieldFilter("due_at", "<=", now))
        for snapshot in query.order_by("due_at").select(["due_at"]).limit(1).stream():
            return now - (snapshot.to_dict() or {})["due_at"]
        return None

    def _count(self, collection: str, *conditions: tuple[str, str, object]) -> int:
        query: Any = self._client.collection(collection)
        for condition in conditions:
            query = query.where(filter=FieldFilter(*condition))
        [[counted]] = query.count().get()
        return int(counted.value)


def _broken(connection_id: str, fields: dict[str, Any]) -> UnhealthyConnection:
    return UnhealthyConnection(
        connection_id=connection_id,
        status=fields["status"],
        institution=fields.get("institution_name") or fields.get("institution_id"),
        error_code=fields.get("error_code"),
        action=fields.get("action"),
        since=fields.get("updated_at"),
    )


def _failing(connection_id: str, fields: dict[str, Any]) -> UnhealthyConnection:
    error = fields.get("error") or {}
    return UnhealthyConnection(
        connection_id=connection_id,
        error_code=error.get("code"),
        action=error.get("action"),
        since=fields.get("updated_at"),
        next_retry_at=fields.get("next_retry_at"),
    )
