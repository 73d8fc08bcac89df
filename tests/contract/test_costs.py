"""What calls and syncs cost in round trips and documents, counted at the emulator and at the simulator."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from benchmarks.process import Contestant
from emulators.client import PlaidSandbox
from emulators.environment import UNWANTED, operator_environment
from emulators.stack import Stack

Json = dict[str, Any]
GENERATED = {"username": "user_generated", "password": json.dumps({"transactions": 1_200, "seed": 3})}


@pytest.fixture(scope="module")
def backend(stack: Stack) -> Iterator[Contestant]:
    """The backend in its own process, where every Firestore call is counted."""
    ours = operator_environment(stack.ports, stack.plaid) | {"WEBHOOK_URL": "", "BANK_LOG_LEVEL": "ERROR"}
    given = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    with Contestant("benchmarks.product", given | ours) as process:
        yield process


@pytest.fixture
def sim(stack: Stack, http: httpx.Client) -> Callable[..., Json]:
    """The simulator's control API, with counters per item and per endpoint."""

    def ask(path: str, **body: Any) -> Json:
        url = f"{stack.plaid.base_url}/_sim/{path}"
        answer = http.post(url, json=body) if body else http.get(url)
        found: Json = answer.raise_for_status().json()
        return found

    return ask


@pytest.fixture
def warm(backend: Contestant, plaid: PlaidSandbox) -> Contestant:
    """The backend with its clients created, so that only the call itself is counted."""
    backend.ask("connect", public_token=plaid.create_public_token(institution_id="ins_109508"), user="another-user")
    return backend


def test_a_link_token_takes_one_call_to_plaid_and_five_to_the_store(warm: Contestant, sim: Callable[..., Json]) -> None:
    before = sim("counters")["endpoints"].get("/link/token/create", 0)
    spent = warm.ask("counted", action="link_token", user="caller-1")
    assert sim("counters")["endpoints"]["/link/token/create"] - before == 1
    assert spent["calls"] == 5, "the limit is read and counted, connections and settings are read, the token is noted"


def test_an_exchange_takes_two_calls_to_plaid_and_few_to_the_store(warm: Contestant, sim: Callable[..., Json]) -> None:
    made = sim("items", username="user_good", exchange=False)
    spent = warm.ask("counted", action="connect", public_token=made["public_token"], user="caller-2", accounts=2)
    calls = sim(f"items/{made['item_id']}")["calls"]
    assert calls == {"/item/public_token/exchange": 1, "/accounts/get": 1}
    assert spent["commits"] == 3, "the intent, the token, the connection"
    assert spent["calls"] == 7, "plus the item's connections, the guards, the bank's connections, the audit log's head"


def test_a_sync_with_nothing_new_and_one_with_nothing_changed(warm: Contestant, sim: Callable[..., Json]) -> None:
    before = sim("settings")
    sim("settings", initial_after=0, history_after=0)
    try:
        made = sim("items", **GENERATED, exchange=False)
    finally:
        sim("settings", initial_after=before["initial_after"], history_after=before["history_after"])
    item = f"items/{made['item_id']}"
    connection_id = warm.ask("connect", public_token=made["public_token"])["connection_id"]
    first = warm.ask("sync", connection_id=connection_id, counted=True)
    assert first["rows"] == first["added"] == 1_200
    assert first["reads"] < 10, "a first sync reads no rows"
    assert first["writes"] <= 1_200 + 40, "a write for each row, and a few for each page"

    warm.ask("ask", connection_id=connection_id)
    calls = sum(sim(item)["calls"].values())
    idle = warm.ask("sync", connection_id=connection_id, counted=True)
    assert sum(sim(item)["calls"].values()) - calls == 1
    assert (idle["commits"], idle["writes"]) == (2, 5)
    # The state and the token; and the pauses, when the cached ones are more than seconds old.
    assert idle["reads"] in (2, 3)

    rows = sim(f"{item}/truth")["transactions"]
    touched = [row["transaction_id"] for row in rows if not row["pending"]][:30]
    sim(f"{item}/transactions", touch=touched, notify=False)
    warm.ask("ask", connection_id=connection_id)
    same = warm.ask("sync", connection_id=connection_id, counted=True)
    assert same["modified"] == 30
    assert same["rows"] == 0, "unchanged documents are not written again"
    assert same["reads"] <= 30 + 4, "one read each, besides the run's own"
