"""A simulator for the tests of products, and a client of its products."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from shared.adapters.plaid.product_client import PlaidProductsClient
from shared.settings import Settings
from tests.simulator.harness import Sim, running_simulator


@pytest.fixture(scope="module")
def server() -> Iterator[Sim]:
    with running_simulator() as running:
        yield running


@pytest.fixture
def sim(server: Sim) -> Sim:
    server.control("/reset")
    return server


@pytest.fixture
def plaid(sim: Sim) -> PlaidProductsClient:
    keys: dict[str, Any] = {"plaid_client_id": "a-client", "plaid_secret": SecretStr("a-secret")}
    return PlaidProductsClient(settings=Settings(project="demo-bank", plaid_base_url=sim.url, **keys))
