"""Everything that is refused, as curl would see it: the contract's form, the right status, and nothing half-done."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

import main
from emulators.client import User, sign_up
from emulators.ports import PROJECT
from tests.e2e.bank import Bank

UNKNOWN_TOKEN = "public-sandbox-00000000-0000-4000-8000-000000000000"
HTTP_STATUS = {
    "INVALID_ARGUMENT": {400, 405, 413},
    "FAILED_PRECONDITION": {400},
    "UNAUTHENTICATED": {401},
    "PERMISSION_DENIED": {403},
    "NOT_FOUND": {404},
    "ALREADY_EXISTS": {409},
    "RESOURCE_EXHAUSTED": {429},
    "UNAVAILABLE": {503},
}
NewUser = Callable[[], User]


@dataclass(frozen=True)
class Route:
    """A function of the contract, with a call that would be right."""

    function: str
    method: str
    path: str
    fields: dict[str, Any] | None = None

    @property
    def data(self) -> dict[str, Any]:
        """The same for the callable protocol."""
        return self.fields or ({"connection_id": "nothing"} if "nothing" in self.path else {})


ROUTES = [
    Route("create_link_token", "GET", "connect"),
    Route("exchange_public_token", "POST", "set_access_token", {"public_token": UNKNOWN_TOKEN}),
    Route("sync_connection", "POST", "connections/nothing/sync"),
    Route("reconnect_connection", "POST", "connections/nothing/reconnected"),
    Route("remove_connection", "DELETE", "connections/nothing"),
    Route("delete_bank_data", "DELETE", "data"),
]
WEBHOOK = Route("plaid_webhook", "POST", "webhook", {})
EVERY_METHOD = ("GET", "POST", "PUT", "PATCH", "DELETE")


def of(routes: list[Route]) -> pytest.MarkDecorator:
    """One case per route."""
    return pytest.mark.parametrize("route", [pytest.param(route, id=route.function) for route in routes])


def refused(answer: httpx.Response, status: str, http: int | None = None) -> dict[str, Any]:
    """The error of an answer that is in the contract's form, and says nothing it should not."""
    assert answer.headers["Content-Type"] == "application/json", answer.text
    body = answer.json()
    assert set(body) == {"error"}, body
    error: dict[str, Any] = body["error"]
    assert set(error) == {"status", "message", "details"}, error
    assert error["status"] == status, error
    assert answer.status_code in HTTP_STATUS[status], (answer.status_code, error)
    assert http is None or answer.status_code == http
    assert isinstance(error["message"], str)
    assert error["message"]
    assert isinstance(error["details"]["code"], str)
    assert set(error["details"]) <= {"code", "plaid", "display_message", "retry_after_seconds", "connection_id"}
    for secret in ("Traceback", 'File "', "site-packages", "access-sandbox", "public-sandbox", "link-sandbox", "eyJ"):
        assert secret not in answer.text, answer.text
    return error


def request(bank: Bank, route: Route, user: User | None, **content: Any) -> httpx.Response:
    if route.fields is not None and not content.keys() & {"json", "content", "data"}:
        content["json"] = route.fields
    return bank.rest(route.method, route.path, user, **content)


@pytest.fixture(scope="module")
def ann(bank: Bank) -> User:
    """Somebody signed in, for calls that leave nothing."""
    return sign_up(bank.http, bank.stack.ports)


@pytest.fixture(autouse=True)
def _nothing_is_left_behind(bank: Bank, ann: User) -> Iterator[None]:
    """Ann's calls are all refused, so there must be no trace of her; what Plaid did not answer may be tried again."""
    yield
    assert bank.traces(ann) == {}
    assert not [intent for intent in bank.open_intents(ann) if intent["access_token"]]


# -- who calls --


def unsigned(**claims: object) -> str:
    """A token that the Auth emulator would take if its claims were right: it does not look at signatures."""
    now = int(time.time())
    base = {
        "iss": f"https://securetoken.google.com/{PROJECT}",
        "aud": PROJECT,
        "sub": "somebody",
        "user_id": "somebody",
        "iat": now,
        "auth_time": now,
        "exp": now + 3600,
    }
    parts = ({"alg": "none", "typ": "JWT"}, {**base, **claims})
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), ""])


BAD_CREDENTIALS: dict[str, str | None] = {
    "no token": None,
    "an empty header": "",
    "an empty token": "Bearer",
    "a junk token": "Bearer junk",
    "a junk token of three parts": "Bearer a.b.c",
    "a token of another scheme": "Basic dXNlcjpwYXNz",
    "another project's token": "Bearer "
    + unsigned(aud="another-project", iss="https://securetoken.google.com/another-project"),
    "another issuer's token": "Bearer " + unsigned(iss="https://accounts.google.com"),
    "a token of nobody": "Bearer " + unsigned(sub=""),
    "a token of a user that does not exist": "Bearer " + unsigned(),
    "a very long token": "Bearer " + "x" * 6000,
    "the emulator's own word": "Bearer owner",
}


@of(ROUTES)
@pytest.mark.parametrize("header", [pytest.param(header, id=name) for name, header in BAD_CREDENTIALS.items()])
def test_a_caller_who_is_nobody_is_refused(bank: Bank, route: Route, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
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
def test_a_user_who_is_out_is_refused_everywhere(
    bank: Bank, user: User, action: str, changes: dict[str, object], code: str | None
) -> None:
    assert bank.rest("GET", "connect", user).status_code == 200
    if "validSince" in changes:  # so many seconds from now, in Auth's own form
        changes = {"validSince": str(int(time.time()) + 600)}
    administer(bank, action, localId=user.uid, **changes)
    for route in ROUTES:
        if route.function in main.FUNCTIONS:
            error = refused(request(bank, route, user), "UNAUTHENTICATED")
            assert code is None or error["details"]["code"] == code
            refused(bank.call(route.function, route.data, user), "UNAUTHENTICATED")
    refused(bank.exchange(user, bank.public_token(webhook=False)), "UNAUTHENTICATED")
    assert bank.traces(user) == {}


def test_who_calls_is_never_read_from_the_body(bank: Bank, ann: User, user: User) -> None:
    for claim in ("app_user_id", "uid", "user_id"):
        refused(bank.exchange(ann, UNKNOWN_TOKEN, **{claim: user.uid}), "INVALID_ARGUMENT")


# -- how it is called --


@of([*ROUTES, WEBHOOK])
def test_a_wrong_method_is_refused_and_does_nothing(bank: Bank, ann: User, route: Route) -> None:
    # Paths that two functions share by method are held against the right one.
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


@of([route for route in ROUTES if route.method == "POST"])
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", '{"public_token": "x"}'),
        ("application/x-www-form-urlencoded", "public_token=x"),
        ("multipart/form-data; boundary=b", "--b--"),
        ("application/xml", "<public_token/>"),
        ("application/json", "{"),
        ("application/json", '{"public_token": "x"'),
        ("application/json", "{'public_token': 'x'}"),
        ("application/json", "[]"),
        ("application/json", '"text"'),
        ("application/json", "1"),
        ("application/json", "null"),
        ("application/json", b"\xff\xfe\x00"),
        ("application/json", '{"a":' * 20_000),
        ("application/json", "[" * 50_000),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(
    bank: Bank, ann: User, route: Route, content_type: str, body: str | bytes
) -> None:
    answer = request(bank, route, ann, content=body, headers={"Content-Type": content_type})
    refused(answer, "INVALID_ARGUMENT")


@of([route for route in ROUTES if route.method == "POST"])
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


BAD_EXCHANGES: dict[str, object] = {
    "nothing": {},
    "null": {"public_token": None},
    "a number": {"public_token": 1},
    "an object": {"public_token": {"a": 1}},
    "an empty token": {"public_token": ""},
    "a token that is too long": {"public_token": "p" * 513},
    "too many accounts": {"public_token": UNKNOWN_TOKEN, "accounts": [{"mask": "0000"}] * 201},
    "allow_duplicate as a text": {"public_token": UNKNOWN_TOKEN, "allow_duplicate": "yes"},
    "allow_duplicate as a number": {"public_token": UNKNOWN_TOKEN, "allow_duplicate": 1},
    "items that are empty": {"items": []},
    "items that are null": {"items": None},
    "items that are an object": {"items": {"public_token": UNKNOWN_TOKEN}},
    "items beside a token": {"items": [{"public_token": UNKNOWN_TOKEN}], "public_token": UNKNOWN_TOKEN},
    "items beside allow_duplicate": {"items": [{"public_token": UNKNOWN_TOKEN}], "allow_duplicate": False},
    "an item without a token": {"items": [{"public_token": UNKNOWN_TOKEN}, {}]},
    "an item in an item": {"items": [{"items": [{"public_token": UNKNOWN_TOKEN}]}]},
    "an item with more": {"items": [{"public_token": UNKNOWN_TOKEN, "colour": "red"}]},
    "eleven items": {"items": [{"public_token": UNKNOWN_TOKEN}] * 11},
}


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in BAD_EXCHANGES.items()])
def test_a_malformed_exchange_is_refused_before_any_call_to_plaid(bank: Bank, ann: User, body: object) -> None:
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


@pytest.mark.parametrize(
    "query",
    [
        {"language": "EN"},
        {"language": "english"},
        {"language": ["en", "fr"]},
        {"country_codes": "us"},
        {"country_codes": ["US", "USA"]},
        {"products": ""},
        {"connection_id": ""},
        {"account_selection": "perhaps"},
        {"redirect_uri": "x" * 3000},
        {"redirect_uri": "not an address"},
        {"redirect_uri": "https://app.example.com/?with=query"},
        {"redirect_uri": "https://app.example.com/#there"},
        {"android_package_name": "app"},
        {"redirect_uri": "https://app.example.com/", "android_package_name": "com.example.app"},
        {"language": "xx"},
        {"country_codes": "XX"},
        {"products": "nonsense"},
        {"products": ["transactions", "balance"]},
    ],
    ids=str,
)
def test_a_malformed_wish_for_a_link_token_is_refused(bank: Bank, ann: User, query: dict[str, Any]) -> None:
    with no_call_to_plaid(bank):
        refused(bank.rest("GET", "connect", ann, params=query), "INVALID_ARGUMENT", 400)


def test_a_wish_that_plaid_refuses_is_the_callers_mistake(bank: Bank, ann: User) -> None:
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


@pytest.mark.parametrize(
    "data",
    [
        {"language": 1},
        {"country_codes": "US"},
        {"country_codes": []},
        {"products": {}},
        {"account_selection": "true"},
        {"connection_id": 7},
    ],
    ids=str,
)
def test_the_callable_protocol_converts_nothing(bank: Bank, ann: User, data: dict[str, Any]) -> None:
    refused(bank.call("create_link_token", data, ann), "INVALID_ARGUMENT", 400)


@pytest.mark.parametrize("connection_id", ["nothing", "x" * 129, "..", "a%2Fb", "%00", "ÅÄÖ", "__all__", " "])
def test_a_connection_that_is_not_there_is_not_found(bank: Bank, ann: User, connection_id: str) -> None:
    answer = bank.rest("POST", f"connections/{connection_id}/sync", ann)
    refused(answer, "INVALID_ARGUMENT" if len(connection_id) > 128 else "NOT_FOUND")
    called = bank.call("sync_connection", {"connection_id": connection_id}, ann)
    refused(called, "INVALID_ARGUMENT" if len(connection_id) > 128 else "NOT_FOUND")


def test_a_path_that_names_a_connection_and_nothing_to_do_with_it_is_only_for_its_removal(
    bank: Bank, ann: User
) -> None:
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
        if answer.status_code == 301:  # Hosting's own way with doubled and trailing slashes
            answer = bank.http.request(method, url, headers=headers, follow_redirects=True)
        assert refused(answer, "NOT_FOUND", 404)["details"]["code"] == "path_not_found"


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        ('{"data": {}}', {"Content-Type": "text/plain"}),
        ('{"data": {', {"Content-Type": "application/json"}),
        ("[]", {"Content-Type": "application/json"}),
        ("{}", {"Content-Type": "application/json"}),
        ('{"data": []}', {"Content-Type": "application/json"}),
        ('{"data": "x"}', {"Content-Type": "application/json"}),
        ('{"data": 1}', {"Content-Type": "application/json"}),
    ],
)
def test_a_malformed_call_of_the_callable_protocol_is_refused(
    bank: Bank, ann: User, content: str, headers: dict[str, str]
) -> None:
    for route in ROUTES:
        if route.function in main.FUNCTIONS:
            answer = bank.http.post(
                bank.function_url(route.function), content=content, headers={**ann.headers, **headers}
            )
            refused(answer, "INVALID_ARGUMENT", 400)


def test_a_call_without_data_of_its_own_is_an_empty_one(bank: Bank, ann: User) -> None:
    empty: dict[str, Any] = {}
    for data in (empty, None):
        answer = bank.call("create_link_token", data, ann)
        assert answer.status_code == 200
        assert set(answer.json()) == {"result"}
        assert set(answer.json()["result"]) == {"link_token", "expiration", "mode"}


# -- what Plaid says --


@pytest.mark.parametrize(
    "public_token", [UNKNOWN_TOKEN, "public-production-00000000-0000-4000-8000-000000000000", "junk", "ÅÄÖ 🎂", "../x"]
)
def test_an_unknown_public_token_is_refused_and_forgotten(bank: Bank, ann: User, public_token: str) -> None:
    for answer in (
        bank.exchange(ann, public_token),
        bank.exchange(ann, public_token),
        bank.call("exchange_public_token", {"public_token": public_token}, ann),
    ):
        error = refused(answer, "INVALID_ARGUMENT", 400)
        assert error["details"]["plaid"]["error_code"] == "INVALID_PUBLIC_TOKEN"
        assert len(error["details"]["plaid"]["request_id"]) == 15
        assert public_token not in answer.text
    forgotten = hashlib.sha256(public_token.encode()).hexdigest()
    assert bank.behind.get(f"bank_exchange_intents/{forgotten}") is None


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


def test_a_token_that_was_refused_while_plaid_was_down_works_when_it_is_up_again(bank: Bank, user: User) -> None:
    public_token = bank.public_token(webhook=False)
    with fault(bank, kind="error", error_code="PLANNED_MAINTENANCE"):
        refused(bank.exchange(user, public_token), "UNAVAILABLE", 503)
        refused(bank.exchange(user, public_token), "UNAVAILABLE", 503)
    assert bank.exchange(user, public_token).status_code == 201
    assert bank.open_intents(user) == []


def test_an_institution_that_cannot_be_looked_up_fails_no_exchange(bank: Bank, user: User) -> None:
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
    bank.synced(user, made["connection_id"])
    assert (bank.store(user).get(f"bank_connections/{made['connection_id']}") or {})["account_ids"]


def test_a_webhook_that_is_nobodys_is_refused(bank: Bank) -> None:
    for content in ({}, {"json": {"webhook_type": "ITEM", "webhook_code": "ERROR"}}):
        refused(bank.rest("POST", "webhook", None, **content), "UNAUTHENTICATED", 401)


# -- other origins, and what is harmless --


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
        for headers in ({}, ann.headers):  # a refusal has to be readable, too
            answer = bank.http.request(method, url, headers={**origin, **headers}, json={})
            assert answer.headers["Access-Control-Allow-Origin"] in {"*", origin["Origin"]}


def test_a_browser_app_of_another_origin_can_read_that_a_path_is_nobodys(bank: Bank, ann: User) -> None:
    url = f"{bank.stack.ports.url('hosting')}/api/v1/bank/nothing"
    origin = {"Origin": "https://app.example.com"}
    preflight = bank.http.options(url, headers={**origin, "Access-Control-Request-Method": "DELETE"})
    assert (preflight.status_code, preflight.text) == (204, "")
    for answer in (preflight, bank.http.delete(url, headers={**origin, **ann.headers})):
        assert answer.headers["Access-Control-Allow-Origin"] in {"*", origin["Origin"]}
    refused(answer, "NOT_FOUND", 404)
    refused(bank.http.options(url, headers=origin), "NOT_FOUND", 404)  # no preflight


@of([route for route in ROUTES if route.method == "DELETE"])  # of a GET the body never comes through Hosting
def test_what_has_no_body_takes_an_empty_one_and_refuses_fields_and_junk(bank: Bank, user: User, route: Route) -> None:
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
