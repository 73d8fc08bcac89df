"""The contract of the port `WebhookKeys`: the same tests over the fake and over Firestore."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.adapters.firestore import webhook_keys as firestore_webhook_keys
from shared.adapters.firestore.webhook_keys import FirestoreWebhookKeys
from shared.domain.region import Region
from shared.ports import WebhookKeys
from tests.fakes import FakeWebhookKeys

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(params=["fake", "firestore"])
def keys(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> WebhookKeys:
    if request.param == "fake":
        return FakeWebhookKeys()
    client: Any = request.getfixturevalue("firestore_client")
    monkeypatch.setattr(firestore_webhook_keys, "KEYS", "bank_webhook_keys/of-a-test")  # not the stack's own
    client.document(firestore_webhook_keys.KEYS).delete()
    return FirestoreWebhookKeys(client)


def test_used_keys_are_remembered_and_storing_them_again_is_harmless(keys: WebhookKeys) -> None:
    assert keys.seen() == {}
    for key_id, region in (("7d56-a", Region.US), ("_-B", Region.EU), ("7d56-a", Region.US)):
        keys.add(key_id, region, now=NOW)
    assert keys.seen() == {"7d56-a": Region.US, "_-B": Region.EU}


@pytest.mark.emulator
def test_key_that_was_stored_without_a_region_is_the_first_pairs(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    client: Any = request.getfixturevalue("firestore_client")
    monkeypatch.setattr(firestore_webhook_keys, "KEYS", "bank_webhook_keys/of-an-earlier-version")
    client.document(firestore_webhook_keys.KEYS).set({"since": {"old": NOW}})
    assert FirestoreWebhookKeys(client).seen() == {"old": Region.US}


def test_look_ups_are_counted_by_bucket_and_minute(keys: WebhookKeys) -> None:
    bucket, other = uuid.uuid4().hex, uuid.uuid4().hex
    assert [keys.spend(bucket, per_minute=2, now=NOW) for _ in range(2)] == [None, None]
    assert keys.spend(bucket, per_minute=2, now=NOW) == 60
    assert keys.spend(other, per_minute=2, now=NOW) is None
    assert keys.spend(bucket, per_minute=2, now=NOW + timedelta(seconds=61)) is None
