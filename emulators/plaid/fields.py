"""The field table: the fields of each endpoint's request, and the only source of validation.

Sources: plaid.com/docs/api, one page per product, and github.com/plaid/plaid-openapi (types, lengths, enumerations).
Objects of products that the simulator does not implement are `Free`.
"""

from emulators.plaid.more_fields import more_endpoints
from emulators.plaid.validation import (
    AccountIds,
    Day,
    Fields,
    Flag,
    Free,
    Kind,
    ListOf,
    Moment,
    Number,
    OneOf,
    OwnUserId,
    Phone,
    Product,
    Text,
    Url,
    Whole,
)
from emulators.plaid.wire import words

COUNTRIES = words("US GB ES NL FR IE CA DE IT PL DK NO SE EE LT LV PT BE AT FI")
LANGUAGES = words("da nl en et fr de hi it lv lt no pl pt ro es sv vi")
PRODUCTS = words(
    "assets auth balance balance_plus beacon identity identity_match investments investments_auth liabilities "
    "payment_initiation identity_verification transactions credit_details income income_verification "
    "standing_orders transfer employment recurring_transactions transactions_refresh signal statements "
    "processor_payments processor_identity profile cra_base_report cra_income_insights cra_partner_insights "
    "cra_network_insights cra_cashflow_insights cra_monitoring cra_lend_score cra_plaid_credit_score layer "
    "pay_by_bank protect_linked_bank protect_transactions"
)
REMOVE_REASONS = words(
    "FRAUD_FIRST_PARTY FRAUD_FALSE_IDENTITY FRAUD_ABUSE FRAUD_OTHER CONNECTION_IS_NON_FUNCTIONAL OTHER"
)
FIREABLE_CODES = words(
    "DEFAULT_UPDATE NEW_ACCOUNTS_AVAILABLE SMS_MICRODEPOSITS_VERIFICATION AUTHORIZATION_GRANTED "
    "USER_PERMISSION_REVOKED USER_ACCOUNT_REVOKED PENDING_DISCONNECT RECURRING_TRANSACTIONS_UPDATE "
    "LOGIN_REPAIRED SYNC_UPDATES_AVAILABLE PRODUCT_READY ERROR"
)
FIREABLE_TYPES = words("AUTH HOLDINGS INVESTMENTS_TRANSACTIONS ITEM LIABILITIES TRANSACTIONS ASSETS IDENTITY")

_TOKEN = Text(required=True, least=1)
_SUBTYPES = Fields(table={"account_subtypes": ListOf(required=True, of=Text())})
_FILTERS = Fields(
    table={
        "credit": _SUBTYPES,
        "depository": Fields(
            table={"account_subtypes": ListOf(required=True, of=Text()), "limited_purpose_types": ListOf(of=Text())}
        ),
        "investment": _SUBTYPES,
        "loan": _SUBTYPES,
        "other": _SUBTYPES,
    }
)
_LINK_USER = Fields(
    table={
        "client_user_id": OwnUserId(required=True, least=1),
        "phone_number": Phone(),
        "email_address": Text(),
        "legal_name": Text(),
        "ssn": Text(),
        "name": Free(),
        "address": Free(),
        "id_number": Free(),
        "date_of_birth": Day(),
        "email_address_verified_time": Moment(),
        "phone_number_verified_time": Moment(),
    }
)
_DAYS = Whole(least=1, most=730)
_PERIOD = Fields(table={"start_date": Day(required=True), "end_date": Day(required=True)})
_PRODUCT = Product(values=PRODUCTS)
_PRODUCTS = ListOf(of=_PRODUCT)
_METADATA = {
    "include_optional_metadata": Flag(),
    "include_auth_metadata": Flag(),
    "include_payment_initiation_metadata": Flag(),
}
_COUNTRY_CODES = ListOf(required=True, least=1, of=OneOf(values=COUNTRIES))
_ACCOUNT_IDS = Fields(table={"account_ids": AccountIds()})
_CATEGORY_VERSION = OneOf(values=("v1", "v2"))
_OTHER_LINK_PRODUCTS = words(
    "auth base_report card_switch cashflow_report cra_options cra_report_parameter credit_partner_insights "
    "employment eu_config identity identity_verification income_verification investments investments_auth "
    "payment_configuration payment_initiation transfer"
)


def _with(**table: Kind) -> Fields:
    """An endpoint's table: its own fields, and the credentials that any body may carry."""
    return Fields(table={"client_id": Text(), "secret": Text(), **table})


_ITEM_ONLY = _with(access_token=_TOKEN)
_ITEM_ACCOUNTS = _with(access_token=_TOKEN, options=_ACCOUNT_IDS)

ENDPOINTS: dict[str, Fields] = {
    "/link/token/create": _with(
        client_name=Text(required=True, least=1),
        language=OneOf(required=True, values=LANGUAGES),
        country_codes=_COUNTRY_CODES,
        user=_LINK_USER,
        user_id=Text(least=1),
        user_token=Text(least=1),
        third_party_user_token=Text(),
        products=_PRODUCTS,
        required_if_supported_products=_PRODUCTS,
        optional_products=_PRODUCTS,
        additional_consented_products=_PRODUCTS,
        webhook=Url(),
        access_token=Text(least=1),
        access_tokens=ListOf(of=Text()),
        update=Fields(
            table={
                "account_selection_enabled": Flag(),
                "reauthorization_enabled": Flag(),
                "user": Flag(),
                "item_ids": ListOf(of=Text()),
            }
        ),
        redirect_uri=Url(),
        android_package_name=Text(),
        appearance_mode=OneOf(values=("LIGHT", "DARK", "SYSTEM")),
        transactions=Fields(table={"days_requested": _DAYS}),
        statements=_PERIOD,
        hosted_link=Fields(
            table={
                "delivery_method": OneOf(values=("sms", "email")),
                "completion_redirect_uri": Text(),
                "url_lifetime_seconds": Whole(least=1, most=21 * 86400),
                "is_mobile_app": Flag(),
            }
        ),
        link_customization_name=Text(),
        account_filters=_FILTERS,
        institution_id=Text(),
        institution_data=Fields(table={"routing_number": Text()}),
        enable_multi_item_link=Flag(),
        financekit_supported=Flag(),
        cra_enabled=Flag(),
        consumer_report_permissible_purpose=Text(),
        **{name: Free() for name in _OTHER_LINK_PRODUCTS},
    ),
    "/link/token/get": _with(link_token=_TOKEN),
    "/sandbox/public_token/create": _with(
        institution_id=Text(required=True, least=1),
        initial_products=ListOf(required=True, least=1, of=_PRODUCT),
        options=Fields(
            refuses_null=True,
            table={
                "webhook": Url(),
                "override_username": Text(),
                "override_password": Text(),
                "transactions": Fields(table={"start_date": Day(), "end_date": Day(), "days_requested": _DAYS}),
                "statements": Fields(table=_PERIOD.table),
                "income_verification": Free(),
            },
        ),
        user_token=Text(),
        user_id=Text(),
    ),
    "/sandbox/item/fire_webhook": _with(
        access_token=_TOKEN,
        webhook_code=OneOf(required=True, values=FIREABLE_CODES),
        webhook_type=OneOf(values=FIREABLE_TYPES),
        options=Free(),
    ),
    "/sandbox/item/reset_login": _ITEM_ONLY,
    "/sandbox/user/reset_login": _with(user_id=Text(), user_token=Text(), item_ids=ListOf(of=Text())),
    "/sandbox/transactions/create": _with(
        access_token=_TOKEN,
        transactions=ListOf(
            required=True,
            least=1,
            most=10,
            of=Fields(
                table={
                    "date_transacted": Day(required=True),
                    "date_posted": Day(required=True),
                    "amount": Number(required=True),
                    "description": Text(required=True),
                    "iso_currency_code": Text(pattern="[A-Z]{3}"),
                    "account_id": Text(),
                }
            ),
        ),
    ),
    "/item/public_token/create": _ITEM_ONLY,
    "/item/public_token/exchange": _with(public_token=_TOKEN),
    "/item/get": _ITEM_ONLY,
    "/item/remove": _with(
        access_token=_TOKEN,
        reason_code=OneOf(values=REMOVE_REASONS),
        reason_note=Text(most=512),
    ),
    "/item/access_token/invalidate": _ITEM_ONLY,
    "/item/webhook/update": _with(access_token=_TOKEN, webhook=Url(nullable=True)),
    "/accounts/get": _ITEM_ACCOUNTS,
    "/accounts/balance/get": _with(
        access_token=_TOKEN,
        options=Fields(table={**_ACCOUNT_IDS.table, "min_last_updated_datetime": Moment()}),
    ),
    "/auth/get": _ITEM_ACCOUNTS,
    "/identity/get": _ITEM_ACCOUNTS,
    "/liabilities/get": _ITEM_ACCOUNTS,
    "/investments/holdings/get": _ITEM_ACCOUNTS,
    "/investments/transactions/get": _with(
        access_token=_TOKEN,
        start_date=Day(required=True),
        end_date=Day(required=True),
        options=Fields(
            table={
                **_ACCOUNT_IDS.table,
                "count": Whole(least=1, most=500),
                "offset": Whole(least=0),
                "async_update": Flag(),
            }
        ),
    ),
    "/investments/refresh": _ITEM_ONLY,
    "/investments/auth/get": _ITEM_ACCOUNTS,
    "/institutions/get": _with(
        count=Whole(required=True, least=1, most=500),
        offset=Whole(required=True, least=0),
        country_codes=_COUNTRY_CODES,
        options=Fields(
            table={
                **_METADATA,
                "products": ListOf(least=1, of=_PRODUCT),
                "routing_numbers": ListOf(of=Text()),
                "oauth": Flag(),
            }
        ),
    ),
    "/institutions/get_by_id": _with(
        institution_id=Text(required=True, least=1),
        country_codes=_COUNTRY_CODES,
        options=Fields(table={**_METADATA, "include_status": Flag()}),
    ),
    "/institutions/search": _with(
        query=Text(required=True, least=1),
        country_codes=_COUNTRY_CODES,
        products=ListOf(least=1, of=_PRODUCT),
        options=Fields(table={**_METADATA, "oauth": Flag(), "payment_initiation": Free()}),
    ),
    "/transactions/sync": _with(
        access_token=_TOKEN,
        cursor=Text(most=256),
        count=Whole(least=1, most=500),
        options=Fields(
            refuses_null=True,
            table={
                "include_original_description": Flag(),
                "include_personal_finance_category": Flag(),
                "include_logo_and_counterparty_beta": Flag(),
                "personal_finance_category_version": _CATEGORY_VERSION,
                "days_requested": _DAYS,
                "account_id": Text(least=1),
            },
        ),
    ),
    "/transactions/refresh": _ITEM_ONLY,
    "/transactions/recurring/get": _with(
        access_token=_TOKEN,
        account_ids=AccountIds(),
        options=Fields(
            table={"include_personal_finance_category": Flag(), "personal_finance_category_version": _CATEGORY_VERSION}
        ),
    ),
    "/webhook_verification_key/get": _with(key_id=_TOKEN),
    **more_endpoints(PRODUCTS),
}
