"""CORS headers for browser apps of other origins; tests/functions/test_http.py tests them on running functions."""

from __future__ import annotations

import pytest
from flask import Flask, Request, Response

from shared.serving import container
from shared.serving.cors import add_cors_headers, allow_cross_origin, preflight_response
from shared.settings import Settings

ORIGIN = "Access-Control-Allow-Origin"


def request(method: str = "GET", **headers: str) -> Request:
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Flask(__name__).test_request_context("/", method=method, headers=named).request


@pytest.fixture(autouse=True)
def _one_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        container, "settings", lambda: Settings(project="demo-bank", cors_origins=("https://a.example",))
    )


def test_only_allowed_origins_may_read() -> None:
    assert add_cors_headers(request(Origin="https://a.example"), Response()).headers[ORIGIN] == "https://a.example"
    assert ORIGIN not in add_cors_headers(request(Origin="https://b.example"), Response()).headers
    assert ORIGIN not in add_cors_headers(request(), Response()).headers


def test_a_star_allows_every_origin_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "settings", lambda: Settings(project="demo-bank", cors_origins=("*",)))
    assert add_cors_headers(request(Origin="https://b.example"), Response()).headers[ORIGIN] == "https://b.example"


def test_caches_keep_the_answers_of_origins_apart() -> None:
    assert add_cors_headers(request(), Response()).headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    ("requested", "allowed"),
    [
        ("x-client, content-type", "x-client, content-type"),
        ("", "authorization, content-type, x-firebase-appcheck"),
        ("x;y", "authorization, content-type, x-firebase-appcheck"),
    ],
)
def test_a_preflight_repeats_only_well_formed_header_names(requested: str, allowed: str) -> None:
    preflight = request("OPTIONS", Origin="https://a.example", Access_Control_Request_Headers=requested)
    answer = preflight_response(preflight)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Headers"]) == (204, allowed)


def test_only_a_preflight_does_not_reach_the_function() -> None:
    endpoint = allow_cross_origin(lambda _: Response("reached"))
    preflight = request("OPTIONS", Origin="https://a.example", Access_Control_Request_Method="GET")
    assert endpoint(preflight).status_code == 204
    assert endpoint(request("OPTIONS")).get_data() == b"reached"
    assert endpoint(request(Origin="https://a.example")).headers[ORIGIN] == "https://a.example"
