"""An unreadable document is deferred, so that it never blocks a sweep's readable documents."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.firestore.credentials import FirestoreCredentials
from shared.adapters.firestore.erasures import FirestoreErasures
from shared.adapters.firestore.exchange_intents import FirestoreIntents
from shared.adapters.firestore.removals import FirestoreRemovals
from shared.adapters.firestore.syncs import FirestoreSyncs

LONG_AGO = datetime(1999, 3, 1, tzinfo=UTC)  # longer ago than other tests' documents
STORES: list[tuple[type[Any], str]] = [
    (FirestoreSyncs, "bank_sync_state"),
    (FirestoreIntents, "bank_exchange_intents"),
    (FirestoreRemovals, "bank_removals"),
    (FirestoreErasures, "bank_erasures"),
    (FirestoreCredentials, "bank_credentials"),
]


@pytest.mark.parametrize(("store", "collection"), STORES, ids=lambda value: getattr(value, "__name__", value))
def test_unreadable_document_is_reported_and_deferred(firestore_client: Any, store: type[Any], collection: str) -> None:
    audit = FirestoreAudit(firestore_client, function="test", retention=timedelta(days=1))
    document = firestore_client.collection(collection).document(f"unreadable-{uuid.uuid4().hex}")
    document.set({"due_at": LONG_AGO, "access_token": {"no": "token"}})
    try:
        found = store(firestore_client, audit=audit).due(LONG_AGO + timedelta(days=3650), limit=1)
        due_at = document.get().get("due_at")
    finally:
        document.delete()
    assert found == []
    assert due_at > datetime.now(UTC), "counted from now, whatever time was requested"
