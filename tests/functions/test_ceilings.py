"""Costs that apps cannot cause, tested through the deployed functions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, seed, settings, strategies

from shared.domain.link import CONSENT_PRODUCTS, PRODUCTS
from shared.domain.market import Market, has_product
from shared.serving import container
from shared.settings import Settings
from tests.functions.conftest import CONNECT, EXCHANGE, SIGNED_IN, body, client, error
from tests.usecases.conftest import ALICE, World

DATA = "/api/v1/bank/data"
WISHES = [*sorted(PRODUCTS), "balance", "nonsense"]


@pytest.fixture
def erase(world: World) -> Iterator[FlaskClient]:
    yield from client("delete_bank_data")


def set_to(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    changed = Settings(project="demo-bank", **changes)
    monkeypatch.setattr(container, "settings", lambda: changed)


def at_plaid(world: World) -> list[str]:
    return [call for call in world.calls.log if call.startswith("bank.")]


@pytest.mark.parametrize("connection", ["", "&connection_id=1"])
@pytest.mark.parametrize("products", [["auth"], ["transactions", "auth"], ["transactions", "liabilities", "assets"]])
def test_a_product_that_is_not_allowed_is_refused_before_plaid_is_called(
    connect: FlaskClient, world: World, products: list[str], connection: str
) -> None:
    world.connected("1")
    world.calls.log.clear()
    query = "&".join(f"products={one}" for one in products)
    answer = connect.get(f"{CONNECT}?{query}{connection}", headers=SIGNED_IN)
    assert (answer.status_code, error(answer)["status"]) == (400, "INVALID_ARGUMENT")
    data = {"products": products, **({"connection_id": "1"} if connection else {})}
    answer = connect.post("/", json={"data": data}, headers=SIGNED_IN)
    assert (answer.status_code, error(answer)["status"]) == (400, "INVALID_ARGUMENT")
    assert at_plaid(world) == []


def test_allowed_product_is_requested(connect: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    set_to(monkeypatch, allowed_products=("auth",))
    assert connect.get(f"{CONNECT}?products=auth", headers=SIGNED_IN).status_code == 200
    assert world.plaid.link_requests[-1].products == ("auth",)
    assert connect.get(f"{CONNECT}?products=transactions", headers=SIGNED_IN).status_code == 400
    assert connect.get(CONNECT, headers=SIGNED_IN).status_code == 200, "the operator's own products are not the app's"


def test_app_cannot_allow_duplicates_when_they_are_switched_off(
    exchange: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.connected("1")
    world.store.account_rows["1"] = {"checking": world.plaid.by_id("item-1").accounts[0]}
    for name in ("2", "3"):
        world.plaid.new_item(name)
    linked = {"public_token": "public-2", "allow_duplicate": True}
    set_to(monkeypatch, allow_duplicates=False)
    answer = exchange.post(EXCHANGE, json=linked, headers=SIGNED_IN)
    assert (answer.status_code, error(answer)["details"]["connection_id"]) == (409, "1")
    [one] = body(exchange.post(EXCHANGE, json={"items": [linked | {"public_token": "public-3"}]}, headers=SIGNED_IN))[
        "results"
    ]
    assert one["error"]["details"]["code"] == "duplicate_connection"
    assert set(world.store.connections) == {"1"}


@pytest.fixture
def full(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Alice has as many connections as allowed, and completes Link again."""
    cap = replace(world.cap, most=1)
    monkeypatch.setattr(container, "connection_cap", lambda: cap)
    world.connected("1")
    world.plaid.new_item("2")
    world.calls.log.clear()
    return world


def is_too_many(answer: Any) -> bool:
    return (answer.status_code, error(answer)["status"], error(answer)["details"]["code"]) == (
        429,
        "RESOURCE_EXHAUSTED",
        "too_many_connections",
    )


def test_link_does_not_start_beyond_the_limit(connect: FlaskClient, full: World) -> None:
    assert is_too_many(connect.get(CONNECT, headers=SIGNED_IN))
    assert is_too_many(connect.post("/", json={"data": {}}, headers=SIGNED_IN))
    assert at_plaid(full) == []
    assert connect.get(f"{CONNECT}?connection_id=1", headers=SIGNED_IN).status_code == 200


def test_connection_beyond_the_limit_has_its_own_error_code(exchange: FlaskClient, full: World) -> None:
    assert is_too_many(exchange.post(EXCHANGE, json={"public_token": "public-2"}, headers=SIGNED_IN))
    answer = exchange.post(EXCHANGE, json={"items": [{"public_token": "public-2"}]}, headers=SIGNED_IN)
    assert [one["error"]["details"]["code"] for one in body(answer)["results"]] == ["too_many_connections"]
    assert at_plaid(full) == []


def test_erasing_nothing_is_answered_as_any_erasure_and_writes_nothing(erase: FlaskClient, world: World) -> None:
    answer = erase.delete(DATA, headers=SIGNED_IN)
    assert (answer.status_code, answer.json) == (202, {})
    assert world.store.audit == {}
    assert world.erasures.kept == {}
    assert world.queue.others == []


def test_erasing_nothing_counts_against_the_limit_like_any_erasure(
    erase: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent: list[tuple[str, str]] = []

    class Limits:
        def spend(self, app_user_id: str, action: str, **_: object) -> int | None:
            spent.append((app_user_id, action))
            return 7 if len(spent) > 2 else None

    monkeypatch.setattr(container, "limits", Limits)
    assert [erase.delete(DATA, headers=SIGNED_IN).status_code for _ in range(3)] == [202, 202, 429]
    assert spent == [(ALICE, "erasure")] * 3


@pytest.mark.parametrize(
    ("function", "method", "path"),
    [
        ("create_link_token", "GET", CONNECT),
        ("exchange_public_token", "POST", EXCHANGE),
        ("sync_connection", "POST", "/api/v1/bank/connections/1/sync"),
        ("reconnect_connection", "POST", "/api/v1/bank/connections/1/reconnected"),
        ("refresh_balances", "POST", "/api/v1/bank/connections/1/balances"),
        ("remove_connection", "DELETE", "/api/v1/bank/connections/1"),
        ("delete_bank_data", "DELETE", DATA),
    ],
)
def test_unauthenticated_request_calls_neither_plaid_nor_kms_nor_the_store(
    world: World, monkeypatch: pytest.MonkeyPatch, function: str, method: str, path: str
) -> None:
    world.connected("1")
    world.calls.log.clear()

    class Limits:
        def spend(self, *_: object, **__: object) -> int | None:
            raise AssertionError("a stranger was counted")

    monkeypatch.setattr(container, "limits", Limits)
    for asking in client(function):
        for headers in ({}, {"Authorization": "Bearer unknown"}):
            assert asking.open(path, method=method, headers=headers).status_code == 401
            assert asking.post("/", json={"data": {}}, headers=headers).status_code == 401
    assert world.calls.log == []


@seed(int(os.environ.get("BANK_SEED") or 20_260_301))
@settings(max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    wished=strategies.lists(
        strategies.sampled_from([*sorted(PRODUCTS), "balance", "nonsense"]), min_size=1, max_size=5
    ),
    allowed=strategies.sets(strategies.sampled_from(sorted(PRODUCTS))),
    updating=strategies.booleans(),
)
def test_only_allowed_products_are_requested_from_plaid(
    connect: FlaskClient, world: World, wished: list[str], allowed: set[str], updating: bool
) -> None:
    if not world.store.connections:
        world.connected("1")
    world.plaid.link_requests.clear()
    possible = {
        one for one in allowed & (CONSENT_PRODUCTS if updating else PRODUCTS) if has_product(Market.NORTH_AMERICA, one)
    }
    with pytest.MonkeyPatch.context() as patch:
        set_to(patch, allowed_products=tuple(allowed))
        query = "&".join([f"products={one}" for one in wished] + ["connection_id=1"] * updating)
        answer = connect.get(f"{CONNECT}?{query}", headers=SIGNED_IN)
    assert answer.status_code == (200 if possible.issuperset(wished) else 400)
    asked = [{*request.products, *request.consent_products} for request in world.plaid.link_requests]
    backend = set() if updating else {"transactions"}  # whatever a bank is linked for, its transactions are synced
    assert asked == ([{*wished, *backend}] if answer.status_code == 200 else [])
