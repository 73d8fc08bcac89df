"""A real Chromium on the running stack. Screenshots are stored in .local/screenshots."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


@pytest.fixture(scope="module")
def chromium(prompt_bank: None, stack: Stack, http: httpx.Client) -> Iterator[Browser]:
    """A browser for one module; then the store is checked and emptied."""
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=installed_browser(), args=FLAGS)
        yield browser
        browser.close()
    check_and_delete(Bank(stack, http))


@pytest.fixture
def person(
    chromium: Browser, stack: Stack, http: httpx.Client, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Person]]:
    """Creates users, each with a browser context; a console error of any of them fails the test."""
    people: list[Person] = []

    def made(**options: Any) -> Person:
        # Without a graphics card, the browser spends most of its time on animations.
        usual = {"viewport": {"width": 1280, "height": 860}, "locale": "en-US", "reduced_motion": "reduce"}
        context = chromium.new_context(**{**usual, **options})
        people.append(Person.at(context, stack, http))
        return people[-1]

    yield made
    for i, one in enumerate(people):
        screenshot(one.page, f"last/{request.node.name}-{i}")
        one.page.context.close()
    assert [one.unforgiven() for one in people if one.unforgiven()] == []
