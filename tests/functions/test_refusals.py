"""Every kind of refusal on each function: the contract's format, the right status, and no partial effect.

tests/e2e/test_refusals.py makes one call of each kind over the wire.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from typing import Any

import firebase_admin
import google.auth
import pytest
from firebase_admin import _token_gen, _user_mgt
from flask.testing import FlaskClient
from functions_framework import create_app
from google.oauth2.credentials import Credentials

from shared.adapters.google.firebase_auth import FirebaseCallers
from shared.serving import container
from tests.firebase import PROJECT, twin_firebase
from tests.functions.conftest import MAIN, SIGNED_IN
from tests.refusals import (
    BAD_CREDENTIALS,
    BAD_EXCHANGES,
    BAD_WISHES,
    NO_CALLS,
    NO_JSON_OBJECTS,
    NOT_CONVERTED,
    POSTS,
    ROUTES,
    Answer,
    Route,
    of,
    refused,
)
from tests.usecases.conftest import World

EXCHANGE, CONNECT = ROUTES[1], ROUTES[0]


@functools.cache
def client(function: str) -> FlaskClient:
    return create_app(function, str(MAIN), "http").test_client()  # type: ignore[no-untyped-call, no-any-return]


def rest(route: Route, **content: Any) -> Answer:
    if route.fields is not None and not content.keys() & {"json", "data"}:
        content["json"] = route.fields
    return client(route.function).open(
        f"/api/v1/bank/{route.path}", method=route.method, **{"headers": SIGNED_IN} | content
    )


def call(route: Route, data: Any, **content: Any) -> Answer:
    return client(route.function).post("/", json={"data": data}, **{"headers": SIGNED_IN} | content)


@pytest.fixture(autouse=True)
def _nothing_is_done(world: World) -> Iterator[None]:
    yield
    assert world.calls.log == []
    assert world.store.connections == {}


@pytest.fixture
def firebase(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Firebase's real verification of tokens instead of a fake."""
    monkeypatch.delenv("FIREBASE_AUTH_EMULATOR_HOST", raising=False)
    credentials = Credentials(token="a-service-account")  # type: ignore[no-untyped-call]
    monkeypatch.setattr(google.auth, "default", lambda **_: (credentials, PROJECT))
    with twin_firebase() as twin:
        monkeypatch.setattr(_token_gen, "ID_TOKEN_CERT_URI", f"{twin.url}/certs")
        monkeypatch.setattr(_user_mgt.UserManager, "ID_TOOLKIT_URL", f"{twin.url}/v1")
        callers = FirebaseCallers(project=PROJECT)
        monkeypatch.setattr(container, "callers", lambda: callers)
        yield
        if callers._app is not None:
            firebase_admin.delete_app(callers._app)


@of(ROUTES)
@pytest.mark.parametrize("header", [pytest.param(header, id=name) for name, header in BAD_CREDENTIALS.items()])
def test_unauthenticated_caller_is_refused(firebase: None, route: Route, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    refused(rest(route, headers=headers), "UNAUTHENTICATED")
    refused(call(route, route.data, headers=headers), "UNAUTHENTICATED")


@of(POSTS)
@pytest.mark.parametrize(("content_type", "body"), NO_JSON_OBJECTS, ids=lambda part: repr(part)[:30])
def test_a_body_that_is_no_json_object_is_refused(
    world: World, route: Route, content_type: str, body: str | bytes
) -> None:
    refused(rest(route, data=body, content_type=content_type), "INVALID_ARGUMENT", 400)


@of(POSTS)
@pytest.mark.parametrize("size", [300_000, 3_000_000])
def test_a_huge_body_is_refused(world: World, route: Route, size: int) -> None:
    refused(rest(route, json={"public_token": "x" * size}), "INVALID_ARGUMENT", 413)


@of(ROUTES)
def test_unknown_fields_are_refused(world: World, route: Route) -> None:
    extra = {"colour": "red"}
    if route.method == "POST":
        refused(rest(route, json={**(route.fields or {}), **extra}), "INVALID_ARGUMENT")
    refused(rest(route, query_string=extra), "INVALID_ARGUMENT")
    refused(call(route, {**route.data, **extra}), "INVALID_ARGUMENT")


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in BAD_EXCHANGES.items()])
def test_a_malformed_exchange_is_refused_before_any_call_to_plaid(world: World, body: object) -> None:
    refused(rest(EXCHANGE, json=body), "INVALID_ARGUMENT", 400)
    refused(call(EXCHANGE, body), "INVALID_ARGUMENT", 400)


@pytest.mark.parametrize("query", BAD_WISHES, ids=str)
def test_malformed_link_token_request_is_refused(world: World, query: dict[str, Any]) -> None:
    refused(rest(CONNECT, query_string=query), "INVALID_ARGUMENT", 400)


@pytest.mark.parametrize("data", NOT_CONVERTED, ids=str)
def test_the_callable_protocol_converts_nothing(world: World, data: dict[str, Any]) -> None:
    refused(call(CONNECT, data), "INVALID_ARGUMENT", 400)


@of(ROUTES)
@pytest.mark.parametrize(("content", "headers"), NO_CALLS, ids=lambda part: json.dumps(part)[:40])
def test_a_malformed_call_of_the_callable_protocol_is_refused(
    world: World, route: Route, content: str, headers: dict[str, str]
) -> None:
    answer = client(route.function).post("/", data=content, headers={**SIGNED_IN, **headers})
    refused(answer, "INVALID_ARGUMENT", 400)
