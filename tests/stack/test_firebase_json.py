"""Hosting's routes, and the files that a deploy uploads."""

from __future__ import annotations

import json

import httpx
import pytest

from emulators.setup import ROOT
from emulators.stack import Stack

CONFIG = json.loads((ROOT / "firebase.json").read_text())
RULES = CONFIG["hosting"]["rewrites"]
REWRITES = [(rule["source"], rule["function"]["functionId"]) for rule in RULES if "function" in rule]


def test_the_last_api_rule_takes_every_unrouted_path() -> None:
    assert REWRITES[-1] == ("/api{,/**}", "api_not_found")


def test_every_other_path_is_the_web_app_s() -> None:
    assert RULES[-1] == {"source": "**", "destination": "/index.html"}
    assert len(REWRITES) == len(RULES) - 1


def test_longer_connection_routes_come_before_shorter_ones() -> None:
    routes = [source for source, _ in REWRITES if source.startswith("/api/v1/bank/connections/")]
    assert routes == sorted(routes, key=lambda source: -source.count("/"))


@pytest.mark.parametrize("name", ["tests", "web", "emulators", "docs", "deploy", "benchmarks", "venv", "node_modules"])
def test_files_outside_the_backend_are_not_uploaded(name: str) -> None:
    assert name in CONFIG["functions"][0]["ignore"]


def test_no_folder_of_the_backend_has_an_ignored_name() -> None:
    ignored = set(CONFIG["functions"][0]["ignore"])
    folders = {path.name for top in ("functions", "shared") for path in (ROOT / top).rglob("*") if path.is_dir()}
    assert not (folders - {"__pycache__"}) & ignored


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v1", "/api/v1/bank", "/api/v1/bank/nothing", "/api/v2/x/y"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unrouted_api_path_is_not_found_in_the_contracts_form(
    stack: Stack, http: httpx.Client, method: str, path: str
) -> None:
    answer = http.request(method, stack.ports.url("hosting") + path)
    assert answer.status_code == httpx.codes.NOT_FOUND
    assert answer.json()["error"]["status"] == "NOT_FOUND"


@pytest.mark.parametrize("path", ["/", "/transactions", "/connections/some-id"])
def test_hosting_serves_the_web_app_under_a_strict_policy(stack: Stack, http: httpx.Client, path: str) -> None:
    answer = http.get(stack.ports.url("hosting") + path)
    assert answer.is_success
    assert "<title>OmniButler</title>" in answer.text
    assert "'unsafe-" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
