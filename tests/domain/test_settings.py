"""Settings from the environment: inexpensive defaults, and refused values."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from shared.domain.ceilings import LiveBalanceCeilings, RefreshCeilings
from shared.domain.link import PRODUCTS, LinkProducts
from shared.domain.products.kinds import ProductKind
from shared.settings import Settings


def read(**given: str) -> Settings:
    return Settings.read({"GCLOUD_PROJECT": "demo-bank", **given})


def test_costs_are_bounded_by_default() -> None:
    settings = read()
    assert settings.client_products == {"transactions"}
    assert settings.refresh_ceilings == RefreshCeilings(spacing=timedelta(hours=1), per_user_and_day=20, per_minute=60)
    assert settings.max_connections_per_user == 50
    assert settings.allow_duplicates is True
    assert settings.live_balance_ceilings == LiveBalanceCeilings(per_user_and_day=0)


def test_apps_may_request_the_linked_products_by_default() -> None:
    assert read(PRODUCTS="transactions,auth").client_products == {"transactions", "auth"}
    assert read(PRODUCTS="transactions,auth", ALLOWED_PRODUCTS="").client_products == {"transactions", "auth"}
    assert read(PRODUCTS="transactions", ALLOWED_PRODUCTS=" liabilities , auth").client_products == {
        "liabilities",
        "auth",
    }
    assert read(ALLOWED_PRODUCTS=",".join(PRODUCTS)).client_products == PRODUCTS


def test_no_product_besides_transactions_is_synced_by_default() -> None:
    assert read().sync_products == ()
    assert read().link_products == LinkProducts(("transactions",))


def test_products_to_sync_are_a_list_without_duplicates() -> None:
    given = read(SYNC_PRODUCTS=" holdings, recurring ,holdings,investment_transactions,")
    assert given.sync_products == (
        ProductKind.HOLDINGS,
        ProductKind.RECURRING,
        ProductKind.INVESTMENT_TRANSACTIONS,
    )


def test_apps_may_request_what_the_synced_products_need_by_default() -> None:
    assert read(SYNC_PRODUCTS="recurring").client_products == {"transactions"}
    assert read(SYNC_PRODUCTS=",".join(ProductKind)).client_products == {"transactions", "investments", "liabilities"}
    assert read(SYNC_PRODUCTS="holdings", ALLOWED_PRODUCTS="auth").client_products == {"auth"}


def test_operators_choose_the_lists_of_products_in_link() -> None:
    settings = read(
        PRODUCTS="transactions,transactions",
        REQUIRED_IF_SUPPORTED_PRODUCTS="liabilities",
        OPTIONAL_PRODUCTS="investments, auth,auth",
    )
    assert settings.link_products.required_if_supported == ("liabilities",)
    assert settings.link_products.optional == ("investments", "auth")


@pytest.mark.parametrize(
    "lists",
    [
        {"OPTIONAL_PRODUCTS": "transactions"},
        {"REQUIRED_IF_SUPPORTED_PRODUCTS": "transactions"},
        {"REQUIRED_IF_SUPPORTED_PRODUCTS": "auth", "OPTIONAL_PRODUCTS": "investments,auth"},
    ],
    ids=str,
)
def test_product_in_two_lists_is_refused(lists: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="in only one of PRODUCTS"):
        read(**lists)


@pytest.mark.parametrize(("given", "meant"), [("0", False), ("1", True)])
def test_duplicates_are_switched_on_and_off(given: str, meant: bool) -> None:
    assert read(ALLOW_DUPLICATES=given).allow_duplicates is meant


def test_ceilings_are_read_from_the_environment() -> None:
    settings = read(REFRESH_SPACING_SECONDS="60", REFRESHES_PER_USER_AND_DAY="0", REFRESHES_PER_MINUTE="7")
    assert settings.refresh_ceilings == RefreshCeilings(spacing=timedelta(minutes=1), per_user_and_day=0, per_minute=7)
    assert read(MAX_CONNECTIONS_PER_USER="3").max_connections_per_user == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in (
            "REFRESH_SPACING_SECONDS",
            "REFRESHES_PER_USER_AND_DAY",
            "REFRESHES_PER_MINUTE",
            "MAX_CONNECTIONS_PER_USER",
            "LIVE_BALANCES_PER_DAY",
            "BALANCE_REFRESHES_PER_MINUTE",
        ) for value in ("-1", "many", "1.5", "nan")),
        ("REFRESHES_PER_USER_AND_DAY", "10001"),
        ("REFRESHES_PER_MINUTE", "10001"),
        ("LIVE_BALANCES_PER_DAY", "10001"),
        ("ALLOW_DUPLICATES", "sometimes"),
        ("ALLOWED_PRODUCTS", "transactions,nonsense"),
        ("ALLOWED_PRODUCTS", "Transactions"),
        ("ALLOWED_PRODUCTS", "payment_initiation"),
        ("OPTIONAL_PRODUCTS", "assets"),
        ("OPTIONAL_PRODUCTS", "Investments"),
        ("REQUIRED_IF_SUPPORTED_PRODUCTS", "liabilities,nonsense"),
        ("SYNC_PRODUCTS.0", "transactions"),
        ("SYNC_PRODUCTS.1", "holdings,Liabilities"),
        ("SYNC_PRODUCTS.0", "balance"),
        ("DETECTOR", "Rule"),
        ("EXPLAINER", "gemini"),
    ],
)  # fmt: skip
def test_implausible_value_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read(**{name.split(".")[0]: value})
    assert [".".join(map(str, one["loc"])).upper() for one in refused.value.errors()] == [name]


def test_countries_are_those_of_link_each_once() -> None:
    assert read(COUNTRY_CODES="GB, FR ,GB").country_codes == ("GB", "FR")
    for wrong in ("UK", "us", "US,CH", ","):
        with pytest.raises(ValidationError, match="country_codes"):
            read(COUNTRY_CODES=wrong)
