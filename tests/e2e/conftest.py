"""Fixtures for end-to-end tests: the running stack with its API, store and simulator."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from emulators.stack import Stack
from tests.e2e.bank import AT_ONCE, Bank
from tests.e2e.left_behind import check_and_delete
from tests.places import AFTERWARDS


@pytest.fixture(scope="session")
def bank(stack: Stack, http: httpx.Client) -> Bank:
    bank = Bank(stack, http)
    bank.control("POST", "settings", **AT_ONCE)
    return bank


@pytest.fixture(scope="module", autouse=True)
def emptied_store(bank: Bank, request: pytest.FixtureRequest) -> Iterator[None]:
    """Checks and deletes what each module leaves in the store."""
    yield
    if not request.node.nodeid.startswith(AFTERWARDS):
        check_and_delete(bank)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test a generous timeout: a hanging test fails in the end, but a busy machine fails none."""
    for item in items:
        if item.nodeid.startswith("tests/e2e/") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(300))
