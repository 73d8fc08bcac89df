"""Settings define who may create connections; every user keeps existing connections."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from shared.domain.caller import Caller
from shared.serving import container
from shared.settings import Settings
from tests.functions.conftest import CONNECT, EXCHANGE, SIGNED_IN, Callers, body, client, error
from tests.usecases.conftest import ALICE, World

REFUSED = [
    pytest.param(Caller(ALICE, is_anonymous=True), "anonymous_not_allowed", id="anonymous"),
    pytest.param(Caller(ALICE, email_verified=False), "email_not_verified", id="unverified"),
]


@pytest.fixture
def strict(world: World, monkeypatch: pytest.MonkeyPatch) -> Callers:
    """A backend that allows neither anonymous users nor unverified addresses."""
    settings = Settings(project="demo-bank", allow_anonymous=False, require_verified_email=True)
    callers = Callers()
    monkeypatch.setattr(container, "settings", lambda: settings)
    monkeypatch.setattr(container, "callers", lambda: callers)
    return callers


def connected(world: World, strict: Callers, exchange: FlaskClient) -> str:
    """A connection from before the user was refused."""
    world.plaid.new_item()
    strict.user = Caller(ALICE, email_verified=True)
    made = exchange.post(EXCHANGE, json={"public_token": "public-1"}, headers=SIGNED_IN)
    assert made.status_code == 201
    return str(body(made)["connection_id"])


@pytest.mark.parametrize(("user", "code"), REFUSED)
def test_a_link_token_for_a_new_bank_is_refused(
    connect: FlaskClient, world: World, strict: Callers, user: Caller, code: str
) -> None:
    strict.user = user
    for answer in (connect.get(CONNECT, headers=SIGNED_IN), connect.post("/", json={"data": {}}, headers=SIGNED_IN)):
        assert answer.status_code == 403
        assert error(answer)["status"] == "PERMISSION_DENIED"
        assert error(answer)["details"] == {"code": code}
    assert world.calls.log == []


@pytest.mark.parametrize(("user", "code"), REFUSED)
def test_an_exchange_that_would_make_a_connection_is_refused(
    exchange: FlaskClient, world: World, strict: Callers, user: Caller, code: str
) -> None:
    strict.user = user
    world.plaid.new_item()
    answer = exchange.post(EXCHANGE, json={"public_token": "public-1"}, headers=SIGNED_IN)
    assert (answer.status_code, error(answer)["details"]) == (403, {"code": code})
    several = exchange.post(EXCHANGE, json={"items": [{"public_token": "public-1"}] * 2}, headers=SIGNED_IN)
    assert [found["error"]["details"]["code"] for found in body(several)["results"]] == [code, code]
    assert world.store.connections == {}
    assert not any("bank." in call for call in world.calls.log)


@pytest.mark.parametrize(("user", "code"), REFUSED)
def test_a_refused_user_repairs_syncs_exports_and_removes_what_they_have(
    exchange: FlaskClient, world: World, strict: Callers, user: Caller, code: str
) -> None:
    connection_id = connected(world, strict, exchange)
    strict.user = user
    again = exchange.post(EXCHANGE, json={"public_token": world.plaid.update_mode("1")}, headers=SIGNED_IN)
    assert (again.status_code, body(again)["connection_id"]) == (200, connection_id)
    calls = {
        "create_link_token": {"connection_id": connection_id},
        "sync_connection": {"connection_id": connection_id},
        "reconnect_connection": {"connection_id": connection_id},
        "refresh_balances": {"connection_id": connection_id},
        "remove_connection": {"connection_id": connection_id},
        "delete_bank_data": {},
    }
    for function, data in calls.items():
        for served in client(function):
            answer = served.post("/", json={"data": data}, headers=SIGNED_IN)
            assert answer.status_code == 200, f"{function}: {answer.text}"


@pytest.mark.parametrize(
    "user", [Caller(ALICE), Caller(ALICE, email_verified=True)], ids=["without an address", "with a verified address"]
)
def test_other_users_may_connect(connect: FlaskClient, world: World, strict: Callers, user: Caller) -> None:
    strict.user = user
    assert connect.get(CONNECT, headers=SIGNED_IN).status_code == 200


def test_by_default_anonymous_users_may_connect_in_the_sandbox_only() -> None:
    sandbox = Settings.read({"GCLOUD_PROJECT": "demo-bank"})
    production = Settings.read({"GCLOUD_PROJECT": "bank", "PLAID_ENV": "production"})
    chosen = Settings.read({"GCLOUD_PROJECT": "bank", "PLAID_ENV": "production", "ALLOW_ANONYMOUS": "1"})
    refused = Settings.read({"GCLOUD_PROJECT": "demo-bank", "ALLOW_ANONYMOUS": "0", "REQUIRE_VERIFIED_EMAIL": "1"})
    assert [one.allow_anonymous for one in (sandbox, production, chosen, refused)] == [True, False, True, False]
    assert [one.require_verified_email for one in (sandbox, production, refused)] == [False, False, True]
