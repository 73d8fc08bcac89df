"""A real Chromium on the running stack. Screenshots are stored in .local/screenshots."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from emulators.setup import installed_browser
from emulators.stack import Stack
from tests.e2e.bank import AT_ONCE, Bank
from tests.e2e.left_behind import check_and_delete
from tests.web.person import PATIENCE, Person, screenshot

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
# Without a graphics card, the browser spends most of its time on animations.
USUAL = {"viewport": {"width": 1280, "height": 860}, "locale": "en-US", "reduced_motion": "reduce"}

expect.set_options(timeout=PATIENCE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Aborts a test that hangs; the timeout is long enough for an overloaded machine."""
    for item in items:
        if item.nodeid.startswith("tests/web/") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session")
def prompt_bank(stack: Stack, http: httpx.Client) -> None:
    """Makes the simulator return the whole history of a new login immediately."""
    http.post(f"{stack.plaid.base_url}/_sim/settings", json=AT_ONCE).raise_for_status()


class Launcher:
    """One browser for consecutive modules."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._browser: Browser | None = None

    def browser(self) -> Browser:
        if self._browser is None:
            running = self._open.enter_context(sync_playwright())
            self._browser = running.chromium.launch(executable_path=installed_browser(), args=FLAGS)
            self._open.callback(self._browser.close)
        return self._browser

    def close(self) -> None:
        self._browser = None
        self._open.close()


LAUNCHER = Launcher()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Closes the browser after the last test here: Playwright's event loop would disturb those of other tests."""
    try:
        return (yield)
    finally:
        if nextitem is None or not nextitem.nodeid.startswith("tests/web/"):
            LAUNCHER.close()


@pytest.fixture(scope="module")
def chromium(prompt_bank: None, stack: Stack, http: httpx.Client) -> Iterator[Browser]:
    """The browser for one module; then no page is left, and the store is checked and emptied."""
    browser = LAUNCHER.browser()
    yield browser
    for context in browser.contexts:
        context.close()
    check_and_delete(Bank(stack, http))


@pytest.fixture(scope="module")
def resident(chromium: Browser, stack: Stack, http: httpx.Client) -> Callable[..., Person]:
    """Creates users whose data a module shares. They `rest` while its tests use browser contexts of their own."""
    return lambda **options: Person.at(chromium.new_context(**{**USUAL, **options}), stack, http)


@pytest.fixture
def person(
    chromium: Browser, stack: Stack, http: httpx.Client, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Person]]:
    """Creates users, each with a browser context; a console error of any of them fails the test."""
    people: list[Person] = []

    def made(**options: Any) -> Person:
        context = chromium.new_context(**{**USUAL, **options})
        people.append(Person.at(context, stack, http))
        return people[-1]

    yield made
    for i, one in enumerate(people):
        screenshot(one.page, f"last/{request.node.name}-{i}")
        one.page.context.close()
    assert [one.unforgiven() for one in people if one.unforgiven()] == []
