"""Linking the same accounts again: the app names the connected accounts, and offers the possible actions."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Route, ViewportSize, expect

from tests.web.person import FEW, Person, screenshot, violations

BANK = "First Platypus Bank"
DESKTOP = ViewportSize(width=1280, height=860)
PHONE = ViewportSize(width=390, height=844)


@pytest.fixture
def ann(person: Callable[..., Person]) -> Person:
    """A user with one connected bank."""
    ann = person()
    ann.forgiven.append("409")
    ann.sign_up()
    ann.connect(**FEW)
    ann.wait_until_synced()
    return ann


def link_again(ann: Person) -> Locator:
    """Links the same bank again, and returns the dialog that asks the user what to do."""
    ann.page.get_by_role("button", name="Connect a bank").click()
    link = ann.link()
    link.locator("#continue").click()
    link.get_by_role("button", name=BANK, exact=True).click()
    ann.log_in(**FEW)
    link.locator("#share").click()
    dialog = ann.page.locator(".dialog")
    expect(dialog).to_contain_text(f"{BANK} is already connected")
    return dialog


def naming_two_accounts(route: Route) -> None:
    """Answers with an error that names two accounts, one of them without a mask."""
    if route.request.method == "OPTIONS":
        return route.fallback()
    refused = route.fetch()
    body = refused.json()
    body["error"]["details"]["accounts"] = [
        {"account_id": "a", "name": "Plaid Checking", "mask": "0000"},
        {"account_id": "b", "name": "Card", "mask": None},
    ]
    return route.fulfill(response=refused, json=body)


def test_a_duplicate_is_explained_and_accounts_can_be_added_to_the_connection(ann: Person) -> None:
    page = ann.page
    page.route("**/exchange_public_token", naming_two_accounts)
    dialog = link_again(ann)
    expect(dialog.get_by_role("listitem")).to_have_text(["Plaid Checking••0000", "Card"])
    assert violations(page, within=".dialog") == []
    screenshot(page, "desktop-duplicate")
    page.set_viewport_size(PHONE)
    screenshot(page, "phone-duplicate")
    page.set_viewport_size(DESKTOP)
    page.unroute("**/exchange_public_token")
    dialog.get_by_role("link", name="View the connection").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("heading", name=BANK, exact=True)).to_be_visible()

    ann.bank_does("accounts", offer=[{"type": "depository", "meta": {"name": "Brand new"}}], announce=False)
    ann.open("Accounts")
    link_again(ann).get_by_role("button", name="Add accounts").click()
    ann.log_in(**FEW)
    expect(ann.link().get_by_label("Brand new")).to_be_checked()
    ann.link().locator("#share").click()
    expect(page.locator(".toast.good").filter(has_text="works again")).to_be_attached()
    expect(page.get_by_test_id("connection")).to_have_count(1)
    [connection] = ann.connections()
    ann.wait_until_listed(connection["connection_id"], "Brand new")


@pytest.mark.parametrize("recognised", ["by what Link says", "after the exchange"])
def test_a_duplicate_can_be_connected_anyway(ann: Person, recognised: str) -> None:
    page = ann.page

    def without_hints(route: Route) -> None:
        """Removes the hints, so that the backend finds the duplicate only after it has used the public token."""
        body = json.loads(route.request.post_data or "{}")
        for hint in ("institution", "accounts"):
            body["data"].pop(hint, None)
        route.continue_(post_data=json.dumps(body))

    if recognised == "after the exchange":
        page.route(
            "**/exchange_public_token", lambda r: r.fallback() if r.request.method == "OPTIONS" else without_hints(r)
        )
    link_again(ann).get_by_role("button", name="Connect anyway").click()
    if recognised == "after the exchange":
        expect(page.locator(".toast").filter(has_text="Log in again to connect")).to_be_attached()
        link = ann.link()
        link.locator("#continue").click()
        link.get_by_role("button", name=BANK, exact=True).click()
        ann.log_in(**FEW)
        link.locator("#share").click()
    expect(page.get_by_test_id("connection")).to_have_count(2)
    expect(page.locator(".dialog")).to_have_count(0)


def test_logging_in_again_comes_first_and_replacing_is_confirmed(ann: Person) -> None:
    page = ann.page
    [old] = ann.connections()
    dialog = link_again(ann)
    expect(dialog.get_by_role("button").last).to_have_text("Log in again")
    dialog.get_by_role("button", name="Log in again").click()
    ann.log_in(**FEW)
    expect(page.locator(".toast.good").filter(has_text="works again")).to_be_attached()
    assert [one["connection_id"] for one in ann.connections()] == [old["connection_id"]]

    link_again(ann).get_by_role("button", name="Replace the old connection").click()
    confirm = page.get_by_role("alertdialog", name=f"Replace your connection to {BANK}?")
    expect(confirm).to_be_visible()
    assert violations(page, within=".dialog") == []
    screenshot(page, "desktop-replace-working")
    confirm.get_by_role("button", name="Cancel").click()
    dialog.get_by_role("button", name="Replace the old connection").click()
    with page.expect_request(lambda request: request.url.endswith("/exchange_public_token")) as exchange:
        confirm.get_by_role("button", name="Replace the old connection").click()
    sent = (exchange.value.post_data_json or {})["data"]
    assert (sent["replaces"], "allow_duplicate" in sent) == (old["connection_id"], False)
    expect(page.locator(f"a[href='/connections/{old['connection_id']}']")).to_have_count(0, timeout=120_000)
    [new] = ann.connections()
    assert new["connection_id"] != old["connection_id"]
