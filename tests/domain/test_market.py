"""Markets: which countries one Link session may combine, and which products each market has."""

from __future__ import annotations

import pytest

from shared.domain.errors import InvalidArgument
from shared.domain.link import OPTIONAL_PRODUCTS, PRODUCTS, LinkProducts
from shared.domain.market import (
    COUNTRIES,
    COUNTRIES_OF,
    PRODUCT_MARKETS,
    Market,
    check_market_has,
    check_one_market,
    has_product,
    market_of,
    within_one_market,
)
from shared.domain.products.kinds import ProductKind, is_offered


def test_every_country_of_link_is_in_one_market() -> None:
    assert sum(map(len, COUNTRIES_OF.values())) == len(COUNTRIES) == 20
    assert {country: market_of((country,)) for country in ("US", "CA", "GB", "FR", "FI")} == {
        "US": Market.NORTH_AMERICA,
        "CA": Market.NORTH_AMERICA,
        "GB": Market.UNITED_KINGDOM,
        "FR": Market.EUROPE,
        "FI": Market.EUROPE,
    }


def test_every_product_of_link_tokens_has_markets() -> None:
    assert PRODUCT_MARKETS.keys() >= PRODUCTS | OPTIONAL_PRODUCTS
    assert all(PRODUCT_MARKETS.values())
    assert all(has_product(market, "transactions") for market in Market)
    assert not has_product(Market.NORTH_AMERICA, "payment_initiation")


@pytest.mark.parametrize(
    ("countries", "kept"),
    [
        (("CH", "FR", "GB", "FR"), ("FR",)),
        (("CA", "US"), ("CA", "US")),
        (("XX",), ()),
        ((), ()),
    ],
    ids=str,
)
def test_countries_of_the_first_ones_market_are_kept_once_each(
    countries: tuple[str, ...], kept: tuple[str, ...]
) -> None:
    assert within_one_market(countries) == kept


def test_countries_of_a_preferred_market_are_kept_if_there_are_any() -> None:
    assert within_one_market(("GB", "FR", "IE"), preferred=Market.EUROPE) == ("FR", "IE")
    assert within_one_market(("GB", "FR", "IE"), preferred=Market.NORTH_AMERICA) == ("GB",)


def test_one_request_may_repeat_a_country_but_not_leave_its_market() -> None:
    check_one_market(("US", "CA", "US"))
    for mixed in (("US", "GB"), ("GB", "IE"), ("US", "CH"), ("gb",)):
        with pytest.raises(InvalidArgument, match=r"^country_codes: ") as refused:
            check_one_market(mixed)
        assert refused.value.code == "invalid_input"


def test_refusal_of_a_product_names_the_product_and_the_countries() -> None:
    check_market_has(("transactions", "standing_orders"), Market.UNITED_KINGDOM)
    with pytest.raises(InvalidArgument, match=r"does not offer liabilities, signal in GB$"):
        check_market_has(("liabilities", "auth", "signal"), Market.UNITED_KINGDOM)


def test_products_outside_a_market_leave_every_list() -> None:
    everything = LinkProducts(("auth", "transfer"), ("liabilities",), ("identity", "investments"), ("signal",))
    assert everything.within(Market.NORTH_AMERICA) == everything
    assert everything.within(Market.EUROPE) == LinkProducts(("auth",), (), ("identity",), ())
    assert LinkProducts(("transfer",), ("transactions",)).within(Market.EUROPE) == LinkProducts(("transactions",))


@pytest.mark.parametrize(
    ("countries", "offered"),
    [
        (("US",), set(ProductKind)),
        (("GB",), {ProductKind.RECURRING}),
        (("DE",), set()),
        (("DE", "GB"), {ProductKind.RECURRING}),
        ((), set(ProductKind)),
        (("CH",), set(ProductKind)),
    ],
    ids=range(6),
)
def test_banks_countries_decide_which_products_plaid_offers(
    countries: tuple[str, ...], offered: set[ProductKind]
) -> None:
    assert {kind for kind in ProductKind if is_offered(kind, countries)} == offered
