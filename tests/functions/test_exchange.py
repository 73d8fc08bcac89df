"""Input and output of the exchange: one item, or several items with one result each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from shared.serving import container
from tests.functions.conftest import CONNECT, EXCHANGE, SIGNED_IN, TOKEN, body, error
from tests.usecases.conftest import World


def test_value_that_the_sdks_send_for_undefined_counts_as_absent(exchange: FlaskClient, world: World) -> None:
    world.plaid.new_item()
    data = {"public_token": "public-1", "allow_duplicate": None, "items": None, "accounts": None, "institution": None}
    assert exchange.post("/", json={"data": data}, headers=SIGNED_IN).status_code == 200


def test_a_first_exchange_is_201_by_rest_and_200_when_called(exchange: FlaskClient, world: World) -> None:
    world.plaid.new_item("1")
    world.plaid.new_item("2")
    rest = exchange.post(EXCHANGE, json={"public_token": "public-1"}, headers=SIGNED_IN)
    again = exchange.post(EXCHANGE, json={"public_token": "public-1"}, headers=SIGNED_IN)
    called = exchange.post("/", json={"data": {"public_token": "public-2", "allow_duplicate": True}}, headers=SIGNED_IN)
    assert (rest.status_code, again.status_code, called.status_code) == (201, 200, 200)
    assert rest.json == again.json
    fields = {"connection_id", "institution_id", "institution_name", "status", "account_ids"}
    assert set(body(rest)) == set(body(called)["result"]) == fields


def test_several_items_each_get_their_own_result_in_order(exchange: FlaskClient, world: World) -> None:
    world.plaid.new_item("1")
    items = [{"public_token": "unknown"}, {"public_token": "public-1"}]
    answer = exchange.post(EXCHANGE, json={"items": items}, headers=SIGNED_IN)
    assert answer.status_code == 200
    bad, good = body(answer)["results"]
    assert bad["error"]["status"] == "INVALID_ARGUMENT"
    assert good["connection_id"] in world.store.connections


@pytest.mark.parametrize("kind", ["rest", "called", "items"])
def test_exchange_names_the_connection_that_it_replaces(exchange: FlaskClient, world: World, kind: str) -> None:
    for name in ("1", "2"):
        world.plaid.new_item(name)
    old = body(exchange.post(EXCHANGE, json={"public_token": "public-1"}, headers=SIGNED_IN))["connection_id"]
    sent = {"public_token": "public-2", "replaces": old}
    if kind == "rest":
        answer = body(exchange.post(EXCHANGE, json=sent, headers=SIGNED_IN))
    elif kind == "called":
        answer = body(exchange.post("/", json={"data": sent}, headers=SIGNED_IN))["result"]
    else:
        (answer,) = body(exchange.post(EXCHANGE, json={"items": [sent]}, headers=SIGNED_IN))["results"]
    assert world.store.connections[answer["connection_id"]].replaces == old


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"public_token": ""},
        {"public_token": 7},
        {"public_token": TOKEN, "user_id": "bob"},
        {"items": []},
        {"items": None},
        {"items": [{"public_token": TOKEN}] * 11},
        {"items": [{"public_token": TOKEN}, {"public_token": TOKEN, "x": 1}]},
        {"items": [{"public_token": TOKEN}], "public_token": TOKEN},
        {"public_token": TOKEN, "user_id": None},
        {"public_token": TOKEN, "allow_duplicate": "yes"},
        {"public_token": TOKEN, "replaces": ""},
        {"public_token": TOKEN, "replaces": ["1"]},
        {"public_token": TOKEN, "accounts": [{"name": "Checking"}] * 201},
        {"items": [{"public_token": TOKEN, "accounts": [None] * 201}]},
    ],
)
def test_a_malformed_exchange_is_refused_as_a_whole_before_any_call(
    exchange: FlaskClient, world: World, body: dict[str, Any]
) -> None:
    refused = exchange.post(EXCHANGE, json=body, headers=SIGNED_IN)
    assert refused.status_code == 400
    assert error(refused)["status"] == "INVALID_ARGUMENT"
    assert world.calls.log == []
    assert TOKEN not in refused.text, "a value of the caller's is never echoed: it may be a token"


NESTED: dict[str, Any] = {"name": {"name": {"name": ["x"]}}}


@pytest.mark.parametrize(
    "hints",
    [
        {"accounts": [{"id": "a", "name": None, "mask": "1234"}]},
        {"accounts": [{"mask": "1234"}]},
        {"accounts": [{"name": 7, "mask": 1234, "id": 1.5}]},
        {"accounts": [None, 7, "Checking", ["Checking"], [[]], NESTED, {}]},
        {"accounts": ["Checking", "Savings"]},
        {"accounts": "Checking"},
        {"accounts": {"0": {"name": "Checking"}}},
        {"accounts": 7},
        {"accounts": []},
        {"accounts": [{"name": "\ud800", "mask": "\udfff"}]},
        {"accounts": [{"name": "Check\u0000ing\n", "mask": "\u001b[31m"}]},
        {"accounts": [{"name": "x" * 5000, "mask": "0000"}]},
        {"accounts": [{"name": "Checking", "mask": "0000", "more": NESTED}] * 200},
        {"institution": "ins_1"},
        {"institution": ["ins_1"]},
        {"institution": {"institution_id": "i", "x": 1}},
        {"institution": {"institution_id": 7, "name": ["Bank"]}},
        {"institution": {"institution_id": "../\ud800/\u0000", "name": None}, "accounts": [{"name": "Checking"}]},
        {"institution": {"institution_id": "é" * 500}, "accounts": [{"name": "Checking", "mask": "0000"}]},
        {"institution": {"institution_id": "ins_1"}, "accounts": [NESTED, {"name": "Checking", "mask": None}]},
    ],
)
@pytest.mark.parametrize("kind", ["rest", "called", "items"])
def test_odd_metadata_of_link_is_ignored_and_a_duplicate_is_still_found(
    exchange: FlaskClient, world: World, hints: dict[str, Any], kind: str
) -> None:
    def ask(number: int, **fields: Any) -> Any:
        token = {"public_token": f"public-{number}", **fields}
        if kind == "rest":
            answer = body(exchange.post(EXCHANGE, json=token, headers=SIGNED_IN))
        elif kind == "called":
            answer = body(exchange.post("/", json={"data": token}, headers=SIGNED_IN))
        else:
            (answer,) = body(exchange.post(EXCHANGE, json={"items": [token]}, headers=SIGNED_IN))["results"]
        return answer.get("result", answer)

    world.plaid.new_item("1")
    world.plaid.new_item("2")
    first = ask(1, **hints)
    assert first["account_ids"] == ["checking"]
    details = ask(2, **hints)["error"]["details"]
    assert details == {
        "code": "duplicate_connection",
        "connection_id": first["connection_id"],
        "accounts": [{"account_id": "checking", "name": "Checking", "mask": "0000"}],
    }


def test_original_link_metadata_reveals_a_duplicate_before_the_exchange(exchange: FlaskClient, world: World) -> None:
    world.plaid.new_item("1")
    world.plaid.new_item("2")
    first = exchange.post(EXCHANGE, json={"public_token": "public-1"}, headers=SIGNED_IN)
    named = {"id": "a", "name": "Checking", "mask": "0000", "type": "depository", "subtype": "checking"}
    given = {"institution": {"institution_id": "ins_1", "name": "First Bank"}, "accounts": [named]}
    refused = exchange.post(EXCHANGE, json={"public_token": "public-2", **given}, headers=SIGNED_IN)
    assert refused.status_code == 409
    assert error(refused)["details"]["connection_id"] == body(first)["connection_id"]
    assert "public-2" in world.plaid.public_tokens, "the token can still be used"


def several(exchange: FlaskClient, *tokens: str, **each: object) -> list[dict[str, Any]]:
    """The results of one call with these public tokens."""
    items = [{"public_token": token, **each} for token in tokens]
    answer = exchange.post(EXCHANGE, json={"items": items}, headers=SIGNED_IN)
    assert answer.status_code == 200
    assert set(body(answer)) == {"results"}
    assert answer.headers["Cache-Control"] == "no-store"
    results: list[dict[str, Any]] = body(answer)["results"]
    assert len(results) == len(tokens)
    return results


def test_ten_items_are_answered_in_their_order(exchange: FlaskClient, world: World) -> None:
    tokens = [f"public-{n}" for n in range(10)]
    items = [world.plaid.new_item(str(n)).item_id for n in range(10)]
    results = several(exchange, *tokens, allow_duplicate=True)
    assert [world.store.connections[r["connection_id"]].item_id for r in results] == items
    assert several(exchange, *tokens) == results, "the same answer"
    assert several(exchange, *reversed(tokens)) == results[::-1]


def test_the_same_token_twice_in_a_list_is_one_connection(exchange: FlaskClient, world: World) -> None:
    world.plaid.new_item("1")
    first, second = several(exchange, "public-1", "public-1")
    assert first == second
    assert len(world.store.connections) == 1


def test_the_same_accounts_twice_in_a_list_are_one_connection(exchange: FlaskClient, world: World) -> None:
    world.plaid.new_item("1")
    world.plaid.new_item("2")
    first, second = several(exchange, "public-1", "public-2")
    assert second["error"]["status"] == "ALREADY_EXISTS"
    assert second["error"]["details"]["connection_id"] == first["connection_id"]
    assert world.plaid.removed == ["item-2"]


def test_each_item_counts_as_one_exchange_and_items_beyond_the_limit_are_refused(
    exchange: FlaskClient, world: World
) -> None:
    for n in range(3):
        world.plaid.new_item(str(n))
    waits = iter([None, 17, None])
    limits = container.limits()
    limits.spend = lambda *_, **__: next(waits)  # type: ignore[method-assign]
    first, second, third = several(exchange, "public-0", "public-1", "public-2", allow_duplicate=True)
    assert second == {
        "error": {
            "status": "RESOURCE_EXHAUSTED",
            "message": "too many calls; retry later",
            "details": {"code": "rate_limited", "retry_after_seconds": 17},
        }
    }
    assert {first["connection_id"], third["connection_id"]} == set(world.store.connections)


def test_a_bug_in_one_item_does_not_hide_the_results_of_the_others(exchange: FlaskClient, world: World) -> None:
    for n in range(3):
        world.plaid.new_item(str(n))

    def bug(name: str) -> None:
        if name == "bank.exchange" and "public-0" not in world.plaid.public_tokens:
            world.calls.before = None
            raise RuntimeError(TOKEN)

    world.calls.before = bug
    first, second, third = several(exchange, "public-0", "public-1", "public-2", allow_duplicate=True)
    assert (second["error"]["status"], second["error"]["details"]) == ("INTERNAL", {"code": "internal"})
    assert TOKEN not in str(second)
    assert {first["connection_id"], third["connection_id"]} == set(world.store.connections)


def test_when_the_first_items_take_long_the_last_are_left_for_another_call(exchange: FlaskClient, world: World) -> None:
    for n in range(3):
        world.plaid.new_item(str(n))
    world.calls.before = lambda name: world.clock.move(timedelta(seconds=20 if name == "bank.exchange" else 0))
    tokens = ["public-0", "public-1", "public-2"]
    *done, left = several(exchange, *tokens, allow_duplicate=True)
    assert {one["connection_id"] for one in done} == set(world.store.connections)
    assert left["error"]["status"] == "UNAVAILABLE"
    assert left["error"]["details"] == {"code": "exchange_not_started", "retry_after_seconds": 1}
    assert "public-2" in world.plaid.public_tokens
    *again, last = several(exchange, *tokens, allow_duplicate=True)
    assert again == done
    assert last["connection_id"]


def test_a_call_with_items_is_answered_by_the_callable_protocol_too(exchange: FlaskClient, world: World) -> None:
    world.plaid.new_item("1")
    data = {"items": [{"public_token": "public-1"}, {"public_token": "unknown"}]}
    answer = exchange.post("/", json={"data": data}, headers=SIGNED_IN)
    assert answer.status_code == 200
    good, bad = body(answer)["result"]["results"]
    assert good["status"] == "good"
    assert bad["error"]["details"]["plaid"]["request_id"] == "r1"


LINK = "link-fake"


def issued(connect: FlaskClient) -> str:
    token: str = body(connect.get(CONNECT, headers=SIGNED_IN))["link_token"]
    return token


def test_link_token_of_the_caller_is_accepted_with_the_exchange(
    connect: FlaskClient, exchange: FlaskClient, world: World
) -> None:
    world.plaid.new_item()
    given = {"public_token": "public-1", "link_token": issued(connect)}
    assert exchange.post(EXCHANGE, json=given, headers=SIGNED_IN).status_code == 201


def test_a_link_token_that_was_not_issued_to_the_caller_is_refused_before_any_call_to_plaid(
    exchange: FlaskClient, world: World
) -> None:
    world.plaid.new_item()
    given = {"public_token": "public-1", "link_token": "link-of-another"}
    refused = exchange.post(EXCHANGE, json=given, headers=SIGNED_IN)
    assert refused.status_code == 400
    assert error(refused)["status"] == "INVALID_ARGUMENT"
    assert error(refused)["details"]["code"] == "link_token_not_yours"
    assert "link-of-another" not in refused.text
    assert not [call for call in world.calls.log if call.startswith("bank")]


def test_each_of_several_items_has_its_own_link_token(
    connect: FlaskClient, exchange: FlaskClient, world: World
) -> None:
    for n in range(3):
        world.plaid.new_item(str(n))
    links = (issued(connect), "link-of-another", None)
    items = [
        {"public_token": f"public-{n}", "link_token": link, "allow_duplicate": True} for n, link in enumerate(links)
    ]
    first, second, third = body(exchange.post(EXCHANGE, json={"items": items}, headers=SIGNED_IN))["results"]
    assert second["error"]["details"]["code"] == "link_token_not_yours"
    assert {first["connection_id"], third["connection_id"]} == set(world.store.connections)
    assert "public-1" in world.plaid.public_tokens
    beside = exchange.post(EXCHANGE, json={"items": items[:1], "link_token": LINK}, headers=SIGNED_IN)
    assert beside.status_code == 400


def test_the_public_token_of_update_mode_is_200_with_its_connection(exchange: FlaskClient, world: World) -> None:
    world.plaid.new_item()
    made = body(exchange.post(EXCHANGE, json={"public_token": "public-1"}, headers=SIGNED_IN))
    again = exchange.post(EXCHANGE, json={"public_token": world.plaid.update_mode()}, headers=SIGNED_IN)
    assert (again.status_code, body(again)) == (200, made)
    assert world.plaid.removed == []


def test_another_users_item_is_400_and_untouched(exchange: FlaskClient, world: World) -> None:
    world.connected("1", owner="bob")
    refused = exchange.post(EXCHANGE, json={"public_token": world.plaid.update_mode()}, headers=SIGNED_IN)
    assert refused.status_code == 400
    assert error(refused)["details"] == {"code": "public_token_not_yours"}
    assert world.plaid.removed == []
