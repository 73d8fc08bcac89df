"""The webhook function answers 200 to everything that Plaid signed, because a redelivery would not change it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from shared.adapters.plaid.webhook_signature import WebhookVerifier
from shared.serving import container
from tests.fakes import FakeWebhookKeys
from tests.functions.conftest import client, error
from tests.functions.test_openapi import JWK, signed
from tests.usecases.conftest import World

PATH = "/api/v1/bank/webhook"
NOT_A_WEBHOOK = [b"", b" ", b"{", b"[]", b"7", b"\xff", b"[" * 100_000, b'{"no": "webhook"}', b'{"webhook_type": 7}']


@pytest.fixture
def webhooks(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    verifier = WebhookVerifier(
        fetch_key=lambda *_: JWK, stored=FakeWebhookKeys(), clock=world.clock, executors=world.executors
    )
    monkeypatch.setattr(container, "webhooks", lambda: verifier)
    yield from client("plaid_webhook")


@pytest.mark.parametrize("raw", NOT_A_WEBHOOK)
def test_signed_body_that_is_no_webhook_is_acknowledged_and_logged(
    webhooks: FlaskClient, world: World, caplog: pytest.LogCaptureFixture, raw: bytes
) -> None:
    headers, raw = signed(world, raw)
    assert webhooks.post(PATH, headers=headers, data=raw).status_code == 200
    assert world.inbox.deliveries == {}
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == ["webhook.malformed"]


@pytest.mark.parametrize("raw", NOT_A_WEBHOOK)
def test_same_body_from_another_sender_is_refused(webhooks: FlaskClient, world: World, raw: bytes) -> None:
    headers, _ = signed(world, b"something else")
    answer = webhooks.post(PATH, headers=headers, data=raw)
    assert (answer.status_code, error(answer)["details"]["code"]) == (401, "webhook_not_verified")


def test_oversized_body_is_refused_unread(webhooks: FlaskClient, world: World) -> None:
    headers, raw = signed(world, b"x" * 300_000)
    assert webhooks.post(PATH, headers=headers, data=raw).status_code == 413
