"""Link tokens: which options an app may request, and what the backend sends to Plaid."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from shared.adapters.plaid.errors import BY_CODE, from_answer
from shared.domain.connection import Action, ItemStatus
from shared.domain.errors import ErrorClass, FailedPrecondition, InvalidArgument, ProviderError
from shared.domain.link import CONSENT_PRODUCTS, LANGUAGES, PRODUCTS, LinkProducts
from shared.domain.market import COUNTRIES, COUNTRIES_OF, PRODUCT_MARKETS, Market
from shared.domain.products.kinds import ProductKind
from shared.domain.status import ERRORS, action_for, after, event_of
from shared.ports import LinkRequest, Profile
from shared.usecases.linking.create_link_token import CreateLinkToken
from shared.usecases.linking.link_options import LinkDefaults, LinkOptions
from tests.fakes import FakeLinks, FakeProfiles, institution, problem
from tests.usecases.conftest import ALICE, World


def link(
    world: World,
    *,
    profile: Profile = Profile(),  # noqa: B008
    offers: tuple[str, ...] = ("transactions",),
    if_supported: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
    synced: tuple[ProductKind, ...] = (),
    allowed: Iterable[str] = PRODUCTS,
    plain_http: bool = False,
    countries: tuple[str, ...] = ("US",),
    **wish: Any,
) -> LinkRequest:
    """The request that was sent to Plaid."""
    CreateLinkToken(
        defaults=LinkDefaults(
            "en",
            countries,
            LinkProducts(offers, if_supported, optional),
            "https://us.example/",
            plain_http=plain_http,
            allowed_products=frozenset(allowed),
            synced=synced,
        ),
        plaid=world.plaid,
        vault=world.vault,
        connections=world.store,
        credentials=world.credentials,
        institutions=world.institutions,
        product_consents=world.product_consents,
        profiles=FakeProfiles(profile),
        links=FakeLinks(),
        cap=world.cap,
        clock=world.clock,
    )(LinkOptions(**wish), app_user_id=ALICE)
    return world.plaid.link_requests[-1]


def refusal(world: World, **wish: Any) -> str:
    """Why a request is refused, before any call."""
    before = world.calls.log.count("bank.create_link_token")
    with pytest.raises(InvalidArgument) as refused:
        link(world, **wish)
    assert refused.value.code == "invalid_input"
    assert world.calls.log.count("bank.create_link_token") == before
    return refused.value.message


def test_link_token_for_a_new_bank_has_the_products_and_the_webhook_address(world: World) -> None:
    request = link(world, offers=("transactions", "auth"))
    assert (request.products, request.consent_products) == (("transactions", "auth"), ())
    assert request.webhook_url == "https://us.example/"
    assert request.access_token is None


def test_transactions_consent_is_requested_when_it_is_no_product(world: World) -> None:
    request = link(world, products=("auth",))
    assert (request.products, request.consent_products) == (("auth",), ("transactions",))


def lists(request: LinkRequest) -> tuple[tuple[str, ...], ...]:
    return (
        request.products,
        request.required_if_supported_products,
        request.optional_products,
        request.consent_products,
    )


def test_operators_lists_are_requested_for_a_new_bank(world: World) -> None:
    request = link(world, if_supported=("liabilities",), optional=("investments", "auth"))
    assert lists(request) == (("transactions",), ("liabilities",), ("investments", "auth"), ())


@pytest.mark.parametrize("others", [{"if_supported": ("transactions",)}, {"optional": ("transactions",)}], ids=str)
def test_transactions_in_another_list_need_no_consent_of_their_own(world: World, others: dict[str, Any]) -> None:
    assert link(world, offers=("auth",), **others).consent_products == ()


def test_product_that_the_app_requires_is_not_optional_too(world: World) -> None:
    request = link(world, if_supported=("auth", "liabilities"), optional=("investments",), products=("auth",))
    assert lists(request) == (("auth",), ("liabilities",), ("investments",), ("transactions",))
    request = link(world, if_supported=("auth",), optional=("investments",), products=("investments", "transactions"))
    assert lists(request) == (("investments", "transactions"), ("auth",), (), ())


@pytest.mark.parametrize(
    ("kinds", "consent"),
    [
        ((), ()),
        ((ProductKind.RECURRING,), ()),
        ((ProductKind.LIABILITIES,), ("liabilities",)),
        ((ProductKind.HOLDINGS, ProductKind.INVESTMENT_TRANSACTIONS), ("investments",)),
        (tuple(ProductKind), ("liabilities", "investments")),
    ],
)
def test_synced_products_that_no_list_has_are_requested_as_consent(
    world: World, kinds: tuple[ProductKind, ...], consent: tuple[str, ...]
) -> None:
    assert link(world, synced=kinds).consent_products == consent


@pytest.mark.parametrize(
    "others",
    [
        {"offers": ("transactions", "liabilities")},
        {"if_supported": ("liabilities",)},
        {"optional": ("liabilities",)},
        {"products": ("transactions", "liabilities")},
    ],
    ids=str,
)
def test_no_product_is_in_two_lists(world: World, others: dict[str, Any]) -> None:
    request = link(world, synced=tuple(ProductKind), **others)
    requested = [product for one in lists(request) for product in one]
    assert sorted(requested) == ["investments", "liabilities", "transactions"]


@pytest.mark.parametrize(
    ("countries", "asked"), [(("CA",), True), (("CA", "US"), True), (("GB",), False), (("DE", "FR"), False)]
)
def test_consent_by_product_is_requested_where_link_asks_for_it(
    world: World, countries: tuple[str, ...], asked: bool
) -> None:
    request = link(world, offers=("auth",), synced=(ProductKind.HOLDINGS,), country_codes=countries)
    assert request.consent_products == (("transactions", "investments") if asked else ("transactions",))


def test_update_mode_requests_consent_for_products_that_lack_it(world: World) -> None:
    world.connected()
    world.product_consents.by_connection = {
        "1": {ProductKind.HOLDINGS, ProductKind.INVESTMENT_TRANSACTIONS},
        "2": {ProductKind.LIABILITIES},
    }
    request = link(world, synced=tuple(ProductKind), connection_id="1")
    assert lists(request) == ((), (), (), ("investments",))
    assert not request.account_selection
    world.product_consents.by_connection["1"].add(ProductKind.LIABILITIES)
    request = link(world, synced=tuple(ProductKind), connection_id="1", products=("auth", "liabilities"))
    assert request.consent_products == ("auth", "liabilities", "investments")


def test_update_mode_requests_missing_consent_to_transactions_and_products_together(world: World) -> None:
    world.connected()
    has_problem(world, "ADDITIONAL_CONSENT_REQUIRED")
    world.product_consents.by_connection = {"1": {ProductKind.RECURRING, ProductKind.LIABILITIES}}
    request = link(world, synced=tuple(ProductKind), connection_id="1")
    assert request.consent_products == ("transactions", "liabilities")


def test_update_mode_requests_no_consent_for_a_product_that_is_not_synced(world: World) -> None:
    world.connected()
    world.product_consents.by_connection = {"1": {ProductKind.LIABILITIES}}
    assert link(world, synced=(ProductKind.HOLDINGS,), connection_id="1").consent_products == ()


def test_without_synced_products_update_mode_reads_nothing_more(world: World) -> None:
    world.connected()
    link(world, connection_id="1")
    assert "product_consents.lacking" not in world.calls.log
    link(world, synced=(ProductKind.HOLDINGS,), connection_id="1")
    assert world.calls.log.count("product_consents.lacking") == 1
    link(world, synced=(ProductKind.HOLDINGS,))
    assert world.calls.log.count("product_consents.lacking") == 1


def test_duplicate_options_are_requested_once(world: World) -> None:
    assert link(world, country_codes=("US", "CA", "US")).country_codes == ("US", "CA")
    assert link(world, products=("auth", "auth")).products == ("auth",)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_of_link_may_be_asked_for(world: World, language: str) -> None:
    assert link(world, language=language).language == language


@pytest.mark.parametrize("market", Market)
def test_all_countries_of_one_market_may_be_requested_together(world: World, market: Market) -> None:
    countries = tuple(sorted(COUNTRIES_OF[market]))
    assert link(world, country_codes=countries, products=("transactions",)).country_codes == countries


@pytest.mark.parametrize(
    "countries", [("US", "GB"), ("GB", "FR"), ("FR", "DE", "CA"), tuple(sorted(COUNTRIES))], ids=str
)
def test_countries_of_several_markets_are_refused(world: World, countries: tuple[str, ...]) -> None:
    assert "of one region only" in refusal(world, country_codes=countries)
    world.connected()
    assert "of one region only" in refusal(world, country_codes=countries, connection_id="1")


@pytest.mark.parametrize(
    ("mixed", "used"),
    [(("GB", "US", "FR"), ("GB",)), (("FR", "GB", "DE"), ("FR", "DE")), (("CA", "GB", "US"), ("CA", "US"))],
    ids=str,
)
def test_of_mixed_countries_in_a_profile_or_setting_those_of_the_first_ones_market_are_used(
    world: World, mixed: tuple[str, ...], used: tuple[str, ...]
) -> None:
    assert link(world, profile=Profile(country_codes=list(mixed))).country_codes == used
    assert link(world, countries=mixed).country_codes == used


@pytest.mark.parametrize(
    ("country", "kept"), [("CA", ("transactions", "liabilities", "identity")), ("GB", ("transactions", "identity"))]
)
def test_operators_products_outside_their_market_are_dropped(world: World, country: str, kept: tuple[str, ...]) -> None:
    request = link(world, offers=("transactions", "liabilities"), optional=("identity",), country_codes=(country,))
    assert (*request.products, *request.optional_products) == kept


def test_transactions_replace_required_products_that_the_market_does_not_have(world: World) -> None:
    request = link(world, offers=("liabilities",), optional=("transactions", "investments"), country_codes=("FR",))
    assert lists(request) == (("transactions",), (), (), ())


@pytest.mark.parametrize("market", Market)
@pytest.mark.parametrize("product", sorted(PRODUCTS))
def test_product_outside_its_market_is_refused_if_the_app_requests_it(
    world: World, market: Market, product: str
) -> None:
    country = min(COUNTRIES_OF[market])
    if market in PRODUCT_MARKETS[product]:
        assert link(world, country_codes=(country,), products=(product,)).products == (product,)
    else:
        assert f"does not offer {product}" in refusal(world, country_codes=(country,), products=(product,))


def test_update_mode_uses_the_countries_of_the_bank_wherever_its_user_is(world: World) -> None:
    world.connected()
    world.institutions.put(institution("ins_1", countries=("GB",)))
    assert link(world, connection_id="1", profile=Profile(country_codes=["US"])).country_codes == ("GB",)
    assert "account_selection" in refusal(world, connection_id="1", account_selection=True)
    assert "does not offer liabilities" in refusal(world, connection_id="1", products=("liabilities",))
    world.institutions.put(institution("ins_1", countries=("US", "CA")))
    assert link(
        world, connection_id="1", account_selection=True, profile=Profile(country_codes=["FR"])
    ).account_selection
    assert link(world, connection_id="1", country_codes=("FR",)).country_codes == ("US", "CA")
    assert "account_selection" in refusal(world, connection_id="1", account_selection=True, country_codes=("FR",))


@pytest.mark.parametrize(("wished", "used"), [("FR", ("FR", "IE")), ("GB", ("GB",)), ("US", ("GB",))])
def test_update_mode_of_a_bank_in_several_markets_uses_the_market_of_its_user(
    world: World, wished: str, used: tuple[str, ...]
) -> None:
    world.connected()
    world.institutions.put(institution("ins_1", countries=("GB", "FR", "IE")))
    assert link(world, connection_id="1", country_codes=(wished,)).country_codes == used


def test_update_mode_requests_no_consent_for_products_that_the_market_does_not_have(world: World) -> None:
    world.connected()
    world.institutions.put(institution("ins_1", countries=("DE",)))
    world.product_consents.by_connection = {"1": set(ProductKind)}
    assert link(world, synced=tuple(ProductKind), connection_id="1").consent_products == ("transactions",)


@pytest.mark.parametrize("language", ["xx", "EN", "en-US", "", "eng"])
def test_a_language_that_link_does_not_speak_is_refused(world: World, language: str) -> None:
    assert "vi" in refusal(world, language=language)


@pytest.mark.parametrize("countries", [("XX",), ("US", "XX"), ("us",), ("CH",)])
def test_a_country_where_link_does_not_work_is_refused(world: World, countries: tuple[str, ...]) -> None:
    assert refusal(world, country_codes=countries).startswith("country_codes:")


@pytest.mark.parametrize(
    "product",
    ["balance", "recurring_transactions", "statements", "payment_initiation", "identity_verification", "nonsense"],
)
def test_unsupported_options_are_refused(world: World, product: str) -> None:
    assert refusal(world, products=("transactions", product)).startswith("products: for a new bank, request only")


def test_in_update_mode_products_are_more_consent(world: World) -> None:
    world.connected()
    request = link(world, products=("investments", "auth", "auth"), connection_id="1")
    assert (request.products, request.consent_products) == ((), ("investments", "auth"))
    for product in CONSENT_PRODUCTS:
        assert link(world, products=(product,), connection_id="1").consent_products == (product,)


@pytest.mark.parametrize("product", [*sorted(PRODUCTS - CONSENT_PRODUCTS), "balance", "statements"])
def test_in_update_mode_what_cannot_be_added_is_refused(world: World, product: str) -> None:
    world.connected()
    assert refusal(world, products=(product,), connection_id="1").startswith("products: in update mode")


@pytest.mark.parametrize("connection_id", [None, "1"])
@pytest.mark.parametrize("product", sorted(PRODUCTS - {"transactions"}))
def test_a_product_that_the_operator_does_not_allow_is_refused(
    world: World, product: str, connection_id: str | None
) -> None:
    world.connected()
    for products in ((product,), ("transactions", product), (product, "transactions")):
        why = refusal(world, allowed=("transactions",), products=products, connection_id=connection_id)
        assert why.startswith("products:")
        assert why.endswith(" transactions")


def test_required_products_are_not_limited_by_the_products_of_apps(world: World) -> None:
    assert link(world, offers=("auth",), allowed=()).consent_products == ("transactions",)
    world.connected()
    has_problem(world, "ADDITIONAL_CONSENT_REQUIRED")
    assert link(world, allowed=(), connection_id="1").consent_products == ("transactions",)


def test_update_mode_requests_no_consent_by_itself(world: World) -> None:
    world.connected()
    request = link(world, connection_id="1")
    assert (request.products, request.consent_products, request.webhook_url) == ((), (), None)


@pytest.mark.parametrize("uri", ["https://app.example/", "https://app.example:8443/back/x%20y", "https://app.example"])
def test_a_web_app_names_the_address_to_come_back_to(world: World, uri: str) -> None:
    assert link(world, redirect_uri=uri).redirect_uri == uri


@pytest.mark.parametrize(
    "uri",
    [
        "not an address",
        "",
        "https://",
        "https:///path",
        "app.example/back",
        "//app.example",
        "ftp://app.example/",
        "com.example.app://back",
        "javascript:alert(1)",
        "https://app.example/?with=query",
        "https://app.example/?",
        "https://app.example/#there",
        "https://user:word@app.example/",
        "https://app.example/a b",
        "https://app.example/\n",
        "https://app.example:port/",
        "https://[::1",
    ],
)
def test_an_address_that_plaid_would_not_take_is_refused(world: World, uri: str) -> None:
    assert refusal(world, redirect_uri=uri, plain_http=True).startswith("redirect_uri:")


def test_plain_http_is_for_the_sandbox(world: World) -> None:
    assert "https" in refusal(world, redirect_uri="http://localhost:3000/")
    assert link(world, redirect_uri="http://localhost:3000/", plain_http=True).redirect_uri == "http://localhost:3000/"


def test_an_android_app_names_its_package(world: World) -> None:
    assert link(world, android_package_name="com.example.the_app2").android_package_name == "com.example.the_app2"


@pytest.mark.parametrize(
    "name", ["app", "com.2example", "com..example", ".com.example", "com.exa mple", "com.é.app", ""]
)
def test_invalid_package_name_is_refused(world: World, name: str) -> None:
    assert refusal(world, android_package_name=name).startswith("android_package_name:")


def test_android_package_and_redirect_address_exclude_each_other(world: World) -> None:
    why = refusal(world, redirect_uri="https://app.example/", android_package_name="com.example.app")
    assert "android_package_name" in why


def test_a_refused_value_is_not_repeated(world: World) -> None:
    for field in ("language", "redirect_uri", "android_package_name"):
        assert "public-sandbox" not in refusal(world, **{field: "public-sandbox-1"})


def test_accounts_can_be_selected_again_where_plaid_offers_it(world: World) -> None:
    world.connected()
    assert link(world, connection_id="1", account_selection=True, country_codes=("CA",)).account_selection
    elsewheres: list[dict[str, Any]] = [{"country_codes": ("GB",)}, {"profile": Profile(country_codes=["GB"])}]
    for elsewhere in elsewheres:
        asked = len(world.plaid.link_requests)
        with pytest.raises(InvalidArgument, match="account_selection") as refused:
            link(world, connection_id="1", account_selection=True, **elsewhere)
        assert refused.value.connection_id == "1"
        assert len(world.plaid.link_requests) == asked


def has_problem(world: World, code: str, *, status: ItemStatus = ItemStatus.GOOD) -> Action | None:
    """The first connection has one of Plaid's errors."""
    error = from_answer(400, f'{{"error_type": "ITEM_ERROR", "error_code": "{code}"}}')
    event = event_of(error)
    assert event is not None
    world.store.describe("1", {"status": status})
    found = after(world.store.connections["1"], event, now=world.clock.now(), error=error)
    world.store.describe("1", found.fields(world.store.connections["1"]))
    return action_for(error)


IN_LINK = sorted(
    code for code, meaning in BY_CODE.items() if meaning.kind in ERRORS and ERRORS[meaning.kind][1] is not Action.RELINK
)
OPERATORS = {
    "INVALID_API_KEYS",
    "UNAUTHORIZED_ENVIRONMENT",
    "UNAUTHORIZED_ROUTE_ACCESS",
    "CREDITS_EXHAUSTED",
    "TRIAL_CONNECTION_LIMIT",
    "ADDITION_LIMIT",
}
WISHES: list[dict[str, Any]] = [{}, {"products": ("auth",)}, {"account_selection": True}, {"country_codes": ("CA",)}]


@pytest.mark.parametrize("code", IN_LINK)
@pytest.mark.parametrize("wish", WISHES, ids=str)
def test_update_mode_requests_what_resolves_the_problem(world: World, code: str, wish: dict[str, Any]) -> None:
    world.connected()
    action = has_problem(world, code)
    request = link(world, connection_id="1", **wish)
    needed = ("transactions",) if code == "ADDITIONAL_CONSENT_REQUIRED" else ()
    assert request.access_token is not None
    assert request.consent_products == (*wish.get("products", ()), *needed)
    assert request.account_selection == (wish.get("account_selection", False) or action is Action.SELECT_ACCOUNTS)


@pytest.mark.parametrize("status", [ItemStatus.PENDING_EXPIRATION, ItemStatus.PENDING_DISCONNECT])
def test_a_renewal_asks_for_missing_consent_too(world: World, status: ItemStatus) -> None:
    world.connected()
    has_problem(world, "ADDITIONAL_CONSENT_REQUIRED", status=status)
    assert link(world, connection_id="1").consent_products == ("transactions",)


def test_consent_that_the_app_requests_already_is_requested_once(world: World) -> None:
    world.connected()
    has_problem(world, "ADDITIONAL_CONSENT_REQUIRED")
    wished = ("transactions", "auth")
    assert link(world, connection_id="1", products=wished).consent_products == wished


def test_new_accounts_are_offered_for_selection(world: World) -> None:
    world.connected()
    world.store.describe("1", {"action": Action.SELECT_ACCOUNTS})
    assert link(world, connection_id="1").account_selection


@pytest.mark.parametrize("wish", [{}, {"account_selection": True}], ids=str)
def test_where_plaid_offers_no_account_selection_the_bank_asks_for_accounts_in_plain_update_mode(
    world: World, wish: dict[str, Any]
) -> None:
    world.connected()
    has_problem(world, "NO_ACCOUNTS")
    assert not link(world, connection_id="1", country_codes=("FR",), **wish).account_selection


def test_dead_connection_in_the_store_is_not_repaired(world: World) -> None:
    world.connected()
    world.store.describe("1", {"status": ItemStatus.ERROR})
    with pytest.raises(FailedPrecondition) as refused:
        link(world, connection_id="1")
    assert refused.value.details() == {"code": "relink_required", "connection_id": "1"}
    assert world.plaid.link_requests == []


@pytest.mark.parametrize("code", ["ITEM_NOT_FOUND", "USER_PERMISSION_REVOKED"])
def test_a_connection_that_is_dead_at_plaid_is_not_repaired(world: World, code: str) -> None:
    world.connected()
    world.plaid.fail("create_link_token", problem(ErrorClass.TERMINAL, code))
    with pytest.raises(FailedPrecondition) as refused:
        link(world, connection_id="1")
    assert refused.value.status == "FAILED_PRECONDITION"
    assert refused.value.details() == {
        "code": "relink_required",
        "connection_id": "1",
        "plaid": {"error_type": "TEST", "error_code": code, "request_id": "r1"},
    }


def test_unknown_access_token_is_first_treated_as_wrong_keys(world: World) -> None:
    world.connected()
    world.plaid.fail("create_link_token", problem(ErrorClass.TERMINAL, "INVALID_ACCESS_TOKEN"))
    with pytest.raises(ProviderError) as ours:
        link(world, connection_id="1")
    assert ours.value.status == "UNAVAILABLE"


@pytest.mark.parametrize("code", sorted(OPERATORS))
def test_configuration_error_is_never_reported_as_the_apps_mistake(world: World, code: str) -> None:
    world.plaid.fail("create_link_token", problem(ErrorClass.CONFIGURATION, code))
    with pytest.raises(ProviderError) as ours:
        link(world, language="de")
    assert ours.value.status == "UNAVAILABLE"


def test_outage_is_reported_as_an_outage_for_every_option(world: World) -> None:
    world.connected()
    down = problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR")
    wishes: list[dict[str, Any]] = [{"language": "de"}, {"connection_id": "1"}]
    for wish in wishes:
        world.plaid.fail("create_link_token", down)
        with pytest.raises(ProviderError) as outage:
            link(world, **wish)
        assert outage.value.status == "UNAVAILABLE"
