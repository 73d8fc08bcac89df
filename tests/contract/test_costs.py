"""What calls and syncs cost in round trips and documents: counted at the emulator's door, and at the simulator's."""

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
    """The backend in a process of its own, where everything that goes to Firestore is counted."""
    ours = operator_environment(stack.ports, stack.plaid) | {"WEBHOOK_URL": "", "BANK_LOG_LEVEL": "ERROR"}
    given = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    with Contestant("benchmarks.product", given | ours) as process:
        yield process


@pytest.fixture
def plaid_calls(stack: Stack, http: httpx.Client) -> Callable[[], int]:
    """How often Plaid was called so far."""
    return lambda: sum(http.get(f"{stack.plaid.base_url}/_sim/counters").json()["endpoints"].values())


@pytest.fixture
def warm(backend: Contestant, plaid: PlaidSandbox) -> Contestant:
    """The same with its clients made, so that what is counted is the call's own."""
    backend.ask("connect", public_token=plaid.create_public_token(institution_id="ins_109508"), user="somebody-else")
    return backend


def test_a_link_token_takes_one_call_to_plaid_and_three_to_the_store(
    warm: Contestant, plaid_calls: Callable[[], int]
) -> None:
    before = plaid_calls()
    spent = warm.ask("counted", action="link_token", user="caller-1")
    assert plaid_calls() - before == 1
    assert spent["calls"] == 3, "the limit is read and counted, the user's settings are read"


def test_an_exchange_takes_two_calls_to_plaid_and_few_to_the_store(
    warm: Contestant, plaid: PlaidSandbox, plaid_calls: Callable[[], int]
) -> None:
    token = plaid.create_public_token(institution_id="ins_109508")
    before = plaid_calls()
    spent = warm.ask("counted", action="connect", public_token=token, user="caller-2", accounts=2)
    assert plaid_calls() - before == 2
    assert spent["commits"] == 3, "the intent, the token, the connection"
    assert spent["calls"] <= 8


def test_a_sync_with_nothing_new_and_one_with_nothing_changed(
    warm: Contestant, stack: Stack, http: httpx.Client, plaid: PlaidSandbox
) -> None:
    http.post(f"{stack.plaid.base_url}/_sim/settings", json={"initial_after": 0, "history_after": 0})
    try:
        made = http.post(f"{stack.plaid.base_url}/_sim/items", json=GENERATED | {"exchange": False}).json()
    finally:
        http.post(f"{stack.plaid.base_url}/_sim/settings", json={"initial_after": 1, "history_after": 3})
    item = f"{stack.plaid.base_url}/_sim/items/{made['item_id']}"
    connection_id = warm.ask("connect", public_token=made["public_token"])["connection_id"]
    first = warm.ask("sync", connection_id=connection_id, counted=True)
    assert first["rows"] == first["added"] == 1_200
    assert first["reads"] < 10, "a first sync reads no rows"

    warm.ask("ask", connection_id=connection_id)
    before = sum(http.get(item).json()["calls"].values())
    idle = warm.ask("sync", connection_id=connection_id, counted=True)
    assert sum(http.get(item).json()["calls"].values()) - before == 1
    assert (idle["reads"], idle["commits"], idle["writes"]) == (2, 2, 5)

    rows = http.get(f"{item}/truth").json()["transactions"]
    touched = [row["transaction_id"] for row in rows if not row["pending"]][:30]
    http.post(f"{item}/transactions", json={"touch": touched, "notify": False}).raise_for_status()
    warm.ask("ask", connection_id=connection_id)
    same = warm.ask("sync", connection_id=connection_id, counted=True)
    assert same["modified"] == 30
    assert same["rows"] == 0, "what did not change is not written again"
    assert same["reads"] - idle["reads"] <= 30
