"""The guards of the HTTP functions, through the real framework and main.py; only external services are faked."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

from docs.errors import routes
from shared import request_context
from shared.domain.errors import ErrorClass
from shared.domain.hosted_link import LinkResult
from shared.domain.plaid_token import PlaidToken
from shared.domain.region import Region
from shared.serving import container, removal_container
from shared.settings import Settings
from tests.fakes import problem
from tests.functions.conftest import CONNECT, EXCHANGE, SIGNED_IN, TOKEN, body, client, error
from tests.usecases.conftest import ALICE, World

CLIENT_FUNCTIONS = {
    "create_link_token": ("GET", CONNECT),
    "exchange_public_token": ("POST", EXCHANGE),
    "sync_connection": ("POST", "/api/v1/bank/connections/1/sync"),
    "reconnect_connection": ("POST", "/api/v1/bank/connections/1/reconnected"),
    "refresh_balances": ("POST", "/api/v1/bank/connections/1/balances"),
    "remove_connection": ("DELETE", "/api/v1/bank/connections/1"),
    "delete_bank_data": ("DELETE", "/api/v1/bank/data"),
}


def test_both_protocols_answer_from_one_handler(connect: FlaskClient) -> None:
    rest = connect.get(CONNECT, headers=SIGNED_IN)
    called = connect.post("/", json={"data": {}}, headers=SIGNED_IN)
    assert rest.status_code == called.status_code == 200
    assert rest.json == body(called)["result"]
    assert set(body(rest)) == {"link_token", "expiration", "mode"}
    assert rest.headers["Cache-Control"] == "no-store"


def test_hosted_link_answer_includes_the_page(
    connect: FlaskClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosted = Settings(project="demo-bank", hosted_link=True, webhook_url="https://us.example/")
    monkeypatch.setattr(container, "settings", lambda: hosted)
    assert body(connect.get(CONNECT, headers=SIGNED_IN)) == {
        "link_token": "link-fake",
        "expiration": "2026-03-01T16:00:00Z",
        "mode": "connect",
        "hosted_link_url": "https://hosted.example/link-fake",
    }
    session = container.links().session("link-fake")
    assert session is not None
    assert (session.app_user_id, session.hosted) == (ALICE, True)


def test_a_hosted_link_result_is_retried_while_plaid_is_down(world: World) -> None:
    world.plaid.new_item()
    sealed = world.vault.seal(PlaidToken("public-1", Region.US), app_user_id=ALICE, connection_id="link-result-r1")
    container.links().keep(LinkResult("r1", ALICE, sealed, world.clock.now()))
    world.plaid.fail("exchange", problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR"))
    for delivering in client("exchangelink"):
        task = {"data": {"result_id": "r1"}}
        assert [delivering.post("/", json=task).status_code for _ in range(3)] == [503, 200, 200]
    assert len(world.store.connections) == 1


def test_a_query_may_repeat_lists_and_only_lists(connect: FlaskClient, world: World) -> None:
    assert connect.get(f"{CONNECT}?country_codes=US&country_codes=CA", headers=SIGNED_IN).status_code == 200
    assert world.plaid.link_requests[0].country_codes == ("US", "CA")
    assert error(connect.get(f"{CONNECT}?language=en&language=fr", headers=SIGNED_IN))["status"] == "INVALID_ARGUMENT"


def test_an_empty_body_or_no_data_is_an_empty_input(connect: FlaskClient, exchange: FlaskClient) -> None:
    assert connect.post("/", json={"data": None}, headers=SIGNED_IN).status_code == 200
    assert error(exchange.post(EXCHANGE, headers=SIGNED_IN))["details"]["code"] == "invalid_input"


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [(b"{", "application/json"), (b"[1]", "application/json"), (b"\xff", "application/json"), (b"a=b", "text/plain")],
)
def test_a_body_that_is_no_json_object_is_refused(exchange: FlaskClient, raw: bytes, content_type: str) -> None:
    for path in (EXCHANGE, "/"):
        refused = exchange.post(path, data=raw, content_type=content_type, headers=SIGNED_IN)
        assert refused.status_code == 400
        assert error(refused)["status"] == "INVALID_ARGUMENT"


def test_a_field_name_that_may_be_a_token_is_not_repeated(exchange: FlaskClient, connect: FlaskClient) -> None:
    message = error(exchange.post(EXCHANGE, json={"public-sandbox-1": 1, "colour": 1}, headers=SIGNED_IN))["message"]
    assert "colour: " in message
    assert "sandbox" not in message
    twice = f"{CONNECT}?public-sandbox-1=a&public-sandbox-1=b"
    assert "sandbox" not in error(connect.get(twice, headers=SIGNED_IN))["message"]


def test_a_body_nested_too_deep_or_too_long_is_refused(exchange: FlaskClient) -> None:
    deep = b'{"public_token":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    assert exchange.post(EXCHANGE, data=deep, content_type="application/json", headers=SIGNED_IN).status_code == 400
    long = exchange.post(EXCHANGE, json={"public_token": "x" * 300_000}, headers=SIGNED_IN)
    assert long.status_code == 413
    assert error(long)["status"] == "INVALID_ARGUMENT"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "alice"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic alice"},
        {"Authorization": "Bearer bob"},
    ],
)
def test_call_without_a_valid_id_token_is_refused(exchange: FlaskClient, world: World, headers: dict[str, str]) -> None:
    world.plaid.new_item()
    for path, sent in ((EXCHANGE, {"public_token": "public-1"}), ("/", {"data": {"public_token": "public-1"}})):
        refused = exchange.post(path, json=sent, headers=headers)
        assert refused.status_code == 401
        assert error(refused)["status"] == "UNAUTHENTICATED"
    assert world.calls.log == []


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_a_wrong_method_does_nothing(connect: FlaskClient, world: World, method: str) -> None:
    refused = getattr(connect, method)(CONNECT, headers=SIGNED_IN)
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET")
    error(refused)
    assert world.calls.log == []
    assert connect.get("/", headers=SIGNED_IN).status_code == 405


def test_another_path_is_not_found(connect: FlaskClient) -> None:
    for path in ("/api/v1/bank/connect/x", "/api/v1/bank", "/api/"):
        assert error(connect.get(path, headers=SIGNED_IN))["status"] == "NOT_FOUND"


def test_the_path_names_the_connection(sync: FlaskClient, world: World) -> None:
    world.connected("1")
    path = "/api/v1/bank/connections/{}/sync"
    done = sync.post(path.format("1"), headers=SIGNED_IN)
    assert done.status_code == 202
    assert body(done)["sync_progress"]["status"] == "pending"
    assert sync.post(path.format("2"), headers=SIGNED_IN).status_code == 404
    twice = sync.post(path.format("1"), json={"connection_id": "1"}, headers=SIGNED_IN)
    assert twice.status_code == 400
    soon = sync.post("/", json={"data": {"connection_id": "1"}}, headers=SIGNED_IN)
    assert soon.status_code == 429
    assert error(soon)["details"]["retry_after_seconds"] == int(soon.headers["Retry-After"])


def test_a_rate_limited_call_says_when_to_retry(connect: FlaskClient) -> None:
    container.limits().wait = 17  # type: ignore[attr-defined]
    refused = connect.get(CONNECT, headers=SIGNED_IN)
    assert refused.status_code == 429
    assert error(refused)["details"] == {"code": "rate_limited", "retry_after_seconds": 17}


def test_internal_error_reveals_no_details(connect: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug() -> None:
        raise RuntimeError(TOKEN)

    monkeypatch.setattr(container, "plaid", bug)
    broken = connect.get(CONNECT, headers=SIGNED_IN)
    assert broken.status_code == 500
    assert error(broken)["status"] == "INTERNAL"
    assert TOKEN not in broken.text


def test_only_allowed_origins_may_read_the_answers(connect: FlaskClient) -> None:
    asks = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization,x-client"}
    for origin, allowed in (("https://app.example", True), ("https://evil.example", False)):
        preflight = connect.options(CONNECT, headers={"Origin": origin, **asks})
        assert preflight.status_code == 204
        assert (preflight.headers.get("Access-Control-Allow-Origin") == origin) is allowed
        answer = connect.get(CONNECT, headers={"Origin": origin, **SIGNED_IN})
        assert (answer.headers.get("Access-Control-Allow-Origin") == origin) is allowed
        refusal = connect.get(CONNECT, headers={"Origin": origin})
        assert (refusal.headers.get("Access-Control-Allow-Origin") == origin) is allowed
        assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize(
    "function", ["create_link_token", "exchange_public_token", "sync_connection", "plaid_webhook", "api_not_found"]
)
def test_the_platforms_probe_is_answered_harmlessly(world: World, function: str) -> None:
    for probed in client(function):
        assert probed.get("/__/health").status_code == 200
    assert world.calls.log == []


def test_a_path_that_the_framework_does_not_route_is_not_found_in_the_contracts_form(connect: FlaskClient) -> None:
    missing = connect.get("/api/v1/bank/connections/%0A", headers=SIGNED_IN)
    assert missing.status_code == 404
    assert error(missing)["details"]["code"] == "path_not_found"


def test_every_other_path_of_the_api_is_not_found(world: World) -> None:
    for asked in client("api_not_found"):
        for method in ("get", "post", "delete"):
            missing = getattr(asked, method)("/api/v1/whatever")
            assert missing.status_code == 404
            assert error(missing)["details"]["code"] == "path_not_found"


def test_each_delivery_of_a_task_logs_its_outcome_and_its_queue_delay(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    late = {"X-Cloudtasks-Tasketa": f"{world.clock.at.timestamp() - 90:.6f}"}
    again = late | {"X-Cloudtasks-Taskretrycount": "3"}
    task = {"data": {"connection_id": "unknown"}}
    for delivering in client("removeitem"):
        monkeypatch.setattr(removal_container, "item_remover", lambda: SimpleNamespace(resume=lambda _: None))
        assert delivering.post("/", json=task, headers=late).status_code == 200
        monkeypatch.setattr(removal_container, "item_remover", lambda: SimpleNamespace(resume=lambda _: 1 / 0))
        assert delivering.post("/", json=task, headers=again).status_code == 503
        assert delivering.post("/", json=task, headers={"X-Cloudtasks-Tasketa": "soon"}).status_code == 503
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    first, second, third = (line for line in lines if line["message"] == "task.ended")
    assert (first["outcome"], first["retries"]) == ("done", 0)
    assert 90 <= first["waited_seconds"] < 91
    assert (second["outcome"], second["retries"], second["waited_seconds"]) == ("failed", 3, None)
    assert third["waited_seconds"] is None


def test_with_app_check_only_attested_apps_may_call(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.connected("1")
    monkeypatch.setattr(container, "settings", lambda: Settings(project="demo-bank", app_check=True))
    for name, (method, path) in CLIENT_FUNCTIONS.items():
        before = list(world.calls.log)
        for asking in client(name):
            for headers, code in (
                ({}, "app_check_missing"),
                ({"X-Firebase-AppCheck": ""}, "app_check_missing"),
                ({"X-Firebase-AppCheck": "another"}, "app_check_invalid"),
            ):
                rest = asking.open(path, method=method, headers=SIGNED_IN | headers)
                called = asking.post("/", json={"data": {}}, headers=SIGNED_IN | headers)
                for refused in (rest, called):
                    assert refused.status_code == 401, name
                    assert error(refused)["details"]["code"] == code
            assert world.calls.log == before
            attested = SIGNED_IN | {"X-Firebase-AppCheck": "attested"}
            assert asking.open(path, method=method, headers=attested).status_code not in (401, 500), name
            assert request_context.app.get() == "1:1:web:1"  # which the audit log records


def test_app_check_is_not_required_of_plaid_and_the_queues(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "settings", lambda: Settings(project="demo-bank", app_check=True))
    for asking in client("api_not_found"):
        assert asking.get("/api/v1/x").status_code == 404
    for delivering in client("exchangelink"):
        assert delivering.post("/", json={"data": {"result_id": "unknown"}}).status_code == 200


def test_all_functions_of_apps_are_tested() -> None:
    assert set(CLIENT_FUNCTIONS) == {name for name, route in routes().items() if not route.public}
