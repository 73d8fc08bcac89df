"""The stack from all sides, for tests of the whole way."""

from __future__ import annotations

import httpx
import pytest

from emulators.stack import Stack
from tests.e2e.bank import Bank


@pytest.fixture(scope="session")
def bank(stack: Stack, http: httpx.Client) -> Bank:
    return Bank(stack, http)
