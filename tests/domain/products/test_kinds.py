"""Which accounts have which kind of data, and what an error means for a kind."""

from __future__ import annotations

import pytest

from shared.domain.errors import ErrorClass, ErrorKind, ProviderError
from shared.domain.products.kinds import COLLECTION, PLAID_PRODUCT, ProductKind, ProductStatus, fitting_accounts
from shared.domain.products.outcomes import ABOUT_THE_LOGIN, product_outcome
from shared.domain.products.own_recurring import uses_own
from shared.domain.status import ERRORS, event_of
from tests.fakes import account

RECURRING, LIABILITIES, HOLDINGS, TRADES = ProductKind

ACCOUNTS = [
    ("depository", "checking", {RECURRING}),
    ("depository", None, {RECURRING}),
    ("credit", "credit card", {RECURRING, LIABILITIES}),
    ("credit", "paypal", {RECURRING, LIABILITIES}),
    ("loan", "student", {LIABILITIES}),
    ("loan", "mortgage", {LIABILITIES}),
    ("loan", "auto", set()),
    ("loan", None, set()),
    ("investment", "brokerage", {HOLDINGS, TRADES}),
    ("brokerage", None, {HOLDINGS, TRADES}),
    ("other", None, set()),
]


@pytest.mark.parametrize(("kind", "subtype", "fits"), ACCOUNTS)
def test_an_account_fits_the_kinds_of_its_type(kind: str, subtype: str | None, fits: set[ProductKind]) -> None:
    one = {**account("a"), "type": kind, "subtype": subtype}
    assert {k for k in ProductKind if fitting_accounts(k, [one])} == fits  # type: ignore[list-item]


def test_only_fitting_accounts_are_named() -> None:
    card = {**account("card"), "type": "credit"}
    assert fitting_accounts(LIABILITIES, [account("checking"), card]) == {"card"}  # type: ignore[list-item]
    assert fitting_accounts(LIABILITIES, []) == frozenset()


def test_every_kind_has_a_product_and_a_collection_of_its_own() -> None:
    assert PLAID_PRODUCT.keys() == {*ProductKind}
    assert sorted(COLLECTION.values()) == [
        "bank_holdings",
        "bank_investment_transactions",
        "bank_liabilities",
        "bank_recurring",
    ]


def error(kind: ErrorKind) -> ProviderError:
    return ProviderError("a problem", kind=kind, error_type="TEST", error_code="TEST")


@pytest.mark.parametrize("kind", ErrorKind)
def test_an_error_concerns_either_the_login_or_the_product_alone(kind: ErrorKind) -> None:
    outcome = product_outcome(HOLDINGS, error(kind))
    assert (outcome is None) == (kind in ABOUT_THE_LOGIN)
    assert outcome not in (ProductStatus.READY, ProductStatus.OFF)


def test_the_errors_of_the_login_are_those_that_a_connection_reacts_to() -> None:
    about_transactions = {ErrorKind.NO_ACCOUNTS, ErrorKind.ADDITIONAL_CONSENT, ErrorKind.UNUSABLE}
    assert ERRORS.keys() - about_transactions == ABOUT_THE_LOGIN


@pytest.mark.parametrize("kind", [kind for kind in ErrorKind if kind.name.startswith("PRODUCT_")])
def test_an_error_of_a_product_changes_no_connection(kind: ErrorKind) -> None:
    assert event_of(error(kind)) is None
    assert product_outcome(RECURRING, error(kind)) is not None


@pytest.mark.parametrize("kind", [kind for kind in ErrorKind if kind.error_class is ErrorClass.TRANSIENT])
def test_an_outage_makes_a_product_fail_or_wait(kind: ErrorKind) -> None:
    waits = kind is ErrorKind.PRODUCT_NOT_READY
    assert product_outcome(LIABILITIES, error(kind)) is (ProductStatus.SYNCING if waits else ProductStatus.FAILED)


def test_our_own_detector_replaces_only_recurring_where_plaid_does_not_deliver_it() -> None:
    replaced = {(kind, status) for kind in ProductKind for status in ProductStatus if uses_own(kind, status)}
    assert replaced == {(RECURRING, ProductStatus.NOT_ENABLED), (RECURRING, ProductStatus.UNSUPPORTED)}
