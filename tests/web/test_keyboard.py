"""Keyboard only: every control can be reached, shows its focus, and works."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.web.person import PASSWORD, Person

BANK = "First Platypus Bank"
# The element with the focus, also inside Link's frame.
FOCUSED = """() => {
  const at = document.activeElement;
  const nowhere = !at || at === document.body || at.id === "content";
  return !nowhere ? [at.tagName, at.getAttribute("aria-label") ?? "", at.innerText ?? "", at.id].join(" ").trim() : "";
}"""


def tab_to(person: Person, what: str, *, most: int = 40, key: str = "Tab") -> None:
    """Presses Tab until the given element has the focus, and checks that the focus is visible."""
    page = person.page
    for _ in range(most):
        page.keyboard.press(key)
        if what in page.evaluate(FOCUSED):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none" or what == "IFRAME", f"{what} has the focus, but shows no outline"
            return
    pytest.fail(f"{what} cannot be reached with {key}")


def test_a_bank_is_connected_looked_at_and_removed_with_the_keyboard_alone(person: Callable[..., Person]) -> None:
    ann = person()
    page, keys = ann.page, ann.page.keyboard
    ann.go()
    tab_to(ann, "Create an account")
    keys.press("Enter")
    tab_to(ann, "INPUT", key="Shift+Tab")  # the password
    keys.type(PASSWORD)
    keys.press("Shift+Tab")
    keys.type(ann.email)
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Connect your first bank")).to_be_visible()

    page.evaluate("document.activeElement.blur()")
    tab_to(ann, "Skip to content")
    keys.press("Enter")
    tab_to(ann, "Connect a bank")
    keys.press("Enter")
    link = ann.link()
    expect(link.locator("#continue")).to_be_focused()
    keys.press("Enter")
    expect(link.locator("#search")).to_be_focused()
    keys.type("platypus bank")
    keys.press("Tab")
    keys.press("Enter")
    expect(link.locator("#username")).to_be_focused()
    keys.type("user_good")
    keys.press("Tab")
    keys.type("pass_good")
    keys.press("Enter")
    expect(link.locator("#share")).to_be_visible()
    link.locator("#share").press("Enter")
    expect(ann.card(BANK)).to_be_visible()
    ann.wait_until_synced()

    tab_to(ann, "Transactions")
    keys.press("Enter")
    expect(page.get_by_test_id("transaction").first).to_be_visible()
    tab_to(ann, "Uber")
    row = page.evaluate(FOCUSED)
    keys.press("Enter")
    dialog = page.get_by_role("dialog", name="Uber")
    expect(dialog.locator(":focus")).to_have_count(1)  # the focus moves there after a frame or two
    for _ in range(12):  # the focus stays in the dialog; from its end to its start takes a frame
        keys.press("Tab")
        expect(dialog.locator(":focus")).to_have_count(1)
    keys.press("Escape")
    expect(dialog).to_have_count(0)
    assert page.evaluate(FOCUSED) == row  # the focus is restored

    tab_to(ann, "Accounts", key="Shift+Tab")
    keys.press("Enter")
    expect(ann.card(BANK)).to_be_visible()
    tab_to(ann, BANK)
    keys.press("Enter")
    expect(page.get_by_role("heading", name=BANK, level=1)).to_be_visible()
    tab_to(ann, "Refresh")
    expect(page.get_by_role("button", name="Refresh")).to_be_enabled()  # it keeps the focus while it is disabled
    keys.press("Enter")
    expect(page.locator(".toast").filter(has_text="Checking for new transactions")).to_be_visible()
    assert "Refresh" in page.evaluate(FOCUSED)  # a busy button keeps the focus
    tab_to(ann, "Remove")
    keys.press("Enter")
    expect(page.get_by_role("alertdialog").locator(":focus")).to_have_count(1)
    tab_to(ann, "Remove", most=3)
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Connect your first bank")).to_be_visible()
