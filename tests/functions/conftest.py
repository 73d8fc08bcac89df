"""The deployed functions, through the real framework and the real main.py; only external services are faked."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, request_finished
from flask.testing import FlaskClient
from functions_framework import create_app

from shared.adapters.plaid.webhook_key_cache import UNKNOWN_TO_PLAID
from shared.adapters.plaid.webhook_signature import WebhookVerifier
from shared.domain.caller import Caller
from shared.domain.errors import ErrorClass, Unauthenticated
from shared.domain.region import Region
from shared.serving import container, removal_container
from shared.serving.refused_calls import RefusedCalls
from shared.settings import Settings
from shared.usecases.sync.refresh_transactions import TransactionsRefresh
from tests.declared_errors import undeclared_errors
from tests.fake_health import FakeBankContacts, FakeHealthRecords
from tests.fake_outages import FakeOutageNotices, FakePublishedHealth
from tests.fakes import FakeInstitutions, FakeProfiles, FakeWebhookKeys, problem
from tests.usecases.conftest import ALICE, World

MAIN = Path(__file__).parents[2] / "main.py"
TOKEN = "public-sandbox-11111111-2222-3333-4444-555555555555"
CONNECT = "/api/v1/bank/connect"
EXCHANGE = "/api/v1/bank/set_access_token"
SIGNED_IN = {"Authorization": "Bearer alice"}


class Callers:
    def __init__(self) -> None:
        self.user = Caller(ALICE)

    def verify(self, id_token: str) -> Caller:
        if id_token != ALICE:
            raise Unauthenticated("no", code="id_token_invalid")
        return self.user

    def verify_app(self, app_token: str) -> str:
        if app_token != "attested":
            raise Unauthenticated("no", code="app_check_invalid")
        return "1:1:web:1"


class Limits:
    def __init__(self) -> None:
        self.wait: int | None = None

    def spend(self, app_user_id: str, action: str, *, per_minute: int, now: object) -> int | None:
        return self.wait


def _no_key(_kid: str, _region: Region) -> dict[str, Any]:
    raise problem(ErrorClass.CONFIGURATION, UNKNOWN_TO_PLAID)


@pytest.fixture(autouse=True)
def undeclared() -> Iterator[set[tuple[str, str]]]:
    """Fail a test in which a function returns an error that it does not declare."""
    found: set[tuple[str, str]] = set()

    def check(app: Flask, response: Response, **_: object) -> None:
        if not response.direct_passthrough:
            found.update(undeclared_errors(app.name, response.get_data(as_text=True)))

    with request_finished.connected_to(check):
        yield found
    assert found == set()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    stand_in(world, monkeypatch)
    return world


def stand_in(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the functions use a world of fakes."""
    institutions = FakeInstitutions()
    outside: dict[str, object] = {
        "settings": Settings(project="demo-bank", cors_origins=("https://app.example",)),
        "callers": Callers(),
        "limits": Limits(),
        "clock": world.clock,
        "executors": world.executors,
        "plaid": world.plaid,
        "plaid_products": world.plaid_products,
        "product_consents": world.product_consents,
        "product_syncs": world.products,
        "budgets": world.budgets,
        "vault": world.vault,
        "connections": world.store,
        "credentials": world.credentials,
        "syncs": world.store,
        "intents": world.intents,
        "institutions": institutions,
        "profiles": FakeProfiles(),
        "links": world.links,
        "connection_cap": world.cap,
        "transactions_refresh": TransactionsRefresh(
            plaid=world.plaid, budgets=world.budgets, ceilings=world.ceilings, clock=world.clock
        ),
        "sync_queue": world.queue,
        "tasks": world.queue,
        "removals": world.removals,
        "history_moves": world.moves,
        "item_status_refresh": world.check,
        "item_ownership": world.ownership,
        "inbox": world.inbox,
        "webhooks": WebhookVerifier(
            fetch_key=_no_key, stored=FakeWebhookKeys(), clock=world.clock, executors=world.executors
        ),
        "paused": world.paused,
        "recently_paused": world.paused,
        "refused_calls": RefusedCalls(),
        "health_records": FakeHealthRecords(world.calls),
        "bank_contacts": FakeBankContacts(world.store, institutions),
        "outage_notices": FakeOutageNotices(world.store),
        "published_health": FakePublishedHealth(),
    }
    for name, fake in outside.items():
        monkeypatch.setattr(container, name, lambda fake=fake: fake)
    monkeypatch.setattr(removal_container, "eraser", lambda: world.eraser)
    monkeypatch.setattr(removal_container, "erase_missing_owners", lambda: world.erase_missing_owners)


def client(function: str) -> Iterator[FlaskClient]:
    app = create_app(function, str(MAIN), "http")  # type: ignore[no-untyped-call]
    with app.test_client() as asking:
        yield asking


@pytest.fixture
def logged() -> Iterator[list[logging.LogRecord]]:
    """Every record of the backend's log; after a function was served, the log no longer reaches pytest's handler."""
    records: list[logging.LogRecord] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    handler, ours = Kept(), logging.getLogger("bank")
    level = ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    yield records
    ours.removeHandler(handler)
    ours.setLevel(level)


def alerts(records: list[logging.LogRecord]) -> list[str]:
    """The log records that would alert an operator."""
    return [record.getMessage() for record in records if record.levelno >= logging.ERROR]


@pytest.fixture
def connect(world: World) -> Iterator[FlaskClient]:
    yield from client("create_link_token")


@pytest.fixture
def exchange(world: World) -> Iterator[FlaskClient]:
    yield from client("exchange_public_token")


@pytest.fixture
def sync(world: World) -> Iterator[FlaskClient]:
    yield from client("sync_connection")


def body(response: Any) -> dict[str, Any]:
    """The parsed answer."""
    assert isinstance(response.json, dict)
    return response.json


def error(response: Any) -> dict[str, Any]:
    """The error, in exactly the contract's format."""
    assert set(response.json) == {"error"}
    assert set(response.json["error"]) == {"status", "message", "details"}
    assert response.headers["Cache-Control"] == "no-store"
    assert "Traceback" not in response.text
    return response.json["error"]  # type: ignore[no-any-return]
