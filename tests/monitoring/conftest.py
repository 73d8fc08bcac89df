"""Fixtures of the alert tests: the running stack and its log."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from emulators.stack import Stack
from tests.e2e.bank import Bank
from tests.e2e.left_behind import check_and_delete
from tests.monitoring.ground import Ground


@pytest.fixture(scope="session")
def bank(fresh_stack: Stack, http: httpx.Client) -> Bank:
    return Bank(fresh_stack, http)


@pytest.fixture(scope="module")
def ground(bank: Bank) -> Iterator[Ground]:
    """One connection to cause problems for; then the store is checked and emptied."""
    yield Ground.link(bank)
    check_and_delete(bank)
