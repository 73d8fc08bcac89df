"""Fixtures of the alert tests: the running stack and its log."""

from __future__ import annotations

import httpx
import pytest

from emulators.stack import Stack
from tests.e2e.bank import Bank
from tests.monitoring.ground import Ground


@pytest.fixture(scope="session")
def bank(stack: Stack, http: httpx.Client) -> Bank:
    return Bank(stack, http)


@pytest.fixture(scope="module")
def ground(bank: Bank) -> Ground:
    """One connection to cause problems for."""
    return Ground.link(bank)
