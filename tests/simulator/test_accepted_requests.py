"""Requests that Plaid accepts are accepted here.

Where a rule has no source of Plaid, these tests hold the answers of the Sandbox on which Plaid's sample applications
and the integration tests of its clients rely.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulators.plaid.fields import ENDPOINTS
from emulators.plaid.validation import Fields, Kind, ListOf

from .harness import BANK, KEYS, Linked, Sim
from .test_requests import LINK, refused

Json = dict[str, Any]
REFUSED_NULL = {("/transactions/sync", "options"), ("/sandbox/public_token/create", "options")}
MEANINGFUL_NULL = {("/item/webhook/update", "webhook")}
TODAY = datetime.now(UTC).date()
OTHER_REQUESTS: dict[str, Json] = {
    "/link/token/create": LINK,
    "/institutions/get": {"count": 1, "offset": 0, "country_codes": ["US"]},
    "/institutions/get_by_id": {"institution_id": BANK, "country_codes": ["US"]},
    "/institutions/search": {"query": "platypus", "country_codes": ["US"]},
    "/sandbox/public_token/create": {"institution_id": BANK, "initial_products": ["transactions"]},
    **{
        path: {"start_date": str(TODAY - timedelta(days=100)), "end_date": str(TODAY)}
        for path in ("/investments/transactions/get", "/statements/refresh", "/transactions/get")
    },
    "/identity/match": {"user": {"legal_name": "Alberta Charleson"}},
    "/item/import": {"products": ["auth"], "user_auth": {"user_id": "user_good", "auth_token": "pass_good"}},
    "/item/products/terminate": {"reason_code": "OTHER"},
    "/transactions/enrich": {
        "account_type": "depository",
        "transactions": [
            {"id": "1", "description": "Uber", "amount": 5, "direction": "OUTFLOW", "iso_currency_code": "USD"}
        ],
    },
}


def optional_fields(path: str, table: Fields, prefix: str = "") -> Iterator[tuple[str, str, Kind]]:
    """Every field of an endpoint that may be absent, at any depth."""
    for name, kind in table.table.items():
        inner = kind.of if isinstance(kind, ListOf) else kind
        if not kind.required:
            yield path, prefix + name, kind
        if isinstance(inner, Fields):
            yield from optional_fields(path, inner, f"{prefix}{name}.")


OPTIONAL = [field for path, table in ENDPOINTS.items() for field in optional_fields(path, table)]


def test_only_the_nulls_with_a_source_are_not_absent() -> None:
    assert {(path, name) for path, name, kind in OPTIONAL if kind.refuses_null} == REFUSED_NULL
    assert {(path, name) for path, name, kind in OPTIONAL if kind.nullable} == MEANINGFUL_NULL


@pytest.mark.parametrize("path", ENDPOINTS)
def test_an_optional_field_that_is_null_counts_as_absent(sim: Sim, path: str) -> None:
    fields = OTHER_REQUESTS.get(path, {})
    of_item = ENDPOINTS[path].table.get("access_token", Kind()).required

    def answer(more: Json) -> Any:
        item = {"access_token": sim.link(products=["transactions", "investments"]).access_token} if of_item else {}
        body = sim.post(path, {**more, **fields, **item}).json()
        return body.get("error_code"), body.get("error_message")

    expected = answer({})
    names = [name for one, name, _ in OPTIONAL if one == path and (one, name) not in REFUSED_NULL | MEANINGFUL_NULL]
    nulls: Json = {name: None for name in names if "." not in name and name not in fields}
    assert answer(nulls) == expected
    for name in names:
        outer, _, inner = name.partition(".")
        if inner and "." not in inner and outer not in fields and isinstance(ENDPOINTS[path].table[outer], Fields):
            table = ENDPOINTS[path].table[outer]
            assert isinstance(table, Fields)
            if not any(kind.required for kind in table.table.values()):
                assert answer({outer: {inner: None}}) == expected, name


def test_a_null_that_removes_the_webhook_removes_it(sim: Sim) -> None:
    item = sim.link(webhook="http://127.0.0.1:9/w")
    assert item.call("/item/webhook/update")["item"]["webhook"] == "http://127.0.0.1:9/w"
    assert item.call("/item/webhook/update", webhook=None)["item"]["webhook"] is None


def test_credentials_that_are_null_in_the_body_are_read_from_the_headers(sim: Sim) -> None:
    token = sim.link().access_token
    assert sim.post("/item/get", {"access_token": token, "client_id": None, "secret": None}, KEYS).status_code == 200


@pytest.mark.parametrize(
    "user_id",
    [
        "1764418963.123",
        "1764418963123",
        "2025550165",
        "2026-11-29 21:45:00.123456789 +0000 UTC m=+0.012345678",
        "uniqueId7",
        "123-fake-user-id",
        "ada@home",
        "5",
        "u" * 200,
    ],
)
def test_any_own_user_id_is_accepted(sim: Sim, user_id: str) -> None:
    assert sim.call("/link/token/create", **{**LINK, "user": {"client_user_id": user_id}})["link_token"]


@pytest.mark.parametrize(
    "user_id", ["ada@example.com", "+14155550123", "+1 415 555 0123", "(415) 555-0123", "415-555-0123"]
)
def test_an_obvious_address_or_phone_number_is_no_user_id(sim: Sim, user_id: str) -> None:
    assert refused(sim, "/link/token/create", **{**LINK, "user": {"client_user_id": user_id}}).code == "INVALID_FIELD"


@pytest.mark.parametrize(
    "user",
    [
        {"phone_number": "+1 415 555 0123", "phone_number_verified_time": "2020-01-01T00:00:00Z"},
        {"phone_number": "2025550165", "ssn": "123-22-1234"},
        {"phone_number": "+14155550123", "email_address": "ada@example.com", "legal_name": "Ada Example"},
        {"email_address_verified_time": "2026-11-29T21:45:00.123456789Z"},
        {"email_address_verified_time": "2026-11-29T21:45:00+01:00", "date_of_birth": None},
    ],
)
def test_personal_data_of_a_link_token_is_accepted_as_plaids_clients_send_it(sim: Sim, user: Json) -> None:
    assert sim.call("/link/token/create", **{**LINK, "user": {"client_user_id": "u", **user}})["link_token"]


@pytest.mark.parametrize("institution_id", ["ins_109508", "ins_109511", "ins_1", "ins_127287"])
@pytest.mark.parametrize(
    "products",
    [
        ["investments_auth"],
        ["assets"],
        ["statements"],
        ["identity_match"],
        ["transactions", "auth", "assets", "investments", "statements"],
    ],
)
def test_products_of_the_sandbox_are_accepted_at_its_banks(sim: Sim, institution_id: str, products: list[str]) -> None:
    item = sim.link(institution_id=institution_id, products=products)
    assert item.call("/item/get")["item"]["products"] == products


def test_update_mode_accepts_an_empty_list_of_products(sim: Sim) -> None:
    item = sim.link()
    assert item.call("/link/token/create", **{**LINK, "products": []})["link_token"]


def test_a_public_token_for_an_existing_item_keeps_its_access_token(sim: Sim) -> None:
    item = sim.link()
    made = item.call("/item/public_token/create")
    assert made["expiration"] > sim.look("/clock")["now"]
    done = sim.call("/item/public_token/exchange", public_token=made["public_token"])
    assert (done["item_id"], done["access_token"]) == (item.item_id, item.access_token)


@pytest.mark.parametrize("path", ["/liabilities/get", "/investments/holdings/get", "/auth/get"])
def test_accounts_without_the_product_are_answered_with_empty_data(sim: Sim, path: str) -> None:
    item = sim.link(products=["transactions", "liabilities", "investments", "auth"])
    accounts = item.call("/accounts/get")["accounts"]
    wanted = next(account["account_id"] for account in accounts if account["subtype"] == "cd")
    answer = item.call(path, options={"account_ids": [wanted]})
    assert [account["account_id"] for account in answer["accounts"]] == [wanted]
    lists: Json = answer.get("liabilities") or answer.get("numbers") or {}
    assert not any(lists.values())
    assert answer.get("holdings", []) == []


def test_investment_transactions_of_an_account_without_investments_are_empty(sim: Sim) -> None:
    item = sim.link(products=["investments"])
    checking = item.call("/accounts/get")["accounts"][0]["account_id"]
    answer = item.call(
        "/investments/transactions/get",
        start_date=str(TODAY - timedelta(days=700)),
        end_date=str(TODAY),
        options={"account_ids": [checking]},
    )
    assert (answer["investment_transactions"], answer["total_investment_transactions"]) == ([], 0)


FIRST_CALLS: dict[str, Json] = {
    "/liabilities/get": {},
    "/investments/holdings/get": {},
    "/investments/transactions/get": OTHER_REQUESTS["/investments/transactions/get"],
    "/transactions/recurring/get": {},
    "/transactions/refresh": {},
    "/auth/get": {},
    "/identity/get": {},
    "/identity/match": {},
    "/identity/refresh": {},
    "/investments/refresh": {},
    "/investments/auth/get": {},
    "/statements/list": {},
    "/statements/refresh": OTHER_REQUESTS["/statements/refresh"],
}
DELAYED = {
    "/liabilities/get": "liabilities",
    "/investments/holdings/get": "investments",
    "/investments/transactions/get": "investments_transactions",
    "/transactions/recurring/get": "recurring_transactions",
    "/transactions/refresh": "transactions_refresh",
    "/auth/get": "auth",
    "/identity/get": "identity",
    "/identity/match": "identity_match",
    "/identity/refresh": "identity_refresh",
    "/investments/refresh": "investments_refresh",
    "/investments/auth/get": "investments_auth",
    "/statements/list": "statements",
    "/statements/refresh": "statements_refresh",
}


@pytest.fixture
def delays(sim: Sim) -> Iterator[Sim]:
    yield sim
    sim.control("/settings", product_delays={})


@pytest.mark.parametrize("path", FIRST_CALLS)
def test_the_first_call_of_a_product_on_a_new_item_answers_at_once(sim: Sim, path: str) -> None:
    assert sim.link(ready=False, days=365).call(path, **FIRST_CALLS[path])["request_id"]


def test_recurring_streams_of_a_new_item_are_there_at_once(sim: Sim) -> None:
    assert sim.link(ready=False, days=365).call("/transactions/recurring/get")["outflow_streams"]


@pytest.mark.parametrize("path", FIRST_CALLS)
def test_a_product_is_not_ready_for_as_long_as_the_settings_say(delays: Sim, path: str) -> None:
    delays.control("/settings", product_delays={DELAYED[path]: 60})
    item = delays.link(ready=False)

    def code() -> Any:
        return item.sim.post(path, {"access_token": item.access_token, **FIRST_CALLS[path]}).json().get("error_code")

    assert code() == "PRODUCT_NOT_READY"
    delays.advance(59)
    assert code() == "PRODUCT_NOT_READY"
    delays.advance(2)
    assert code() is None


def test_unknown_products_have_no_delay(delays: Sim) -> None:
    for wrong in ({"gold": 1}, {"transactions": 1}):
        answer = delays.http.post(f"{delays.url}/_sim/settings", json={"product_delays": wrong})
        assert answer.status_code == 400


def test_a_link_item_that_was_synced_with_a_null_cursor_gives_all_its_rows(sim: Sim) -> None:
    item: Linked = sim.generated(250)
    cursor, rows, more = None, [], True
    while more:
        page = item.call("/transactions/sync", cursor=cursor, count=100)
        rows += page["added"]
        cursor, more = page["next_cursor"], page["has_more"]
    assert len(rows) == 250
