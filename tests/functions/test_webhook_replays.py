"""The same delivery in other bytes counts as the same; Plaid's own repetitions of an event do not."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from shared.adapters.plaid.webhook_signature import WebhookVerifier
from shared.serving import container
from shared.settings import Settings
from shared.webhook_address import webhook_address
from tests.fakes import FakeWebhookKeys
from tests.functions.conftest import client
from tests.functions.test_openapi import JWK, signed
from tests.usecases.conftest import World

PATH = "/api/v1/bank/webhook"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of the curve P-256
EVENT = {"webhook_type": "ITEM", "webhook_code": "LOGIN_REPAIRED", "item_id": "item-1", "environment": "sandbox"}


@pytest.fixture
def webhooks(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    world.connected()
    verifier = WebhookVerifier(
        fetch_key=lambda *_: JWK, stored=FakeWebhookKeys(), clock=world.clock, executors=world.executors
    )
    monkeypatch.setattr(container, "webhooks", lambda: verifier)
    yield from client("plaid_webhook")


def other_signature(token: str) -> str:
    """The second valid signature of the same text: (r, n - s)."""
    text, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    s = ORDER - int.from_bytes(raw[32:], "big")
    return f"{text}.{base64.urlsafe_b64encode(raw[:32] + s.to_bytes(32, 'big')).rstrip(b'=').decode()}"


@pytest.mark.parametrize("changed", [str, other_signature])
def test_a_delivery_that_is_sent_again_in_other_bytes_is_recorded_once(
    webhooks: FlaskClient, world: World, changed: Any
) -> None:
    headers, raw = signed(world, json.dumps(EVENT).encode())
    assert webhooks.post(PATH, headers=headers, data=raw).status_code == 200
    again = headers | {"Plaid-Verification": changed(headers["Plaid-Verification"])}
    for _ in range(3):
        assert webhooks.post(PATH, headers=again, data=raw).status_code == 200
    assert len(world.inbox.deliveries) == 1


def test_equal_events_signed_in_the_same_second_are_different_ones(webhooks: FlaskClient, world: World) -> None:
    for _ in range(3):  # broken, repaired, broken again: the second event must not be mistaken for the first
        headers, raw = signed(world, json.dumps(EVENT).encode())
        assert webhooks.post(PATH, headers=headers, data=raw).status_code == 200
    assert len(world.inbox.deliveries) == 3


def test_the_same_event_a_second_later_is_another_one(webhooks: FlaskClient, world: World) -> None:
    for _ in range(3):
        headers, raw = signed(world, json.dumps(EVENT).encode())
        assert webhooks.post(PATH, headers=headers, data=raw).status_code == 200
        world.clock.move(timedelta(seconds=1))
    assert len(world.inbox.deliveries) == 3


def test_events_that_differ_in_any_field_are_different(webhooks: FlaskClient, world: World) -> None:
    for event in (EVENT, EVENT | {"x": 1}, EVENT | {"x": "1"}, EVENT | {"x": None}):
        headers, raw = signed(world, json.dumps(event).encode())
        assert webhooks.post(PATH, headers=headers, data=raw).status_code == 200
    assert len(world.inbox.deliveries) == 4


def test_secret_webhook_address_is_optional_and_its_secret_is_stored_nowhere(
    webhooks: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.model_validate(
        {"project": "demo-bank", "plaid_secret": "s", "webhook_url": "https://x.example/"}
    )
    monkeypatch.setattr(container, "settings", lambda: settings)
    address = webhook_address(settings) or ""
    event = EVENT | {"webhook_code": "WEBHOOK_UPDATE_ACKNOWLEDGED", "new_webhook_url": address}
    for query in ("", "?secret=wrong", f"?{address.partition('?')[2]}"):
        headers, raw = signed(world, json.dumps(event).encode())
        assert webhooks.post(f"{PATH}{query}", headers=headers, data=raw).status_code == 200
        world.clock.move(timedelta(seconds=1))
    assert len(world.inbox.deliveries) == 3
    assert "secret" not in repr(world.inbox.deliveries)
