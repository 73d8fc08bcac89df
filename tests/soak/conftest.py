"""The stack from all sides, and the seed that the campaigns share."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator

import httpx
import pytest

from emulators.stack import Stack
from tests.e2e.bank import Bank
from tests.soak.ground import SOAK, Log, schedule

DEFAULT_SEED = 20_260_301


@pytest.fixture(scope="session")
def bank(stack: Stack) -> Iterator[Bank]:
    """With connections enough for many threads."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=40)
    with httpx.Client(trust_env=False, timeout=120, limits=limits) as client:
        yield Bank(stack, client)


@pytest.fixture
def log(bank: Bank) -> Log:
    """What the functions log from here on."""
    return Log(bank.stack.log("emulators"))


@pytest.fixture
def clock_of_the_schedule(bank: Bank) -> Iterator[None]:
    """Plays Cloud Scheduler in the background."""
    with schedule(bank):
        yield


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Prints past pytest's capture: what a campaign found is worth reading when it passes, too."""

    def told(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}", flush=True)  # noqa: T201

    return told


@pytest.fixture
def rng(request: pytest.FixtureRequest, tell: Callable[[str], None]) -> random.Random:
    """Seeded by BANK_SEED, which is told. It repeats the plan; threads and processes keep times of their own."""
    seed = int(os.environ.get("BANK_SEED") or DEFAULT_SEED)
    tell(f"{request.node.name}: BANK_SEED={seed}{' SOAK=1' if SOAK else ''}")
    return random.Random(seed)
