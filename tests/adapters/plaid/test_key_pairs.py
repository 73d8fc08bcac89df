"""Each call uses the keys of its region, checked by a simulator that has two teams."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from pydantic import SecretStr

from shared.adapters.plaid.client import PlaidClient
from shared.adapters.plaid.product_client import PlaidProductsClient
from shared.domain.errors import ErrorClass, ProviderError
from shared.domain.plaid_token import PlaidToken
from shared.domain.region import Region
from shared.ports import LinkRequest
from shared.settings import Settings
from tests.fakes import FakeClock
from tests.simulator.harness import Sim, running_simulator

PAIRS = {"us": ("first-id", "first-secret"), "eu": ("second-id", "second-secret")}
BANKS = {Region.US: "ins_109508", Region.EU: "ins_117650"}
COUNTRIES = {Region.US: ("US",), Region.EU: ("GB",)}


@pytest.fixture(scope="module")
def sim() -> Iterator[Sim]:
    with running_simulator() as running:
        first, second = PAIRS.values()
        running.control("/settings", client_id=first[0], secret=first[1], eu_client_id=second[0], eu_secret=second[1])
        yield running


def settings(sim: Sim, *, both: bool = True) -> Settings:
    (client_id, secret), (eu_client_id, eu_secret) = PAIRS.values()
    given: dict[str, Any] = {"plaid_client_id": client_id, "plaid_secret": SecretStr(secret)}
    if both:
        given |= {"plaid_eu_client_id": eu_client_id, "plaid_eu_secret": SecretStr(eu_secret)}
    return Settings(project="demo-bank", plaid_base_url=sim.url, **given)


def item_of(sim: Sim, region: Region) -> PlaidToken:
    made = sim.control(
        "/items", institution_id=BANKS[region], team=region.value, products=["transactions"], username="user_good"
    )
    return PlaidToken(made["access_token"], region)


def other(token: PlaidToken) -> PlaidToken:
    """The same token, as if it belonged to the other pair."""
    return PlaidToken(token.reveal(), Region.US if token.region is Region.EU else Region.EU)


def calls(sim: Sim) -> list[Callable[[PlaidToken], object]]:
    """Every method that gets an access token; the last ones change or remove the item."""
    plaid = PlaidClient(settings=settings(sim), clock=FakeClock())
    products = PlaidProductsClient(settings=settings(sim))
    day = date(2026, 3, 1)
    return [
        plaid.accounts,
        plaid.item,
        lambda token: plaid.changes(token, cursor=None),
        plaid.check_transactions,
        plaid.refresh,
        lambda token: plaid.set_webhook(token, "https://backend.example/"),
        lambda token: plaid.create_link_token(LinkRequest("alice", "en", COUNTRIES[token.region], access_token=token)),
        products.recurring,
        products.liabilities,
        products.holdings,
        lambda token: products.investment_transactions(token, start=day, end=day, offset=0),
        products.live_balances,
        plaid.remove,
        plaid.invalidate,
    ]


@pytest.mark.parametrize("region", Region)
def test_every_call_with_a_token_uses_the_keys_of_its_region(sim: Sim, region: Region) -> None:
    for number, _ in enumerate(calls(sim)):
        token = item_of(sim, region)
        with pytest.raises(ProviderError) as refused:
            calls(sim)[number](other(token))
        assert refused.value.error_code == "INVALID_ACCESS_TOKEN"
        with contextlib.suppress(ProviderError):  # accepted, but the bank may not offer the product
            calls(sim)[number](token)
    misdirected = sim.look("/counters")["misdirected"]
    assert sum(misdirected.values()) % len(calls(sim)) == 0, "only the calls with the wrong pair"


@pytest.mark.parametrize("region", Region)
def test_session_exchange_and_rotation_stay_with_one_pair(sim: Sim, region: Region) -> None:
    plaid = PlaidClient(settings=settings(sim), clock=FakeClock())
    request = LinkRequest("alice", "en", COUNTRIES[region], region, products=("transactions",))
    link = plaid.create_link_token(request).link_token
    public = sim.control(f"/link/{link}/finish", institution_id=BANKS[region])["public_token"]
    item = plaid.exchange(PlaidToken(public, region))
    assert item.access_token.region is region
    rotated = plaid.invalidate(item.access_token)
    assert rotated.region is region
    assert plaid.item(rotated).item_id == item.item_id
    assert plaid.remove(rotated)


def test_webhook_keys_and_institutions_are_read_with_the_given_pair(sim: Sim) -> None:
    plaid = PlaidClient(settings=settings(sim), clock=FakeClock())
    for region in Region:
        found = plaid.institution(BANKS[region], country_codes=COUNTRIES[region], region=region)
        assert found.country_codes == COUNTRIES[region]
        assert plaid.institution_status(BANKS[region], country_codes=COUNTRIES[region], region=region) is not None
    before = sim.look("/counters")["misdirected"]
    with pytest.raises(ProviderError) as refused:
        plaid.webhook_key("6c5516e1-92dc-479e-a8ff-5a51992e0001", Region.EU)
    assert refused.value.error_code == "INVALID_WEBHOOK_VERIFICATION_KEY_ID"
    assert plaid.webhook_key("6c5516e1-92dc-479e-a8ff-5a51992e0001", Region.US)["kid"]
    assert sim.look("/counters")["misdirected"] == before


def test_token_of_a_region_without_keys_is_not_sent_at_all(sim: Sim) -> None:
    token = item_of(sim, Region.EU)
    alone = PlaidClient(settings=settings(sim, both=False), clock=FakeClock())
    before = sim.look("/counters")
    with pytest.raises(ProviderError) as refused:
        alone.item(token)
    assert refused.value.error_code == "NO_KEYS_FOR_EU"
    assert refused.value.error_class is ErrorClass.CONFIGURATION
    assert sim.look("/counters") == before


def test_second_pair_exists_as_soon_as_its_client_id_is_set() -> None:
    read = Settings.read({"GCLOUD_PROJECT": "demo-bank", "PLAID_EU_SECRET": "unused"})
    assert (read.key_pairs.regions, [*read.plaid_keys]) == ((Region.US,), [Region.US])
    read = Settings.read({"GCLOUD_PROJECT": "demo-bank", "PLAID_EU_CLIENT_ID": "second", "PLAID_EU_SECRET": "s"})
    assert read.key_pairs.regions == (Region.US, Region.EU)
    assert read.plaid_keys[Region.EU][0] == "second"
