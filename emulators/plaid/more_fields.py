"""The field tables of /categories, enrich, /identity/match, Statements and the less used Item endpoints.

Source: plaid.com/docs/api, one page per product. `fields.py` adds these tables to its own.
"""

from collections.abc import Sequence

from emulators.plaid.validation import (
    AccountIds,
    Day,
    Fields,
    Flag,
    Kind,
    ListOf,
    Number,
    OneOf,
    Product,
    Text,
    Url,
    Whole,
)
from emulators.plaid.wire import words

TERMINATION_REASONS = words(
    "FRAUD_FIRST_PARTY FRAUD_FALSE_IDENTITY FRAUD_ABUSE FRAUD_OTHER FRAUD_TRANSACTION CONSUMER_LOAN_PAID_OFF "
    "CONSUMER_ACCOUNT_CLOSED CONSUMER_CHARGE_OFF CONSUMER_PAYMENT_METHOD_SWITCHED USER_OFFBOARDING DUPLICATE_ITEM "
    "BILLING_TERMINATION OTHER"
)
MOST_ENRICHED = 100

_TOKEN = Text(required=True, least=1)
_VERSION = OneOf(values=("v1", "v2"))
_ACCOUNT_IDS = AccountIds()
_ADDRESS = {name: Text() for name in ("street", "city", "region", "postal_code", "country")}
_PLACE = {name: Text() for name in ("country", "region", "city", "address", "postal_code")}
_TO_ENRICH = Fields(
    table={
        "id": Text(required=True, least=1),
        "description": Text(required=True, least=1),
        "amount": Number(required=True),
        "direction": OneOf(required=True, values=("INFLOW", "OUTFLOW")),
        "iso_currency_code": Text(required=True, pattern="[A-Z]{3}"),
        "location": Fields(table=_PLACE),
        "mcc": Text(),
        "date_posted": Day(),
        **{name: Text() for name in ("user_id", "client_user_id", "client_account_id")},
        **{name: Text() for name in ("account_type", "account_subtype")},
    }
)


def more_endpoints(products: Sequence[str]) -> dict[str, Fields]:
    """The tables by endpoint; `products` are the names of Plaid's products."""
    return {
        "/categories/get": Fields(table={}),
        "/transactions/get": _with(
            access_token=_TOKEN,
            start_date=Day(required=True),
            end_date=Day(required=True),
            options=Fields(
                table={
                    "account_ids": _ACCOUNT_IDS,
                    "count": Whole(least=1, most=500),
                    "offset": Whole(least=0),
                    "include_original_description": Flag(),
                    "include_personal_finance_category_beta": Flag(),
                    "include_personal_finance_category": Flag(),
                    "include_logo_and_counterparty_beta": Flag(),
                    "personal_finance_category_version": _VERSION,
                    "days_requested": Whole(least=1, most=730),
                }
            ),
        ),
        "/transactions/enrich": _with(
            account_type=OneOf(required=True, values=("depository", "credit")),
            transactions=ListOf(required=True, least=1, most=MOST_ENRICHED, of=_TO_ENRICH),
            options=Fields(table={"include_legacy_category": Flag(), "personal_finance_category_version": _VERSION}),
        ),
        "/identity/match": _with(
            access_token=_TOKEN,
            user=Fields(
                table={
                    **{name: Text() for name in ("legal_name", "phone_number", "email_address")},
                    "address": Fields(table=_ADDRESS),
                }
            ),
            options=Fields(table={"account_ids": _ACCOUNT_IDS}),
        ),
        "/identity/refresh": _with(access_token=_TOKEN),
        "/item/import": _with(
            institution_id=Text(least=1),
            products=ListOf(required=True, least=1, of=Product(values=products)),
            user_auth=Fields(
                required=True, table={"user_id": Text(required=True, least=1), "auth_token": Text(required=True)}
            ),
            options=Fields(table={"webhook": Url()}),
        ),
        "/item/activity/list": _with(access_token=Text(least=1), cursor=Text(), count=Whole(least=1, most=50)),
        "/item/products/terminate": _with(
            access_token=_TOKEN,
            reason_code=OneOf(required=True, values=TERMINATION_REASONS),
            reason_note=Text(most=512),
        ),
        "/statements/list": _with(access_token=_TOKEN),
        "/statements/download": _with(access_token=_TOKEN, statement_id=Text(required=True, least=1)),
        "/statements/refresh": _with(access_token=_TOKEN, start_date=Day(required=True), end_date=Day(required=True)),
    }


def _with(**table: Kind) -> Fields:
    return Fields(table={"client_id": Text(), "secret": Text(), **table})
