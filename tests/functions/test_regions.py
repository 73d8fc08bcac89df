"""Regions at the API: mixed countries, products outside their region, and two pairs of Plaid's keys."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from shared.domain.hosted_link import LinkSession
from shared.domain.region import Region
from shared.serving import container
from shared.settings import Settings
from tests.fakes import institution
from tests.functions.conftest import CONNECT, EXCHANGE, SIGNED_IN, body, error
from tests.usecases.conftest import ALICE, World


@pytest.fixture
def two_pairs(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A backend that serves the United Kingdom and Europe with keys of their own."""
    return with_settings(world, monkeypatch)


def with_settings(world: World, monkeypatch: pytest.MonkeyPatch, **more: object) -> World:
    given = {"project": "demo-bank", "plaid_eu_client_id": "second", "products": ("transactions", "liabilities")}
    settings = Settings.model_validate(given | more)
    monkeypatch.setattr(container, "settings", lambda: settings)
    return world


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("country_codes=US&country_codes=GB", "of one region only"),
        ("country_codes=GB&country_codes=FR", "of one region only"),
        ("country_codes=CH", "use only"),
        ("country_codes=GB&products=liabilities", "does not offer liabilities in GB"),
    ],
)
def test_request_for_several_regions_or_a_product_outside_its_region_is_refused(
    connect: FlaskClient, two_pairs: World, query: str, said: str
) -> None:
    answer = connect.get(f"{CONNECT}?{query}", headers=SIGNED_IN)
    assert (answer.status_code, error(answer)["details"]) == (400, {"code": "invalid_input"})
    assert said in error(answer)["message"]
    assert two_pairs.plaid.link_requests == []


@pytest.mark.parametrize(
    ("query", "region", "products"),
    [
        ("country_codes=FR&country_codes=DE", Region.EU, ("transactions",)),
        ("country_codes=CA", Region.US, ("transactions", "liabilities")),
        ("", Region.US, ("transactions", "liabilities")),
    ],
)
def test_settings_products_are_dropped_outside_their_region_and_its_keys_are_used(
    connect: FlaskClient, two_pairs: World, query: str, region: Region, products: tuple[str, ...]
) -> None:
    assert connect.get(f"{CONNECT}?{query}", headers=SIGNED_IN).status_code == 200
    [request] = two_pairs.plaid.link_requests
    assert (request.region, request.products) == (region, products)


def test_account_selection_of_a_british_bank_is_refused_in_update_mode(
    connect: FlaskClient, two_pairs: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_pairs.connected("1", region=Region.EU)
    two_pairs.institutions.put(institution("ins_1", countries=("GB",)))
    monkeypatch.setattr(container, "institutions", lambda: two_pairs.institutions)
    answer = connect.get(f"{CONNECT}?connection_id=1&account_selection=true&country_codes=US", headers=SIGNED_IN)
    assert answer.status_code == 400
    assert error(answer)["details"] == {"code": "invalid_input", "connection_id": "1"}
    plain = connect.get(f"{CONNECT}?connection_id=1&country_codes=US", headers=SIGNED_IN)
    assert (plain.status_code, two_pairs.plaid.link_requests[-1].country_codes) == (200, ("GB",))


def test_exchange_uses_the_keys_of_its_session_and_asks_for_the_session_if_it_is_unclear(
    exchange: FlaskClient, two_pairs: World
) -> None:
    two_pairs.plaid.new_item("1", region=Region.EU)
    until = two_pairs.clock.now() + timedelta(hours=4)
    for name, region in (("us", Region.US), ("eu", Region.EU)):
        session = LinkSession(ALICE, until, region=region)
        two_pairs.links.remember(f"link-{name}", session, now=two_pairs.clock.now())
    unclear = exchange.post(EXCHANGE, json={"public_token": "public-1"}, headers=SIGNED_IN)
    assert (unclear.status_code, error(unclear)["details"]) == (400, {"code": "link_token_required"})
    given = {"public_token": "public-1", "link_token": "link-eu"}
    made = exchange.post(EXCHANGE, json=given, headers=SIGNED_IN)
    assert made.status_code == 201
    assert two_pairs.store.connections[body(made)["connection_id"]].region is Region.EU


def test_exchange_without_any_session_is_refused_in_production(
    exchange: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.plaid.new_item("1")
    with_settings(world, monkeypatch, plaid_env="production", allow_anonymous=True)
    given = {"public_token": "public-1"}
    refused = exchange.post(EXCHANGE, json=given, headers=SIGNED_IN)
    assert (refused.status_code, error(refused)["details"]) == (400, {"code": "link_token_required"})
    with_settings(world, monkeypatch)
    assert exchange.post(EXCHANGE, json=given, headers=SIGNED_IN).status_code == 201, "as in the Sandbox"
