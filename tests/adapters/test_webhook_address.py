"""The secret webhook address that only Plaid is given."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from shared.log import redact
from shared.settings import Settings
from shared.webhook_address import QUERY_FIELD, has_secret, webhook_address

URL = "https://us.example/api/v1/bank/webhook"


def settings(url: str | None = URL, secret: str = "plaid-secret", **more: str) -> Settings:
    return Settings.model_validate({"project": "a-bank", "webhook_url": url, "plaid_secret": secret} | more)


def secret_of(made: Settings) -> str:
    return parse_qs(urlsplit(webhook_address(made) or "").query)[QUERY_FIELD][0]


@pytest.mark.parametrize("url", [URL, f"{URL}?x=1&y=", f"{URL}?a=b%20c", "http://127.0.0.1:5000/hook"])
def test_address_is_the_configured_one_with_a_secret(url: str) -> None:
    made = urlsplit(webhook_address(settings(url)) or "")
    given = urlsplit(url)
    assert (made.scheme, made.netloc, made.path) == (given.scheme, given.netloc, given.path)
    fields = parse_qs(made.query, keep_blank_values=True)
    (secret,) = fields.pop(QUERY_FIELD)
    assert fields == parse_qs(given.query, keep_blank_values=True)
    assert has_secret(secret, settings(url))
    assert "plaid-secret" not in secret


def test_address_is_stable_so_that_plaid_needs_no_update() -> None:
    assert webhook_address(settings()) == webhook_address(settings())


@pytest.mark.parametrize(
    "other", [{"secret": "another"}, {"project": "another-bank"}, {"plaid_env": "production"}], ids=str
)
def test_secret_of_another_project_is_rejected(other: dict[str, str]) -> None:
    assert not has_secret(secret_of(settings(**other)), settings())


@pytest.mark.parametrize("given", [None, "", "x", "é", "\ud800", "0" * 32])
def test_any_other_secret_is_rejected(given: str | None) -> None:
    assert not has_secret(given, settings())
    assert not has_secret(given, settings(secret=""))


def test_without_webhooks_or_without_a_key_there_is_no_secret() -> None:
    assert webhook_address(settings(None)) is None
    assert webhook_address(settings(secret="")) == URL


def test_the_log_redacts_it() -> None:
    address = webhook_address(settings()) or ""
    assert secret_of(settings()) not in redact(f"POST {address} 200")
