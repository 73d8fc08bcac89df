"""The contract of `HealthFigures`: Firestore's counts, compared with documents that the test creates."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.adapters.firestore.health import FirestoreHealth
from shared.domain.connection import ItemStatus
from shared.domain.health import Health

NOW = datetime.now(UTC)
DAYS = timedelta(days=1)


def plant(client: Any, collection: str, **fields: Any) -> Any:
    document = client.document(collection, f"health-{uuid.uuid4().hex[:12]}")
    document.set(fields)
    return document


def connection(client: Any, status: ItemStatus, last_sync: datetime | None, created_at: datetime) -> Any:
    fields = {"status": status.value, "last_sync": last_sync, "created_at": created_at, "updated_at": NOW}
    return plant(client, "bank_connections", app_user_id="health", item_id="", institution_id="ins_1", **fields)


def test_counts_match_the_stored_documents(firestore_client: Any) -> None:
    figures = FirestoreHealth(firestore_client, with_products=True, with_regions=True)
    before = figures.count(NOW)
    good, bad = ItemStatus.GOOD, ItemStatus.BAD
    planted = [
        connection(firestore_client, good, NOW, NOW - 9 * DAYS),
        connection(firestore_client, good, NOW - 2 * DAYS, NOW - 9 * DAYS),  # stale
        connection(firestore_client, good, None, NOW),
        connection(firestore_client, ItemStatus.PENDING_DISCONNECT, None, NOW - 9 * DAYS),  # stale, too
        connection(firestore_client, bad, NOW - 5 * DAYS, NOW - 9 * DAYS),  # the user has to act
        plant(
            firestore_client, "bank_sync_progress", status="failed", updated_at=NOW, error={"code": "INSTITUTION_DOWN"}
        ),
        plant(firestore_client, "bank_sync_state", due_at=NOW - 999 * DAYS),
        plant(firestore_client, "bank_sync_state", due_at=NOW + DAYS),
        plant(firestore_client, "bank_product_state", due_at=NOW - DAYS),
        plant(firestore_client, "bank_webhook_inbox", due_at=NOW - DAYS),
        plant(firestore_client, "bank_webhook_inbox", due_at=NOW + DAYS, sweeps=3),
        plant(firestore_client, "bank_removals", due_at=NOW - DAYS),
    ]
    planted[0].update({"region": "eu"})
    try:
        after = figures.count(NOW)
        unhealthy = {one.connection_id: one for one in figures.unhealthy(limit=10_000)}
    finally:
        for document in planted:
            document.delete()
    assert {status: after.statuses[status] - before.statuses[status] for status in ItemStatus} == {
        good: 3,
        bad: 1,
        ItemStatus.ERROR: 0,
        ItemStatus.PENDING_EXPIRATION: 0,
        ItemStatus.PENDING_DISCONNECT: 1,
    }
    assert after.total - before.total == 5

    def grown(name: str) -> int:
        return int(getattr(after, name) - getattr(before, name))

    assert grown("stale") == 2
    assert grown("in_europe") == 1
    assert [grown(f) for f in ("failing", "overdue_syncs", "overdue_webhooks", "overdue_removals")] == [1, 2, 2, 1]
    assert after.longest_overdue == 999 * DAYS
    assert unhealthy[planted[4].id].status is bad
    assert unhealthy[planted[5].id].error_code == "INSTITUTION_DOWN"
    assert planted[1].id not in unhealthy


def test_figures_are_plain_numbers_for_the_log() -> None:
    health = Health(
        statuses=dict.fromkeys(ItemStatus, 2),
        stale=1,
        failing=0,
        overdue_syncs=3,
        overdue_webhooks=0,
        overdue_removals=0,
        longest_overdue=timedelta(minutes=2),
    )
    assert health.figures() == {
        **{status.value: 2 for status in ItemStatus},
        "in_europe": 0,
        "total": 10,
        "broken_percent": 40.0,
        "stale": 1,
        "failing": 0,
        "overdue_syncs": 3,
        "overdue_webhooks": 0,
        "overdue_removals": 0,
        "longest_overdue_seconds": 120.0,
    }
