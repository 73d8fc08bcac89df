"""Repeatedly refused calls are free of cost from a certain number on: nothing is read for them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from shared.domain.caller import Caller
from shared.domain.errors import NotStorable
from shared.serving import container
from shared.serving.refused_calls import PER_MINUTE, RefusedCalls
from tests.fakes import START
from tests.functions.conftest import EXCHANGE, alerts, client, error
from tests.usecases.conftest import World

SECOND = timedelta(seconds=1)


class AnyCaller:
    """Firebase that accepts every token and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def verify(self, id_token: str) -> Caller:
        self.asked += 1
        return Caller(id_token.partition(".")[0])


@pytest.fixture
def callers(world: World, monkeypatch: pytest.MonkeyPatch) -> AnyCaller:
    made = AnyCaller()
    monkeypatch.setattr(container, "callers", lambda: made)
    return made


@pytest.fixture
def sync(callers: AnyCaller) -> Iterator[FlaskClient]:
    yield from client("sync_connection")


def ask(sync: FlaskClient, token: str = "alice.1") -> Any:
    return sync.post("/api/v1/bank/connections/nothing/sync", headers={"Authorization": f"Bearer {token}"})


def test_beyond_the_ceiling_calls_are_refused_before_anything_is_read(
    sync: FlaskClient, callers: AnyCaller, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {ask(sync).status_code for _ in range(PER_MINUTE)} == {404}

    def read(*_: object, **__: object) -> None:
        raise AssertionError("something was read")

    monkeypatch.setattr(world.store, "find", read)
    ask(sync)
    before = callers.asked
    for _ in range(50):
        answer = ask(sync)
        assert (answer.status_code, error(answer)["details"]["code"]) == (429, "rate_limited")
        assert answer.headers["Retry-After"] == "60"
    assert callers.asked == before
    assert ask(sync, "alice.2").status_code == 429, "another token of the same user"
    assert callers.asked == before + 1
    assert ask(sync, "alice.2").status_code == 429
    assert callers.asked == before + 1


def test_other_users_are_not_affected(sync: FlaskClient, world: World) -> None:
    for _ in range(PER_MINUTE + 5):
        ask(sync)
    assert ask(sync, "bob.1").status_code == 404


def test_after_a_minute_calls_are_taken_again(sync: FlaskClient, world: World) -> None:
    for _ in range(PER_MINUTE + 5):
        ask(sync)
    world.clock.move(59 * SECOND)
    assert ask(sync).status_code == 429
    world.clock.move(2 * SECOND)
    assert ask(sync).status_code == 404


def test_calls_that_pass_and_outages_are_not_counted(
    callers: AnyCaller, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for erase in client("delete_bank_data"):
        for _ in range(PER_MINUTE + 5):
            answer = erase.delete("/api/v1/bank/data", headers={"Authorization": "Bearer alice.1"})
            assert answer.status_code == 202


def test_unauthenticated_caller_cannot_use_up_a_users_calls(world: World) -> None:
    for exchange in client("exchange_public_token"):
        for _ in range(PER_MINUTE + 5):
            refused = exchange.post(EXCHANGE, json={}, headers={"Authorization": "Bearer forged"})
            assert refused.status_code == 401
        assert exchange.post(EXCHANGE, json={}, headers={"Authorization": "Bearer alice"}).status_code == 400


def test_memory_is_bounded() -> None:
    calls = RefusedCalls(per_minute=1, max_users=10)
    for number in range(1_000):
        calls.add(f"u{number}", now=START)
        calls.wait(f"token-{number}", f"u{number}", now=START)
    assert (len(calls._counts), len(calls._users)) == (10, 10)
    assert calls.wait("x", "u999", now=START) == 60
    assert calls.wait("x", "u0", now=START) is None


def test_clock_that_is_set_back_blocks_no_caller() -> None:
    calls = RefusedCalls(per_minute=1)
    calls.add("u", now=START)
    assert calls.wait("t", "u", now=START - timedelta(hours=1)) is None


def test_counts_are_exact_under_concurrency() -> None:
    calls = RefusedCalls(per_minute=800)

    def add() -> None:
        for _ in range(100):
            calls.add("u", now=START)

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls._counts["u"].refused == 800
    assert calls.wait("t", "u", now=START) == 60


def test_invalid_document_name_is_a_client_error_without_an_alert(
    callers: AnyCaller, world: World, monkeypatch: pytest.MonkeyPatch, logged: list[logging.LogRecord]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotStorable

    monkeypatch.setattr(world.store, "find", refuse)
    monkeypatch.setattr(world.intents, "begin", refuse)
    for sync in client("sync_connection"):
        assert error(ask(sync))["details"]["code"] == "not_storable"
    for exchange in client("exchange_public_token"):
        one = {"public_token": "public-1"}
        headers = {"Authorization": "Bearer alice.1"}
        answer = exchange.post(EXCHANGE, json=one, headers=headers)
        assert (answer.status_code, error(answer)["details"]["code"]) == (400, "not_storable")
        answer = exchange.post(EXCHANGE, json={"items": [one]}, headers=headers)
        assert [one["error"]["details"]["code"] for one in answer.get_json()["results"]] == ["not_storable"]
    assert alerts(logged) == []


def test_refused_items_of_a_list_count_like_refused_calls(callers: AnyCaller, world: World) -> None:
    headers = {"Authorization": "Bearer alice.1"}
    ten = {"items": [{"public_token": "no token"}] * 10}
    for exchange in client("exchange_public_token"):
        answers = [exchange.post(EXCHANGE, json=ten, headers=headers).status_code for _ in range(PER_MINUTE // 10)]
        assert set(answers) == {200}
        assert exchange.post(EXCHANGE, json=ten, headers=headers).status_code == 429
        asked = callers.asked
        assert exchange.post(EXCHANGE, json=ten, headers=headers).status_code == 429
        assert callers.asked == asked
