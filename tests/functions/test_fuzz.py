"""Hostile requests to every HTTP function, in process; refused requests have no effect."""

from __future__ import annotations

import importlib
import json
import logging
import os
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, seed, settings

from shared.serving.http import Route
from tests.functions.conftest import alerts, client
from tests.fuzz import FUNCTIONS, HARD, IDS, Wild, complaints, wild_requests
from tests.usecases.conftest import World
from tests.usecases.linking_ground import sweep

EXAMPLES = 1000 if os.environ.get("SOAK") else 40
AUTHORIZATIONS = ("Bearer alice",) * 4 + (
    "bearer alice",
    "Bearer bob",
    "Bearer",
    "Basic YWxpY2U=",
    "Bearer ÅÄÖ",
    "",
    None,
)
SECONDS = 5.0  # CPU time, because wall time also depends on other processes


HINTED = [
    {"institution": {"institution_id": odd, "name": odd}, "accounts": [{"id": odd, "name": odd, "mask": odd}]}
    for odd in (*IDS, "\ud800", "a\udfffb")
]


@pytest.mark.parametrize("hints", HINTED, ids=range(len(HINTED)))
def test_no_metadata_of_an_app_blocks_a_link_or_raises_an_alert(
    world: World, logged: list[logging.LogRecord], hints: dict[str, Any]
) -> None:
    world.plaid.new_item()
    for asking in client("exchange_public_token"):
        answer = asking.post(
            "/api/v1/bank/set_access_token",
            headers={"Authorization": "Bearer alice", "Content-Type": "application/json"},
            data=json.dumps({"public_token": "public-1", **hints}),
        )
        assert answer.status_code == 201, answer.text
    assert alerts(logged) == []


def everything(world: World) -> dict[str, str]:
    """All stored documents, queued tasks and Plaid calls, except what the guards record about callers."""
    kept = {**vars(world.store), **vars(world.queue), "links": world.plaid.link_requests}
    return {name: repr(value) for name, value in kept.items() if name not in ("calls", "_versions")}


def sweep_what_was_begun(world: World) -> None:
    """The scheduler runs of the next days."""
    for _ in range(4 * 24):
        world.clock.move(timedelta(minutes=30))
        sweep(world)


@pytest.fixture(params=FUNCTIONS)
def asked(request: pytest.FixtureRequest, world: World) -> Iterator[tuple[str, FlaskClient, World]]:
    world.connected("1")
    world.connected("of-another", owner="bob")
    for asking in client(request.param):
        yield request.param, asking, world


def test_every_malformed_body_is_refused(asked: tuple[str, FlaskClient, World]) -> None:
    function, asking, world = asked
    route: Route = importlib.import_module(f"functions.{function}").ROUTE
    before = everything(world)
    for body in HARD:
        for path in (route.path.replace("{connection_id}", "nothing"), "/"):
            for kind in ("application/json", "text/plain"):
                headers = {"Authorization": "Bearer alice", "Content-Type": kind}
                answer = asking.post(path, headers=headers, data=body)
                wild = Wild("POST", path, headers, body)
                assert complaints(wild, answer.status_code, answer.text, ours=True) == [], wild
                assert answer.status_code >= 400, wild
    assert everything(world) == before


def test_every_request_is_answered_and_refused_requests_have_no_effect(
    asked: tuple[str, FlaskClient, World],
    logged: list[logging.LogRecord],
) -> None:
    function, asking, world = asked
    answers: dict[int, int] = {}

    @seed(int(os.environ.get("BANK_SEED") or 20_260_301))
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(wild_requests(function, authorizations=AUTHORIZATIONS))
    def ask(wild: Wild) -> None:
        world.clock.move(timedelta(seconds=1))  # otherwise a user's refused calls would soon be refused unread
        before, began = everything(world), time.process_time()
        answer: Any = asking.open(wild.path, method=wild.method, headers=wild.headers, data=wild.body)
        took = time.process_time() - began
        answers[answer.status_code] = answers.get(answer.status_code, 0) + 1
        assert complaints(wild, answer.status_code, answer.text, ours=True) == []
        assert took < SECONDS
        if answer.status_code >= 400 or wild.method == "OPTIONS":
            assert everything(world) == before

    ask()
    assert alerts(logged) == []
    sweep_what_was_begun(world)
    assert alerts(logged) == [], "work that was started and is found later"
    assert sum(answers.values()) >= EXAMPLES
    assert any(400 <= status < 500 for status in answers), answers
