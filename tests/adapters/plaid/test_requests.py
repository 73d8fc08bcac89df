"""Requests to Plaid, sent to the simulator, which checks every field of a request as Plaid does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from shared.adapters.plaid.client import PlaidClient
from shared.domain.errors import ProviderError
from shared.domain.link import CONSENT_PRODUCTS, LANGUAGES, OPTIONAL_PRODUCTS, PRODUCTS
from shared.domain.market import COUNTRIES_OF, PRODUCT_MARKETS
from shared.domain.plaid_token import PlaidToken
from shared.domain.region import Region
from shared.ports import LinkRequest
from shared.settings import Settings
from tests.fakes import START, FakeClock
from tests.simulator.harness import Sim, running_simulator


@pytest.fixture(scope="module")
def sim() -> Iterator[Sim]:
    with running_simulator() as running:
        yield running


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The sent requests: path and body."""
    import urllib3

    requests: list[tuple[str, dict[str, Any]]] = []
    real = urllib3.PoolManager.request

    def noting(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        requests.append(("/" + url.split("/", 3)[3], json.loads(kwargs["body"])))
        return real(self, method, url, *args, **kwargs)

    monkeypatch.setattr(urllib3.PoolManager, "request", noting)
    return requests


def bank(sim: Sim, **settings: Any) -> PlaidClient:
    keys: dict[str, Any] = {"plaid_client_id": "a-client", "plaid_secret": SecretStr("a-secret")}
    made = Settings(project="demo-bank", plaid_base_url=sim.url, **keys, **settings)
    return PlaidClient(settings=made, clock=FakeClock())


def request(**changes: Any) -> LinkRequest:
    plain: dict[str, Any] = {"app_user_id": "alice", "language": "en", "country_codes": ("US",)}
    return LinkRequest(**plain | changes)


def test_a_new_bank(sim: Sim, sent: list[Any]) -> None:
    made = bank(sim, days_requested=180, client_name="Our App").create_link_token(
        request(products=("transactions", "auth"), webhook_url="https://us.example/", redirect_uri="https://a.example/")
    )
    assert made.link_token.startswith("link-sandbox-")
    assert sent == [
        (
            "/link/token/create",
            {
                "client_name": "Our App",
                "language": "en",
                "country_codes": ["US"],
                "user": {"client_user_id": "alice"},
                "products": ["transactions", "auth"],
                "transactions": {"days_requested": 180},
                "webhook": "https://us.example/",
                "redirect_uri": "https://a.example/",
            },
        )
    ]


def test_a_bank_without_transactions_yet(sim: Sim, sent: list[Any]) -> None:
    bank(sim).create_link_token(request(products=("auth",), consent_products=("transactions",)))
    body = sent[0][1]
    assert (body["products"], body["additional_consented_products"]) == (["auth"], ["transactions"])
    assert "webhook" not in body


def test_products_that_only_some_banks_have(sim: Sim, sent: list[Any]) -> None:
    lists = {"required_if_supported_products": ("liabilities",), "optional_products": ("investments", "transactions")}
    bank(sim).create_link_token(request(products=("auth",), **lists))
    body = sent[0][1]
    assert {name: tuple(body[name]) for name in lists} == lists
    assert body["transactions"] == {"days_requested": 730}


def test_every_optional_product_is_accepted_by_plaid(sim: Sim) -> None:
    for product in sorted(OPTIONAL_PRODUCTS):
        required = ("transactions",) if product != "transactions" else ("auth",)
        for name in ("required_if_supported_products", "optional_products"):
            bank(sim).create_link_token(request(products=required, **{name: (product,)}))


def test_update_mode(sim: Sim, sent: list[Any]) -> None:
    token = sim.link().access_token
    update = request(
        access_token=PlaidToken(token, Region.US),
        consent_products=("investments",),
        account_selection=True,
        android_package_name="com.example.app",
    )
    bank(sim).create_link_token(update)
    assert sent[0][1] == {
        "client_name": "OmniButler",
        "language": "en",
        "country_codes": ["US"],
        "user": {"client_user_id": "alice"},
        "access_token": token,
        "update": {"account_selection_enabled": True},
        "additional_consented_products": ["investments"],
        "android_package_name": "com.example.app",
    }


def test_hosted_link(sim: Sim, sent: list[Any]) -> None:
    plain = request(products=("transactions",), hosted=True)
    made = bank(sim).create_link_token(plain)
    assert made.hosted_link_url is not None
    assert made.link_token in made.hosted_link_url
    bank(sim).create_link_token(replace(plain, completion_redirect_uri="https://app.example/done"))
    assert [body["hosted_link"] for _, body in sent] == [{}, {"completion_redirect_uri": "https://app.example/done"}]
    assert bank(sim).create_link_token(request(products=("transactions",))).hosted_link_url is None


def test_every_accepted_option_is_accepted_by_plaid(sim: Sim) -> None:
    for market, countries in COUNTRIES_OF.items():
        for product in sorted(PRODUCTS):
            if market in PRODUCT_MARKETS[product]:
                bank(sim).create_link_token(request(products=(product,), country_codes=tuple(countries)))
    for language in sorted(LANGUAGES):
        bank(sim).create_link_token(request(products=("transactions",), language=language))
    token = PlaidToken(sim.link().access_token, Region.US)
    bank(sim).create_link_token(request(access_token=token, consent_products=tuple(CONSENT_PRODUCTS)))


def test_first_read_requests_the_history_length(sim: Sim, sent: list[Any]) -> None:
    token = PlaidToken(sim.link().access_token, Region.US)
    first = bank(sim, days_requested=365).changes(token, cursor=None)
    bank(sim).changes(token, cursor=first.next_cursor)
    bodies = [body for path, body in sent if path == "/transactions/sync"]
    rows = {"include_original_description": True, "personal_finance_category_version": "v2"}
    assert bodies[0]["options"] == rows | {"days_requested": 365}
    assert "cursor" not in bodies[0]
    cursor = first.next_cursor
    assert bodies[1] == {"access_token": token.reveal(), "count": 500, "cursor": cursor, "options": rows}
    sim.advance(10)
    read = bank(sim).changes(token, cursor=None).added
    assert {row["category"]["version"] for row in read if row["category"] is not None} == {"v2"}
    assert all(row["original_description"] for row in read)


def test_each_call_logs_its_duration_and_outcome(sim: Sim, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    plaid = bank(sim)
    plaid.create_link_token(request(products=("transactions",)))
    with pytest.raises(ProviderError):
        plaid.item(PlaidToken("access-sandbox-00000000-0000-4000-8000-000000000000", Region.US))
    with pytest.raises(ProviderError):
        bank(replace(sim, url="http://127.0.0.1:9")).webhook_key("kid", Region.US)
    calls: list[dict[str, Any]] = [r.fields for r in caplog.records if r.getMessage() == "plaid.called"]  # type: ignore[attr-defined]
    assert [(one["endpoint"], one["outcome"], one["error_code"]) for one in calls] == [
        ("link_token_create", "ok", None),
        ("item_get", "INVALID_INPUT", "INVALID_ACCESS_TOKEN"),
        ("webhook_verification_key_get", "TRANSPORT", "NO_ANSWER"),
    ]
    assert [bool(one["request_id"]) for one in calls] == [True, True, False]
    assert all(0 <= one["seconds"] < 30 for one in calls)


def test_institutions_are_fetched_at_the_time_of_the_given_clock(sim: Sim) -> None:
    client = bank(sim)
    one = client.institution("ins_109508", country_codes=("US",), region=Region.US)
    listed = client.institutions(country_codes=("US",), region=Region.US, offset=0, count=2).institutions
    assert START < one.fetched_at < listed[0].fetched_at == listed[1].fetched_at < START + timedelta(seconds=1)
