"""Tables of refused calls: tests/functions tests all of them on each function, tests/e2e one of each kind."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from emulators.ports import PROJECT

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


@dataclass(frozen=True)
class Route:
    """A function of the contract, with a valid call."""

    function: str
    method: str
    path: str
    fields: dict[str, Any] | None = None

    @property
    def data(self) -> dict[str, Any]:
        """The input of the valid call in the callable protocol."""
        return self.fields or ({"connection_id": "nothing"} if "nothing" in self.path else {})


ROUTES = [
    Route("create_link_token", "GET", "connect"),
    Route("exchange_public_token", "POST", "set_access_token", {"public_token": UNKNOWN_TOKEN}),
    Route("sync_connection", "POST", "connections/nothing/sync"),
    Route("reconnect_connection", "POST", "connections/nothing/reconnected"),
    Route("refresh_balances", "POST", "connections/nothing/balances"),
    Route("remove_connection", "DELETE", "connections/nothing"),
    Route("delete_bank_data", "DELETE", "data"),
]
POSTS = [route for route in ROUTES if route.method == "POST"]
WEBHOOK = Route("plaid_webhook", "POST", "webhook", {})
EVERY_METHOD = ("GET", "POST", "PUT", "PATCH", "DELETE")


def of(routes: list[Route]) -> pytest.MarkDecorator:
    """One case per route."""
    return pytest.mark.parametrize("route", [pytest.param(route, id=route.function) for route in routes])


class Answer(Protocol):
    """The common interface of httpx's and Flask's responses."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Any: ...
    @property
    def text(self) -> str: ...


def refused(answer: Answer, status: str, http: int | None = None) -> dict[str, Any]:
    """The error of an answer, which must have the contract's format and reveal nothing else."""
    assert answer.headers["Content-Type"] == "application/json", answer.text
    body = json.loads(answer.text)
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


def unsigned(**claims: object) -> str:
    """A token that the Auth emulator would accept if its claims were valid: it does not check signatures."""
    now = int(time.time())
    base = {
        "iss": f"https://securetoken.google.com/{PROJECT}",
        "aud": PROJECT,
        "sub": "some-user",
        "user_id": "some-user",
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
    "a token without a user": "Bearer " + unsigned(sub=""),
    "a token of a user that does not exist": "Bearer " + unsigned(),
    "a very long token": "Bearer " + "x" * 6000,
    "the emulator's own word": "Bearer owner",
}

NO_JSON_OBJECTS: list[tuple[str, str | bytes]] = [
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
]

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

BAD_WISHES: list[dict[str, Any]] = [
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
]

NOT_CONVERTED: list[dict[str, Any]] = [
    {"language": 1},
    {"country_codes": "US"},
    {"country_codes": []},
    {"products": {}},
    {"account_selection": "true"},
    {"connection_id": 7},
]

NO_CALLS: list[tuple[str, dict[str, str]]] = [
    ('{"data": {}}', {"Content-Type": "text/plain"}),
    ('{"data": {', {"Content-Type": "application/json"}),
    ("[]", {"Content-Type": "application/json"}),
    ("{}", {"Content-Type": "application/json"}),
    ('{"data": []}', {"Content-Type": "application/json"}),
    ('{"data": "x"}', {"Content-Type": "application/json"}),
    ('{"data": 1}', {"Content-Type": "application/json"}),
]
