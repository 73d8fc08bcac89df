"""Fixtures of the campaigns: the running stack, and the shared random seed."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator

import httpx
import pytest

from emulators.stack import Stack
from tests.e2e.bank import Bank
from tests.e2e.left_behind import check_and_delete
from tests.soak.ground import SOAK, Log, schedule

DEFAULT_SEED = 20_260_301


@pytest.fixture(scope="session")
def bank(fresh_stack: Stack) -> Iterator[Bank]:
    """The stack, with enough HTTP connections for many threads."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=40)
    with httpx.Client(trust_env=False, timeout=120, limits=limits) as client:
        yield Bank(fresh_stack, client)


@pytest.fixture(scope="module", autouse=True)
def emptied_store(bank: Bank) -> Iterator[None]:
    """Checks and deletes what each campaign leaves in the store."""
    yield
    check_and_delete(bank)


@pytest.fixture
def log(bank: Bank) -> Log:
    """The functions' log from here on."""
    return Log(bank.stack.log("emulators"))


@pytest.fixture
def clock_of_the_schedule(bank: Bank) -> Iterator[None]:
    """Act as Cloud Scheduler in the background."""
    with schedule(bank):
        yield


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print past pytest's capture: a campaign's figures are useful when it passes, too."""

    def printed(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}", flush=True)  # noqa: T201

    return printed


@pytest.fixture
def rng(request: pytest.FixtureRequest, tell: Callable[[str], None]) -> random.Random:
    """A generator seeded by BANK_SEED, which is printed. It repeats the plan; threads and processes still vary."""
    seed = int(os.environ.get("BANK_SEED") or DEFAULT_SEED)
    tell(f"{request.node.name}: BANK_SEED={seed}{' SOAK=1' if SOAK else ''}")
    return random.Random(seed)
