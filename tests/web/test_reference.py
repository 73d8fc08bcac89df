"""The API page at /reference/ works under its policy, offline, at every width, in light and dark."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from tests.web.person import Person, screenshot, still

SIZES: dict[str, ViewportSize] = {
    "desktop": {"width": 1280, "height": 860},
    "phone": {"width": 390, "height": 844},
}
OPERATION = "exchange_public_token"

# Collects violations before any script of the page runs.
COLLECT = """
window.violated = [];
document.addEventListener("securitypolicyviolation", (event) => window.violated.push(
  `${event.effectiveDirective} ${event.blockedURI}`));
"""


def samples(page: Page, operation: Locator, heading: str) -> Locator:
    """The block of examples under a heading, as Redoc shows it beside an operation."""
    return operation.locator("div").filter(has=page.get_by_role("heading", name=heading, exact=True)).last


def show_operation(page: Page) -> Locator:
    operation = page.locator(f'[id="tag/REST/operation/{OPERATION}"]')
    operation.scroll_into_view_if_needed()
    expect(operation.get_by_role("heading", name="Exchange a public token and create a connection.")).to_be_visible()
    return operation


@pytest.mark.parametrize(("size", "scheme"), [("phone", "light"), ("desktop", "dark")])
def test_an_operation_is_shown_with_examples_under_the_strict_policy(
    person: Callable[..., Person], size: str, scheme: str
) -> None:
    ann = person(viewport=SIZES[size], color_scheme=scheme)
    page = ann.page
    page.add_init_script(COLLECT)
    home = ann.stack.ports.url("hosting")
    elsewhere: list[str] = []
    page.on("request", lambda one: elsewhere.append(one.url) if not one.url.startswith((home, "data:")) else None)
    policies: dict[str, str] = {}
    page.on("response", lambda one: policies.update({one.url: one.headers.get("content-security-policy", "")}))
    page.goto(f"{home}/reference")

    operation = show_operation(page)
    request, answers = samples(page, operation, "Request samples"), samples(page, operation, "Response samples")
    expect(request).to_contain_text('"public_token": "public-sandbox-')
    expect(answers).to_contain_text('"institution_name": "First Platypus Bank"')
    screenshot(page, f"reference-{size}-{scheme}")
    answers.get_by_role("tab", name="409").click()
    expect(answers).to_contain_text('"code": "duplicate_connection"')
    still(page)
    screenshot(page, f"reference-error-{size}-{scheme}")

    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("window.violated") == []
    assert ann.complaints == []
    assert elsewhere == []
    policy = policies[f"{home}/reference/"]
    assert "'unsafe-" not in policy
    assert "http" not in policy, "no other host is allowed"
