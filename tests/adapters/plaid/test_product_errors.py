"""Plaid's errors of a product's endpoint, and its webhooks about products."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.adapters.plaid.errors import BY_CODE_OF_A_PRODUCT, PRODUCT_ENDPOINTS, from_answer
from shared.adapters.plaid.product_client import PlaidProductsClient
from shared.adapters.plaid.webhook_events import MEANINGS, PRODUCT_UPDATES, parse_webhook
from shared.domain.errors import ErrorClass, ErrorKind, ProviderError
from shared.domain.products.investment_transactions import InvestmentPage
from shared.domain.products.kinds import ProductKind, ProductStatus
from shared.domain.products.outcomes import product_outcome
from shared.domain.products.snapshot import Snapshot
from shared.domain.status import event_of
from tests.adapters.plaid.product_people import CHECKING, EVERYTHING, linked, token, trades
from tests.adapters.plaid.test_translation import body
from tests.simulator.harness import Linked, Receiver, Sim

ERRORS = {
    "PRODUCTS_NOT_SUPPORTED": ProductStatus.UNSUPPORTED,
    "NO_INVESTMENT_ACCOUNTS": ProductStatus.NO_ACCOUNTS,
    "NO_LIABILITY_ACCOUNTS": ProductStatus.NO_ACCOUNTS,
    "NO_ACCOUNTS": ProductStatus.NO_ACCOUNTS,
    "ADDITIONAL_CONSENT_REQUIRED": ProductStatus.NEEDS_CONSENT,
    "ACCESS_NOT_GRANTED": ProductStatus.NEEDS_CONSENT,
    "INVALID_PRODUCT": ProductStatus.NOT_ENABLED,
    "UNAUTHORIZED_ROUTE_ACCESS": ProductStatus.NOT_ENABLED,
    "PRODUCT_NOT_ENABLED": ProductStatus.NOT_ENABLED,
    "PRODUCT_NOT_READY": ProductStatus.SYNCING,
    "INSTITUTION_DOWN": ProductStatus.FAILED,
    "INTERNAL_SERVER_ERROR": ProductStatus.FAILED,
    "ITEM_LOGIN_REQUIRED": None,
    "ITEM_NOT_FOUND": None,
    "USER_PERMISSION_REVOKED": None,
    "INVALID_ACCESS_TOKEN": None,
}


def call(plaid: PlaidProductsClient, kind: ProductKind, item: Linked) -> Snapshot | InvestmentPage:
    match kind:
        case ProductKind.RECURRING:
            return plaid.recurring(token(item), account_ids=())
        case ProductKind.LIABILITIES:
            return plaid.liabilities(token(item))
        case ProductKind.HOLDINGS:
            return plaid.holdings(token(item))
        case ProductKind.INVESTMENT_TRANSACTIONS:
            return trades(plaid, item)


@pytest.mark.parametrize("kind", ProductKind)
@pytest.mark.parametrize("code", ERRORS)
def test_an_error_of_plaid_gives_the_product_its_status(
    sim: Sim, plaid: PlaidProductsClient, kind: ProductKind, code: str
) -> None:
    item = linked(sim, *EVERYTHING["override_accounts"])
    sim.control("/faults", kind="error", error_code=code, item_id=item.item_id)
    with pytest.raises(ProviderError) as raised:
        call(plaid, kind, item)
    assert product_outcome(kind, raised.value) is ERRORS[code]


@pytest.mark.parametrize("kind", ProductKind)
def test_an_item_without_a_fitting_account_is_told_apart_from_an_empty_one(
    sim: Sim, plaid: PlaidProductsClient, kind: ProductKind
) -> None:
    item = linked(sim, {"type": "other", "starting_balance": 1})
    if kind is ProductKind.RECURRING:
        assert call(plaid, kind, item).rows == ()
        return
    with pytest.raises(ProviderError) as raised:
        call(plaid, kind, item)
    assert product_outcome(kind, raised.value) is ProductStatus.NO_ACCOUNTS


def test_an_account_that_was_deselected_meanwhile_is_retried(sim: Sim, plaid: PlaidProductsClient) -> None:
    with pytest.raises(ProviderError) as raised:
        plaid.recurring(token(linked(sim, CHECKING)), account_ids=("gone",))
    assert raised.value.kind is ErrorKind.TRY_LATER


@pytest.mark.parametrize("endpoint", sorted(PRODUCT_ENDPOINTS))
@pytest.mark.parametrize("code", sorted(BY_CODE_OF_A_PRODUCT))
def test_no_error_of_a_product_changes_the_status_of_a_connection(code: str, endpoint: str) -> None:
    error = from_answer(400, body(error_code=code), endpoint=endpoint)
    assert event_of(error) is None
    assert product_outcome(ProductKind.HOLDINGS, error) is not None


def test_an_unknown_error_of_one_item_is_no_configuration_error() -> None:
    error = from_answer(400, body(error_code="SOMETHING_NEW"), endpoint="/liabilities/get")
    assert error.error_class is ErrorClass.TRANSIENT


def test_the_codes_keep_their_meaning_at_other_endpoints() -> None:
    assert (
        from_answer(400, body(error_code="ACCESS_NOT_GRANTED"), endpoint="/item/get").kind is ErrorKind.LOGIN_REQUIRED
    )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.close()


def test_each_webhook_of_a_product_names_it(sim: Sim, plaid: PlaidProductsClient, receiver: Receiver) -> None:
    people = {"override_accounts": EVERYTHING["override_accounts"]}
    item = sim.link(
        "user_custom", people, webhook=receiver.url, products=["transactions", "investments", "liabilities"]
    )
    plaid.recurring(token(item), account_ids=())  # its webhook begins with the first read
    item.control("products", announce=[*ProductKind])
    item.control("investment_transactions", announce="HISTORICAL_UPDATE")
    about = [parse_webhook(got.body) for got in receiver.wait_for(5)]
    while len([webhook for webhook in about if webhook.product]) < 5:
        about = [parse_webhook(got.body) for got in receiver.wait_for(len(about) + 1)]
    assert {webhook.product for webhook in about if webhook.product} == {*ProductKind}
    assert {(webhook.webhook_type, webhook.webhook_code) for webhook in about if webhook.product} == {*PRODUCT_UPDATES}
    assert all(webhook.is_known for webhook in about)


def test_only_webhooks_of_products_name_one() -> None:
    named = {
        event: parse_webhook({"webhook_type": event[0], "webhook_code": event[1]}).product
        for event in [*MEANINGS, ("HOLDINGS", "SOMETHING_NEW")]
    }
    assert {event: product for event, product in named.items() if product} == PRODUCT_UPDATES
