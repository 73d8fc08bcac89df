"""Shared by all tests: no network access beyond this machine, and one running stack per worker.

A test that uses `stack`, directly or through another fixture, is an `emulator` test and is marked automatically.
tests/places.py defines which tests share a worker, and the ports of its stack.
"""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable, Generator, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import settings
from pytest_socket import disable_socket, enable_socket, socket_allow_hosts
from xdist.scheduler import LoadScopeScheduling

from emulators.client import Api, Firestore, PlaidSandbox, User, sign_up
from emulators.environment import JAVA
from emulators.ports import PROJECT, REGION
from emulators.stack import Stack
from tests.places import EMULATOR_FREE, SOCKETLESS, offset_number, place_of, scope_of, worker_number

SOAK = bool(os.environ.get("SOAK"))
# Campaigns that need more time or capacity than every change should have to spend; `make soak` runs them.
CAMPAIGNS = ["soak/test_atomic.py", "soak/test_concurrency.py", "soak/test_restore.py", "adopted"]
collect_ignore = [] if SOAK else CAMPAIGNS

# Without Java's optimizing compiler and parallel garbage collector, which cost more than they save in the minutes of a
# stack.
if not SOAK:
    os.environ.setdefault(JAVA, "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")

# The same examples in every run, so that a change never fails for an unrelated reason; `make soak` tries new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("search", derandomize=False, deadline=None, print_blob=True)
settings.load_profile("search" if SOAK else "steady")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the garbage collector from visiting the nine thousand tests again and again: none of them is garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need the emulators, and put each group's tests together, in order."""
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()) or "firestore" in _parameters(item).values():
            if item.nodeid.startswith(EMULATOR_FREE):
                raise pytest.UsageError(f"{item.nodeid} needs the stack: it belongs to tests/e2e or tests/contract")
            item.add_marker(pytest.mark.emulator)
    items.sort(key=lambda item: place_of(item.nodeid))


def _parameters(item: pytest.Item) -> dict[str, object]:
    return item.callspec.params if hasattr(item, "callspec") else {}


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Sends each group of tests/places.py to one worker, and every other file to any worker.

    `--dist loadgroup` does not work: pytest-xdist 3.8 writes the group into `_nodeid`, which pytest 9 does not read.
    """

    def _split_scope(self, nodeid: str) -> str:
        """The tests of one scope stay together."""
        return scope_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GroupScheduling:
    return GroupScheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Drop the log of a test that passed, which need not be kept until the end of the session."""
    report = yield
    if report.passed:
        report.sections = []
    if call.when == "teardown":
        item._report_sections.clear()
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    """Restore the log after each test: the functions' guard configures it for the process, and other tests read it."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    try:
        return (yield)
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers


def pytest_runtest_setup(item: pytest.Item) -> None:
    enable_socket()
    if item.nodeid.startswith(SOCKETLESS):
        disable_socket(allow_unix_socket=True)
    else:
        socket_allow_hosts(["127.0.0.1", "localhost"], allow_unix_socket=True)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any, request: Any) -> Generator[None, object, object]:
    """Fail in `make test-fast` when an unmarked test requests an emulator fixture while it runs."""
    if fixturedef.argname in ("stack", "firestore_stack"):
        assert request._pyfuncitem.get_closest_marker("emulator"), "this test needs @pytest.mark.emulator"
    return (yield)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The emulators and the Plaid simulator, started once; with two key pairs, whose tokens must never be mixed up."""
    os.environ.setdefault("BANK_LOG_LEVEL", "DEBUG")
    starting = Stack(offset=offset_number(worker_number()))
    starting.plaid = starting.plaid.with_second_pair()
    with starting as running:
        yield running


@pytest.fixture(scope="session")
def fresh_stack(stack: Stack, request: pytest.FixtureRequest) -> Stack:
    """The stack without the keys of other groups' documents, which the Firestore emulator reads for each query.

    A start empties the logs. Without parallel workers the tests of AFTERWARDS search the logs of all groups at the end,
    so that nothing is started again.
    """
    items = httpx.get(f"{stack.plaid.base_url}/_sim/items", trust_env=False).raise_for_status().json()["items"]
    if items and hasattr(request.config, "workerinput"):
        stack.restart()
    return stack


@pytest.fixture(scope="session")
def firestore_stack() -> Iterator[Stack]:
    """The Firestore emulator and the Plaid simulator alone, started once: they are ready in seconds."""
    with Stack(offset=offset_number(4 + worker_number()), services=("firestore",)) as running:
        yield running


@pytest.fixture(scope="session")
def recorded_answers() -> list[tuple[str, str]]:
    """Every answer of the functions to any test, with its path."""
    return []


@pytest.fixture(scope="session")
def answers() -> list[httpx.Response]:
    """The functions' answers as response objects, in order."""
    return []


@pytest.fixture(scope="session")
def http(recorded_answers: list[tuple[str, str]], answers: list[httpx.Response]) -> Iterator[httpx.Client]:
    """A client without proxies that records the functions' answers."""

    def remember(response: httpx.Response) -> None:
        path = response.request.url.path
        if path.startswith((f"/{PROJECT}/{REGION}/", "/api/")):
            headers = "".join(f"{name}: {value}\n" for name, value in response.headers.items())
            recorded_answers.append((path, headers + response.read().decode(errors="replace")))
            answers.append(response)

    with httpx.Client(trust_env=False, timeout=60, event_hooks={"response": [remember]}) as client:
        yield client


@pytest.fixture
def new_user(stack: Stack, http: httpx.Client) -> Callable[[], User]:
    """Signs up a new user."""
    return lambda: sign_up(http, stack.ports)


@pytest.fixture
def user(new_user: Callable[[], User]) -> User:
    """A signed-in user, new for each test."""
    return new_user()


@pytest.fixture
def api(stack: Stack, http: httpx.Client, user: User) -> Api:
    """The REST routes, called as `user`."""
    return Api(http, stack.ports, user)


@pytest.fixture
def firestore_as(stack: Stack, http: httpx.Client) -> Callable[[User], Firestore]:
    """Firestore as a client, under the security rules."""
    return lambda user: Firestore(http, stack.ports, user.headers)


@pytest.fixture
def firestore_admin(stack: Stack, http: httpx.Client) -> Firestore:
    """Firestore as the backend, bypassing the security rules."""
    return Firestore(http, stack.ports, {"Authorization": "Bearer owner"})


@pytest.fixture
def plaid(stack: Stack, http: httpx.Client) -> PlaidSandbox:
    """The simulator, used as an app's developer uses the Sandbox."""
    return PlaidSandbox(http, stack.plaid.base_url, stack.plaid.client_id, stack.plaid.secret)


@pytest.fixture
def truth(stack: Stack, http: httpx.Client) -> Callable[[str], dict[str, Any]]:
    """The simulator's data of an item."""

    def of(item_id: str) -> dict[str, Any]:
        answer = http.get(f"{stack.plaid.base_url}/_sim/items/{item_id}/truth").raise_for_status()
        content: dict[str, Any] = answer.json()
        return content

    return of
