"""Refused calls, as curl would see them: the contract's format, the right status, and no partial effect.

One case of each kind runs over the wire here; tests/functions/test_refusals.py covers all cases on each function.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest

import main
from emulators.client import User, sign_up
from emulators.ports import PROJECT
from tests.e2e.bank import Bank
from tests.refusals import BAD_CREDENTIALS, EVERY_METHOD, POSTS, ROUTES, UNKNOWN_TOKEN, WEBHOOK, Route, of, refused

NewUser = Callable[[], User]


def request(bank: Bank, route: Route, user: User | None, **content: Any) -> httpx.Response:
    if route.fields is not None and not content.keys() & {"json", "content", "data"}:
        content["json"] = route.fields
    return bank.rest(route.method, route.path, user, **content)


@pytest.fixture(scope="module")
def ann(bank: Bank) -> Iterator[User]:
    """A signed-in user whose calls are all refused: they leave no data except exchanges that may be retried."""
    user = sign_up(bank.http, bank.stack.ports)
    yield user
    assert bank.traces(user) == {}
    assert not [intent for intent in bank.open_intents(user) if intent["access_token"]]


# -- authentication --


@pytest.mark.parametrize("header", [pytest.param(header, id=name) for name, header in BAD_CREDENTIALS.items()])
def test_unauthenticated_caller_is_refused(bank: Bank, header: str | None) -> None:
    """The Auth emulator does not check signatures, so these tokens are refused for their claims."""
    headers = {} if header is None else {"Authorization": header}
    route = ROUTES[0]
    refused(request(bank, route, None, headers=headers), "UNAUTHENTICATED")
    called = bank.http.post(bank.function_url(route.function), json={"data": route.data}, headers=headers)
    refused(called, "UNAUTHENTICATED")


@of(ROUTES)
def test_unauthenticated_caller_reaches_no_function(bank: Bank, route: Route) -> None:
    for headers in ({}, {"Authorization": "Bearer junk"}):
        refused(request(bank, route, None, headers=headers), "UNAUTHENTICATED")
        called = bank.http.post(bank.function_url(route.function), json={"data": route.data}, headers=headers)
        refused(called, "UNAUTHENTICATED")


def administer(bank: Bank, action: str, **changes: object) -> None:
    url = f"{bank.stack.ports.url('auth')}/identitytoolkit.googleapis.com/v1/projects/{PROJECT}/accounts:{action}"
    bank.http.post(url, json=changes, headers={"Authorization": "Bearer owner"}).raise_for_status()


@pytest.mark.parametrize(
    ("action", "changes", "code"),
    [
        pytest.param("update", {"validSince": 600}, "id_token_revoked", id="revoked"),
        pytest.param("update", {"disableUser": True}, "user_disabled", id="disabled"),
        pytest.param("delete", {}, None, id="deleted"),
    ],
)
def test_disabled_or_signed_out_user_is_refused_by_every_function(
    bank: Bank, user: User, action: str, changes: dict[str, object], code: str | None
) -> None:
    assert bank.rest("GET", "connect", user).status_code == 200
    if "validSince" in changes:  # that many seconds from now, in Auth's own format
        changes = {"validSince": str(int(time.time()) + 600)}
    administer(bank, action, localId=user.uid, **changes)
    for route in ROUTES:
        if route.function in main.FUNCTIONS:
            error = refused(request(bank, route, user), "UNAUTHENTICATED")
            assert code is None or error["details"]["code"] == code
            refused(bank.call(route.function, route.data, user), "UNAUTHENTICATED")
    refused(bank.exchange(user, bank.public_token(webhook=False)), "UNAUTHENTICATED")
    assert bank.traces(user) == {}


def test_user_id_is_never_read_from_the_body(bank: Bank, ann: User, user: User) -> None:
    for claim in ("app_user_id", "uid", "user_id"):
        refused(bank.exchange(ann, UNKNOWN_TOKEN, **{claim: user.uid}), "INVALID_ARGUMENT")


# -- request format --


@of([*ROUTES, WEBHOOK])
def test_a_wrong_method_is_refused_and_does_nothing(bank: Bank, ann: User, route: Route) -> None:
    # Paths that two functions share by method are routed to the right function.
    right = {r.method for r in (*ROUTES, WEBHOOK) if r.path == route.path}
    for method in EVERY_METHOD:
        if method not in right:
            error = refused(bank.rest(method, route.path, ann, json=route.fields), "INVALID_ARGUMENT", 405)
            assert error["details"]["code"] == "method_not_allowed"
    head = bank.rest("HEAD", route.path, ann)
    assert head.status_code == 405
    assert head.text == ""


@of(ROUTES)
def test_a_wrong_method_of_the_callable_protocol_is_refused(bank: Bank, ann: User, route: Route) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = bank.http.request(method, bank.function_url(route.function), headers=ann.headers)
        refused(answer, "INVALID_ARGUMENT")


@of(POSTS)
def test_a_body_that_is_no_json_object_is_refused(bank: Bank, ann: User, route: Route) -> None:
    for content_type, body in (
        ("text/plain", '{"public_token": "x"}'),
        ("application/json", "{"),
        ("application/json", "[]"),
    ):
        answer = request(bank, route, ann, content=body, headers={"Content-Type": content_type})
        refused(answer, "INVALID_ARGUMENT")


@of(POSTS)
@pytest.mark.parametrize("size", [300_000, 3_000_000])
def test_a_huge_body_is_refused(bank: Bank, ann: User, route: Route, size: int) -> None:
    refused(request(bank, route, ann, json={"public_token": "x" * size}), "INVALID_ARGUMENT")


@of(ROUTES)
def test_unknown_fields_are_refused(bank: Bank, ann: User, route: Route) -> None:
    extra = {"colour": "red"}
    if route.method == "POST":
        refused(request(bank, route, ann, json={**(route.fields or {}), **extra}), "INVALID_ARGUMENT")
        refused(request(bank, route, ann, params=extra), "INVALID_ARGUMENT")
    else:
        refused(request(bank, route, ann, params=extra), "INVALID_ARGUMENT")
    refused(bank.call(route.function, {**route.data, **extra}, ann), "INVALID_ARGUMENT")


def test_a_malformed_exchange_is_refused_before_any_call_to_plaid(bank: Bank, ann: User) -> None:
    body = {"items": [{"public_token": UNKNOWN_TOKEN}, {}]}
    with no_call_to_plaid(bank):
        refused(bank.rest("POST", "set_access_token", ann, json=body), "INVALID_ARGUMENT", 400)
        refused(bank.call("exchange_public_token", body, ann), "INVALID_ARGUMENT", 400)


@contextmanager
def no_call_to_plaid(bank: Bank) -> Iterator[None]:
    def exchanges() -> object:
        calls = bank.control("GET", "counters")["endpoints"]
        return calls.get("/item/public_token/exchange"), calls.get("/link/token/create")

    before = exchanges()
    yield
    assert exchanges() == before


@pytest.mark.parametrize("query", [{"language": ["en", "fr"]}, {"redirect_uri": "not an address"}], ids=str)
def test_malformed_link_token_request_is_refused(bank: Bank, ann: User, query: dict[str, Any]) -> None:
    with no_call_to_plaid(bank):
        refused(bank.rest("GET", "connect", ann, params=query), "INVALID_ARGUMENT", 400)


def test_link_option_that_plaid_refuses_is_a_client_error(bank: Bank, ann: User) -> None:
    rule = {"kind": "error", "error_code": "INVALID_FIELD", "endpoint": "/link/token/create", "times": 1}
    bank.control("POST", "faults", **rule)
    error = refused(bank.rest("GET", "connect", ann, params={"language": "de"}), "INVALID_ARGUMENT", 400)
    assert error["details"]["plaid"]["error_code"] == "INVALID_FIELD"


@pytest.mark.parametrize(
    "settings",
    [
        {"language": "en-US", "country_codes": ["XX"]},
        {"language": "tlh"},
        {"language": "", "country_codes": []},
        {"language": 7, "country_codes": "US"},
        {"country_codes": ["us", None]},
    ],
    ids=str,
)
def test_a_users_unusable_settings_count_as_not_set(bank: Bank, user: User, settings: dict[str, Any]) -> None:
    bank.backend.seed({f"users/{user.uid}": settings})
    assert bank.rest("GET", "connect", user).status_code == 200


def test_the_callable_protocol_converts_nothing(bank: Bank, ann: User) -> None:
    refused(bank.call("create_link_token", {"account_selection": "true"}, ann), "INVALID_ARGUMENT", 400)


@pytest.mark.parametrize("connection_id", ["nothing", "x" * 129, "..", "a%2Fb", "%00", "ÅÄÖ", "__all__", " "])
def test_missing_connection_is_not_found(bank: Bank, ann: User, connection_id: str) -> None:
    answer = bank.rest("POST", f"connections/{connection_id}/sync", ann)
    refused(answer, "INVALID_ARGUMENT" if len(connection_id) > 128 else "NOT_FOUND")
    called = bank.call("sync_connection", {"connection_id": connection_id}, ann)
    refused(called, "INVALID_ARGUMENT" if len(connection_id) > 128 else "NOT_FOUND")


def test_path_of_a_connection_accepts_only_delete(bank: Bank, ann: User) -> None:
    refused(bank.rest("POST", "connections/./sync", ann), "INVALID_ARGUMENT", 405)  # which is connections/sync


@pytest.mark.parametrize("connection_id", ["a/b", "a/b/c", "//", "/"])
def test_a_connection_id_that_is_a_path_is_not_found(bank: Bank, ann: User, connection_id: str) -> None:
    answer = bank.call("sync_connection", {"connection_id": connection_id}, ann)
    assert refused(answer, answer.json()["error"]["status"])["status"] in {"NOT_FOUND", "INVALID_ARGUMENT"}


@pytest.mark.parametrize(
    ("path", "method"),
    [
        (path, method)
        for path in (
            "",
            "v1",
            "v1/bank",
            "v1/bank/nothing",
            "v1/bank/connect/more",
            "v2/bank/connect",
            "v1/bank/CONNECT",
        )
        for method in ("GET", "POST")
    ]
    + [("v1/bank/nothing", "DELETE"), ("v1/bank/connections", "GET"), ("v1/bank/connections//sync", "POST")],
)
def test_an_unrouted_path_is_not_found_and_never_the_web_page(bank: Bank, ann: User, path: str, method: str) -> None:
    url = f"{bank.stack.ports.url('hosting')}/api/{path}"
    for headers in ({}, ann.headers):
        answer = bank.http.request(method, url, headers=headers)
        if answer.status_code == 301:  # as Hosting itself handles doubled and trailing slashes
            answer = bank.http.request(method, url, headers=headers, follow_redirects=True)
        assert refused(answer, "NOT_FOUND", 404)["details"]["code"] == "path_not_found"


@of(ROUTES)
def test_a_malformed_call_of_the_callable_protocol_is_refused(bank: Bank, ann: User, route: Route) -> None:
    for content in ('{"data": {', "{}", '{"data": []}'):
        headers = {**ann.headers, "Content-Type": "application/json"}
        answer = bank.http.post(bank.function_url(route.function), content=content, headers=headers)
        refused(answer, "INVALID_ARGUMENT", 400)


def test_call_without_data_has_an_empty_input(bank: Bank, ann: User) -> None:
    empty: dict[str, Any] = {}
    for data in (empty, None):
        answer = bank.call("create_link_token", data, ann)
        assert answer.status_code == 200
        assert set(answer.json()) == {"result"}
        assert set(answer.json()["result"]) == {"link_token", "expiration", "mode"}


# -- Plaid's answers --


@pytest.mark.parametrize(
    "public_token", [UNKNOWN_TOKEN, "public-production-00000000-0000-4000-8000-000000000000", "junk", "ÅÄÖ 🎂", "../x"]
)
def test_unknown_public_token_is_refused_and_leaves_no_data(bank: Bank, ann: User, public_token: str) -> None:
    for answer in (
        bank.exchange(ann, public_token),
        bank.exchange(ann, public_token),
        bank.call("exchange_public_token", {"public_token": public_token}, ann),
    ):
        error = refused(answer, "INVALID_ARGUMENT", 400)
        assert error["details"]["code"] == "public_token_invalid"
        can_be_one = public_token.isascii() and "/" not in public_token
        assert ("plaid" in error["details"]) is can_be_one  # other texts are refused without a call to Plaid
        if can_be_one:
            assert error["details"]["plaid"]["error_code"] == "INVALID_PUBLIC_TOKEN"
            assert len(error["details"]["plaid"]["request_id"]) == 15
        assert public_token not in answer.text
    forgotten = hashlib.sha256(public_token.encode()).hexdigest()
    assert bank.admin.get(f"bank_exchange_intents/{forgotten}") is None


@contextmanager
def fault(bank: Bank, **rule: object) -> Iterator[None]:
    bank.control("POST", "faults", times=None, **rule)
    try:
        yield
    finally:
        bank.control("DELETE", "faults")


PLAID_DOWN: dict[str, dict[str, object]] = {
    "an error of its own": {"kind": "error", "error_code": "INTERNAL_SERVER_ERROR"},
    "maintenance": {"kind": "error", "error_code": "PLANNED_MAINTENANCE"},
    "a gateway's page": {"kind": "html_502"},
    "a broken connection": {"kind": "reset"},
    "half an answer": {"kind": "half_body"},
    "too many requests": {"kind": "rate_limit"},
}


@pytest.mark.parametrize("rule", [pytest.param(rule, id=name) for name, rule in PLAID_DOWN.items()])
def test_while_plaid_is_down_calls_are_refused(bank: Bank, ann: User, rule: dict[str, object]) -> None:
    public_token = bank.public_token(webhook=False)
    with fault(bank, **rule):
        for answer in (
            bank.rest("GET", "connect", ann),
            bank.call("create_link_token", {}, ann),
            bank.exchange(ann, public_token),
            bank.call("exchange_public_token", {"public_token": public_token}, ann),
        ):
            refused(answer, "UNAVAILABLE", 503)


def test_token_refused_during_a_plaid_outage_works_after_it(bank: Bank, user: User) -> None:
    public_token = bank.public_token(webhook=False)
    with fault(bank, kind="error", error_code="PLANNED_MAINTENANCE"):
        refused(bank.exchange(user, public_token), "UNAVAILABLE", 503)
        refused(bank.exchange(user, public_token), "UNAVAILABLE", 503)
    assert bank.exchange(user, public_token).status_code == 201
    assert bank.open_intents(user) == []


def test_an_item_that_plaid_does_not_describe_is_exchanged_and_its_accounts_come_later(bank: Bank, user: User) -> None:
    with (
        fault(bank, kind="error", endpoint="/institutions/get_by_id"),
        fault(bank, kind="error", endpoint="/accounts/get"),
        fault(bank, kind="error", endpoint="/item/get"),
    ):
        answer = bank.exchange(user, bank.public_token())
        assert answer.status_code == 201
        made = answer.json()
        assert made["account_ids"] == []
        assert made["institution_name"] is None
        connection_id = made["connection_id"]
        bank.wait_until_synced(user, connection_id)
    # Of its own accord, the scheduler would come back in a minute: tests/usecases/sync/test_accounts_unread.py.
    bank.rest("POST", f"connections/{connection_id}/sync", user, json={}).raise_for_status()
    bank.wait_until_equal(user, connection_id)


def test_webhook_without_a_valid_signature_is_refused(bank: Bank) -> None:
    for content in ({}, {"json": {"webhook_type": "ITEM", "webhook_code": "ERROR"}}):
        refused(bank.rest("POST", "webhook", None, **content), "UNAUTHENTICATED", 401)


# -- other origins, and harmless requests --


@of(ROUTES)
def test_a_browser_app_of_another_origin_may_call(bank: Bank, ann: User, route: Route) -> None:
    origin = {"Origin": "https://app.example.com"}
    asked = {
        **origin,
        "Access-Control-Request-Method": route.method,
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    rest = f"{bank.stack.ports.url('hosting')}/api/v1/bank/{route.path}"
    for url, method in ((rest, route.method), (bank.function_url(route.function), "POST")):
        preflight = bank.http.options(url, headers=asked)
        assert preflight.status_code in {200, 204}
        assert preflight.headers["Access-Control-Allow-Origin"] in {"*", origin["Origin"]}
        assert method in preflight.headers["Access-Control-Allow-Methods"]
        allowed = preflight.headers["Access-Control-Allow-Headers"].lower()
        assert "authorization" in allowed
        assert "content-type" in allowed
        assert preflight.text == ""
        for headers in ({}, ann.headers):  # browsers must be able to read a refusal, too
            answer = bank.http.request(method, url, headers={**origin, **headers}, json={})
            assert answer.headers["Access-Control-Allow-Origin"] in {"*", origin["Origin"]}


def test_browser_app_of_another_origin_can_read_a_not_found_answer(bank: Bank, ann: User) -> None:
    url = f"{bank.stack.ports.url('hosting')}/api/v1/bank/nothing"
    origin = {"Origin": "https://app.example.com"}
    preflight = bank.http.options(url, headers={**origin, "Access-Control-Request-Method": "DELETE"})
    assert (preflight.status_code, preflight.text) == (204, "")
    for answer in (preflight, bank.http.delete(url, headers={**origin, **ann.headers})):
        assert answer.headers["Access-Control-Allow-Origin"] in {"*", origin["Origin"]}
    refused(answer, "NOT_FOUND", 404)
    refused(bank.http.options(url, headers=origin), "NOT_FOUND", 404)  # no preflight


@of([route for route in ROUTES if route.method == "DELETE"])  # Hosting never forwards the body of a GET
def test_function_without_input_accepts_an_empty_body_and_refuses_any_other(
    bank: Bank, user: User, route: Route
) -> None:
    rest = f"{bank.stack.ports.url('hosting')}/api/v1/bank/{route.path}"
    for content in (b'{"colour": "red"}', b'{"uid": "x"}', b"[]", b"{"):
        answer = bank.http.request(route.method, rest, headers=user.headers, content=content)
        code = refused(answer, "INVALID_ARGUMENT", 400)["details"]["code"]
        assert code in {"invalid_input", "body_not_json", "body_not_an_object"}
    for content in (b"", b"{}"):
        answer = bank.http.request(route.method, rest, headers=user.headers, content=content)
        assert answer.status_code in {202, 404}


@of([*ROUTES, WEBHOOK, replace(WEBHOOK, function="api_not_found")])
def test_a_health_check_is_answered_harmlessly(bank: Bank, route: Route) -> None:
    answer = bank.http.get(f"{bank.function_url(route.function)}/__/health")
    assert answer.status_code == 200
    assert len(answer.text) < 100
