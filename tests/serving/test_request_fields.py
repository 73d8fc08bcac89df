"""Request fields over REST and in the callable protocol; tests/functions tests them through the framework."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, Request

from shared.domain.errors import BankError, MethodNotAllowed
from shared.serving.http import Route, StrictInput
from shared.serving.request_body import MAX_BODY_BYTES, read_body
from shared.serving.request_fields import read_callable, read_rest, validate

LIST = Route("GET", "/api/v1/things", lists=frozenset({"kinds"}))
CREATE = Route("POST", "/api/v1/things/{thing_id}")
REMOVE = Route("DELETE", "/api/v1/things/{thing_id}")


class Thing(StrictInput):
    """An input."""

    name: str
    count: int = 0


def request(method: str, path: str, **content: Any) -> Request:
    return Flask(__name__).test_request_context(path, method=method, **content).request


def code_of(raised: pytest.ExceptionInfo[BankError]) -> str:
    return raised.value.code


def test_a_query_gives_the_fields_of_a_get_and_lists_may_be_repeated() -> None:
    fields = read_rest(request("GET", LIST.path, query_string="name=x&kinds=a&kinds=b"), LIST)
    assert fields == {"name": "x", "kinds": ["a", "b"]}


def test_path_and_body_give_the_fields_of_a_post() -> None:
    assert read_rest(request("POST", "/api/v1/things/7", json={"name": "x"}), CREATE) == {"name": "x", "thing_id": "7"}
    assert read_rest(request("POST", "/api/v1/things/7"), CREATE) == {"thing_id": "7"}


@pytest.mark.parametrize(
    ("route", "made", "code"),
    [
        (LIST, ("GET", "/api/v1/other", {}), "path_not_found"),
        (LIST, ("POST", LIST.path, {}), "method_not_allowed"),
        (LIST, ("GET", LIST.path, {"query_string": "name=a&name=b"}), "invalid_input"),
        (CREATE, ("POST", "/api/v1/things/7", {"query_string": "name=a"}), "unexpected_query"),
        (CREATE, ("POST", "/api/v1/things/7", {"data": b"{", "content_type": "application/json"}), "body_not_json"),
        (CREATE, ("POST", "/api/v1/things/7", {"data": b"{}", "content_type": "text/plain"}), "body_not_json"),
        (CREATE, ("POST", "/api/v1/things/7", {"json": [1]}), "body_not_an_object"),
        (CREATE, ("POST", "/api/v1/things/7", {"json": {"thing_id": "8"}}), "invalid_input"),
        (REMOVE, ("DELETE", "/api/v1/things/7", {"json": {"name": "x"}}), "invalid_input"),
    ],
)
def test_malformed_rest_calls_are_refused(route: Route, made: tuple[str, str, Any], code: str) -> None:
    method, path, content = made
    with pytest.raises(BankError) as raised:
        read_rest(request(method, path, **content), route)
    assert code_of(raised) == code


def test_the_allowed_method_is_named() -> None:
    with pytest.raises(MethodNotAllowed) as raised:
        read_rest(request("PUT", LIST.path), LIST)
    assert raised.value.allowed == "GET"


def test_the_callable_protocol_puts_the_fields_into_data() -> None:
    assert read_callable(request("POST", "/", json={"data": {"name": "x"}})) == {"name": "x"}
    assert read_callable(request("POST", "/", json={"data": None})) == {}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ({"json": {"name": "x"}}, "invalid_input"),
        ({"json": {"data": [1]}}, "invalid_input"),
        ({"json": [1]}, "body_not_an_object"),
        ({"data": b"{}", "content_type": "text/plain"}, "body_not_json"),
    ],
)
def test_malformed_calls_of_the_callable_protocol_are_refused(content: dict[str, Any], code: str) -> None:
    with pytest.raises(BankError) as raised:
        read_callable(request("POST", "/", **content))
    assert code_of(raised) == code


def test_a_body_may_be_as_long_as_the_limit_and_no_longer() -> None:
    assert len(read_body(request("POST", "/", data=b"x" * MAX_BODY_BYTES))) == MAX_BODY_BYTES
    with pytest.raises(BankError) as raised:
        read_body(request("POST", "/", data=b"x" * (MAX_BODY_BYTES + 1)))
    assert (code_of(raised), raised.value.http) == ("body_too_large", 413)


def test_text_is_converted_only_for_fields_sent_as_text() -> None:
    assert validate(Thing, {"name": "x", "count": "2"}, from_text=True) == Thing(name="x", count=2)
    with pytest.raises(BankError, match="count: "):
        validate(Thing, {"name": "x", "count": "2"}, from_text=False)


def test_null_is_the_same_as_absent() -> None:
    assert validate(Thing, {"name": "x", "count": None}, from_text=False) == Thing(name="x")
    with pytest.raises(BankError, match="colour: "):
        validate(Thing, {"name": "x", "colour": None}, from_text=False)


def test_message_repeats_neither_values_nor_odd_names() -> None:
    with pytest.raises(BankError) as raised:
        validate(Thing, {"name": 1234567, "public-sandbox-1": "access-1"}, from_text=False)
    assert raised.value.message.count("; ") == 1
    assert "(a name): " in raised.value.message
    assert not any(part in raised.value.message for part in ("1234567", "sandbox", "access-1"))
