"""Plaid's answers to malformed requests, and to credentials."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from emulators.plaid.endpoints import HANDLERS
from emulators.plaid.fields import ENDPOINTS
from emulators.plaid.wire import words

from .harness import BANK, KEYS, Linked, Refused, Sim

Json = dict[str, Any]
ERROR_KEYS = {
    "display_message",
    "documentation_url",
    "error_code",
    "error_message",
    "error_type",
    "request_id",
    "suggested_action",
}
LINK: Json = {
    "client_name": "An app",
    "language": "en",
    "country_codes": ["US"],
    "user": {"client_user_id": "user-1"},
    "products": ["transactions"],
}


def refused(sim: Sim, path: str, **fields: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        sim.call(path, **fields)
    return caught.value


@pytest.fixture
def item(sim: Sim) -> Linked:
    return sim.link("user_transactions_dynamic", "any")


def test_every_endpoint_of_the_field_table_exists(sim: Sim) -> None:
    assert set(HANDLERS) == set(ENDPOINTS)
    for path in ENDPOINTS:
        answer = sim.post(path, {})
        assert answer.status_code in {200, 400}, path


def test_an_error_has_seven_keys_and_a_request_id_of_fifteen_characters(sim: Sim) -> None:
    body = refused(sim, "/item/get", access_token="nonsense").body
    assert set(body) == ERROR_KEYS
    assert re.fullmatch("[0-9a-f]{15}", body["request_id"])
    assert body["documentation_url"].endswith("#invalid-input-errors")


def test_answers_are_json_and_have_a_request_id(sim: Sim, item: Linked) -> None:
    answer = sim.post("/item/get", {"access_token": item.access_token})
    assert answer.headers["content-type"].startswith("application/json")
    assert re.fullmatch("[0-9a-f]{15}", answer.json()["request_id"])


@pytest.mark.parametrize("path", ["/", "/nothing", "/item/get/", "/Item/get", "/_simulated"])
def test_an_unknown_path_is_not_found(sim: Sim, path: str) -> None:
    answer = sim.post(path, {})
    assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND")
    assert set(answer.json()) == ERROR_KEYS


def test_only_post_is_known(sim: Sim) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = sim.http.request(method, sim.url + "/item/get", headers=KEYS)
        assert (answer.status_code, answer.json()["error_code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"text"', b"nul", b'{"access_token": NaN}', b"\xff\xfe", b"[" * 100_000]
)
def test_a_body_that_is_no_json_object_is_refused(sim: Sim, body: bytes) -> None:
    answer = sim.post("/item/get", body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_BODY")


def test_the_content_type_matters(sim: Sim, item: Linked) -> None:
    body = json.dumps({"access_token": item.access_token}).encode()
    for headers, code in (({}, "INVALID_HEADERS"), ({"Content-Type": "text/plain"}, "INVALID_BODY")):
        answer = sim.http.post(sim.url + "/item/get", content=body, headers={**KEYS, **headers})
        assert answer.json()["error_code"] == code
    assert sim.post("/item/get", body, {"Content-Type": "application/json; charset=utf-8"}).status_code == 200


def test_credentials_may_be_in_the_headers_or_in_the_body(sim: Sim, item: Linked) -> None:
    body = {"access_token": item.access_token}
    headers = {"Content-Type": "application/json"}
    with_keys = {**body, "client_id": "any", "secret": "thing"}
    assert sim.http.post(sim.url + "/item/get", json=with_keys, headers=headers).status_code == 200
    answer = sim.http.post(sim.url + "/item/get", json=body, headers=headers).json()
    assert answer["error_code"] == "MISSING_FIELDS"
    assert "client_id, secret" in answer["error_message"]


def test_empty_credentials_are_refused(sim: Sim, item: Linked) -> None:
    for empty in ("", " "):
        answer = sim.post("/item/get", {"access_token": item.access_token, "secret": empty}).json()
        assert answer["error_code"] == "INVALID_FIELD"


def test_with_keys_set_others_are_refused(sim: Sim, item: Linked) -> None:
    sim.control("/settings", client_id="a-client", secret="right")
    try:
        assert refused(sim, "/item/get", access_token=item.access_token).code == "INVALID_API_KEYS"
        headers = {"PLAID-SECRET": "right"}
        assert sim.post("/item/get", {"access_token": item.access_token}, headers).status_code == 200
    finally:
        sim.control("/settings", client_id=None, secret=None)


@pytest.mark.parametrize(
    ("path", "fields", "named"),
    [
        ("/item/get", {}, "access_token"),
        ("/link/token/create", {}, "client_name, language, country_codes"),
        ("/link/token/create", {**LINK, "user": {}}, "user.client_user_id"),
        ("/link/token/create", {key: value for key, value in LINK.items() if key != "user"}, "user.client_user_id"),
        ("/link/token/create", {key: value for key, value in LINK.items() if key != "products"}, "products"),
        ("/sandbox/public_token/create", {"institution_id": BANK}, "initial_products"),
        ("/investments/transactions/get", {"access_token": "x"}, "start_date, end_date"),
        (
            "/sandbox/transactions/create",
            {"access_token": "x", "transactions": [{"amount": 1}]},
            "transactions[0].date_transacted",
        ),
    ],
)
def test_missing_fields_are_named(sim: Sim, path: str, fields: Json, named: str) -> None:
    error = refused(sim, path, **fields)
    assert error.code == "MISSING_FIELDS"
    assert named in error.body["error_message"]


@pytest.mark.parametrize(
    ("path", "fields", "named"),
    [
        ("/item/get", {"access_token": "x", "colour": "red", "size": 1}, "colour, size"),
        ("/transactions/sync", {"access_token": "x", "options": {"colour": "red"}}, "options.colour"),
        ("/link/token/create", {**LINK, "user": {"client_user_id": "u", "age": 3}}, "user.age"),
    ],
)
def test_unknown_fields_are_named(sim: Sim, path: str, fields: Json, named: str) -> None:
    error = refused(sim, path, **fields)
    assert error.code == "UNKNOWN_FIELDS"
    assert named in error.body["error_message"]


@pytest.mark.parametrize(
    ("path", "change", "code"),
    [
        ("/link/token/create", {"client_name": ""}, "INVALID_FIELD"),
        ("/link/token/create", {"client_name": 5}, "INVALID_FIELD"),
        ("/link/token/create", {"language": "klingon"}, "INVALID_FIELD"),
        ("/link/token/create", {"country_codes": []}, "INVALID_FIELD"),
        ("/link/token/create", {"country_codes": ["us"]}, "INVALID_FIELD"),
        ("/link/token/create", {"country_codes": "US"}, "INVALID_FIELD"),
        ("/link/token/create", {"products": ["balance"]}, "INVALID_PRODUCT"),
        ("/link/token/create", {"products": ["recurring_transactions"]}, "INVALID_PRODUCT"),
        ("/link/token/create", {"products": ["gold"]}, "INVALID_PRODUCT"),
        ("/link/token/create", {"products": [5]}, "INVALID_FIELD"),
        ("/link/token/create", {"additional_consented_products": ["transactions_refresh"]}, "INVALID_PRODUCT"),
        ("/link/token/create", {"additional_consented_products": ["transactions"]}, "INVALID_FIELD"),
        ("/link/token/create", {"user": {"client_user_id": "u", "phone_number": "12"}}, "INVALID_FIELD"),
        ("/link/token/create", {"webhook": "not a url"}, "INVALID_FIELD"),
        ("/link/token/create", {"client_name": None}, "MISSING_FIELDS"),
        ("/link/token/create", {"user": {"client_user_id": None}}, "MISSING_FIELDS"),
        ("/link/token/create", {"redirect_uri": "http://127.0.0.1/x?y=1"}, "INVALID_FIELD"),
        ("/link/token/create", {"redirect_uri": "http://h/x", "android_package_name": "p"}, "INVALID_FIELD"),
        ("/link/token/create", {"transactions": {"days_requested": 731}}, "INVALID_FIELD"),
        ("/link/token/create", {"user_id": "some-user"}, "INVALID_USER_ID"),
        ("/link/token/create", {"institution_id": BANK}, "INVALID_INSTITUTION"),
        ("/link/token/create", {"access_token": "nonsense"}, "INVALID_ACCESS_TOKEN"),
    ],
)
def test_invalid_fields_of_a_link_token_are_refused(sim: Sim, path: str, change: Json, code: str) -> None:
    assert refused(sim, path, **{**LINK, **change}).code == code


@pytest.mark.parametrize(
    ("path", "fields", "code"),
    [
        ("/transactions/sync", {"options": None}, "INVALID_FIELD"),
        ("/accounts/get", {"options": {"account_ids": []}}, "INVALID_FIELD"),
        ("/accounts/get", {"options": {"account_ids": "one"}}, "INVALID_FIELD"),
        ("/accounts/get", {"options": {"account_ids": [None]}}, "INVALID_FIELD"),
        ("/accounts/get", {"options": {"account_ids": ["unknown"]}}, "INVALID_ACCOUNT_ID"),
        ("/item/webhook/update", {"webhook": "ftp://h/x"}, "INVALID_FIELD"),
        ("/item/remove", {"reason_code": "BORED"}, "INVALID_FIELD"),
        ("/item/remove", {"reason_note": "x" * 513}, "INVALID_FIELD"),
        ("/investments/transactions/get", {"start_date": "2026-1-1", "end_date": "2026-01-02"}, "INVALID_FIELD"),
        ("/investments/transactions/get", {"start_date": "2026-02-01", "end_date": "2026-01-02"}, "INVALID_FIELD"),
        ("/sandbox/transactions/create", {"transactions": []}, "INVALID_FIELD"),
        ("/sandbox/item/fire_webhook", {"webhook_code": "PENDING_EXPIRATION"}, "INVALID_FIELD"),
    ],
)
def test_invalid_fields_of_an_item_call_are_refused(item: Linked, path: str, fields: Json, code: str) -> None:
    with pytest.raises(Refused) as caught:
        item.call(path, **fields)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"institution_id": "ins_0"}, "INVALID_INSTITUTION"),
        ({"initial_products": []}, "INVALID_FIELD"),
        ({"initial_products": ["balance"]}, "INVALID_PRODUCT"),
        ({"institution_id": "ins_117650", "initial_products": ["liabilities"]}, "PRODUCTS_NOT_SUPPORTED"),
        ({"institution_id": "ins_133402"}, "ITEM_NOT_SUPPORTED"),
        ({"options": None}, "INVALID_FIELD"),
        ({"initial_products": ["gold"]}, "INVALID_PRODUCT"),
        ({"options": {"override_password": "wrong"}}, "INVALID_CREDENTIALS"),
        ({"options": {"override_username": "unknown"}}, "INVALID_CREDENTIALS"),
        ({"options": {"override_username": "user_custom", "override_password": "no json"}}, "INVALID_CREDENTIALS"),
        ({"options": {"override_username": "user_generated", "override_password": "{}"}}, "INVALID_CREDENTIALS"),
        (
            {"options": {"override_username": "user_generated", "override_password": '{"transactions": 100001}'}},
            "INVALID_CREDENTIALS",
        ),
        ({"options": {"override_password": "error_ITEM_LOCKED"}}, "ITEM_LOCKED"),
        ({"options": {"override_password": "error_INSTITUTION_DOWN"}}, "INSTITUTION_DOWN"),
        (
            {"options": {"override_username": "user_custom", "override_password": '{"force_error": "NO_ACCOUNTS"}'}},
            "NO_ACCOUNTS",
        ),
    ],
)
def test_sandbox_logins_that_fail(sim: Sim, fields: Json, code: str) -> None:
    base = {"institution_id": BANK, "initial_products": ["transactions"]}
    assert refused(sim, "/sandbox/public_token/create", **{**base, **fields}).code == code


def test_institutions_are_found_by_id_and_by_words(sim: Sim) -> None:
    assert (
        refused(sim, "/institutions/get_by_id", institution_id="ins_0", country_codes=["US"]).code
        == "INVALID_INSTITUTION"
    )
    found = sim.call("/institutions/search", query="first platy", country_codes=["US"])["institutions"]
    assert BANK in [institution["institution_id"] for institution in found]
    assert refused(sim, "/institutions/search", query="", country_codes=["US"]).code == "INVALID_FIELD"
    assert refused(sim, "/institutions/search", query="x", country_codes=["US"], products=[]).code == "INVALID_FIELD"


def test_institutions_are_paged(sim: Sim) -> None:
    everything = sim.call("/institutions/get", count=500, offset=0, country_codes=["US", "GB", "CA"])
    total, ids = everything["total"], [bank["institution_id"] for bank in everything["institutions"]]
    paged = [
        bank["institution_id"]
        for offset in range(0, total, 7)
        for bank in sim.call("/institutions/get", count=7, offset=offset, country_codes=["US", "GB", "CA"])[
            "institutions"
        ]
    ]
    assert paged == ids


def test_institutions_are_filtered_by_country_oauth_product_and_routing_number(sim: Sim) -> None:
    def found(countries: list[str], **options: Any) -> list[str]:
        answer = sim.call("/institutions/get", count=500, offset=0, country_codes=countries, options=options)
        return [bank["institution_id"] for bank in answer["institutions"]]

    assert found(["CA"]) == ["ins_43"]
    assert BANK not in found(["GB"])
    assert "ins_127287" in found(["US"], oauth=True)
    assert BANK not in found(["US"], oauth=True)
    assert "ins_117650" not in found(["GB"], products=["liabilities"])
    assert found(["US"], routing_numbers=["021000021"]) == [BANK]
    wrong = refused(sim, "/institutions/get_by_id", institution_id=BANK, country_codes=["GB"])
    assert wrong.code == "INVALID_INSTITUTION"


def test_optional_metadata_of_an_institution_is_a_colour_an_address_and_a_png(sim: Sim) -> None:
    plain = sim.call("/institutions/get_by_id", institution_id=BANK, country_codes=["US"])["institution"]
    assert not {"logo", "url", "primary_color", "status"} & set(plain)
    options = {"include_optional_metadata": True}
    full = sim.call("/institutions/get_by_id", institution_id=BANK, country_codes=["US"], options=options)[
        "institution"
    ]
    assert re.fullmatch("#[0-9a-f]{6}", full["primary_color"])
    assert full["logo"].startswith("iVBORw0KGgo")


@pytest.mark.parametrize(
    "institution_id",
    words(
        "ins_109508 ins_109509 ins_109510 ins_109511 ins_109512 ins_130016 ins_43 ins_116834 ins_117181 ins_117650 "
        "ins_127287 ins_132241 ins_135858 ins_132363 ins_132361 ins_133402"
    ),
)
def test_the_sandboxes_institutions_exist(sim: Sim, institution_id: str) -> None:
    countries = ["US", "CA", "GB"]
    answer = sim.call("/institutions/get_by_id", institution_id=institution_id, country_codes=countries)
    assert answer["institution"]["name"]
