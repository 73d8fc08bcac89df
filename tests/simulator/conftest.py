"""One simulator for all tests of this folder; each test starts with an empty one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .harness import Receiver, Sim, running_simulator


@pytest.fixture(scope="session")
def server() -> Iterator[Sim]:
    with running_simulator() as running:
        yield running


@pytest.fixture
def sim(server: Sim) -> Sim:
    server.control("/reset")
    return server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.close()
