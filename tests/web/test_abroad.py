"""A British bank in the browser, with two key pairs: OAuth, a consent of 180 days, its renewal and its end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.bank import wait_until
from tests.firestore_rest import BACKEND, Client
from tests.web.person import PATIENCE, Person, screenshot, violations

BANK, AMERICAN = "Royal Bank of Plaid", "First Platypus Bank"


def moves_to(person: Person, country: str) -> None:
    """The user's own setting, from which Link takes the countries."""
    store = Client(person.http, person.stack.ports.url("firestore"), BACKEND)
    store.seed({f"users/{person.uid()}": {"country_codes": [country]}})


def british(person: Person) -> dict[str, Any]:
    [connection] = [one for one in person.connections() if one["institution_name"] == BANK]
    return connection


def is_consented(person: Person) -> bool:
    """Whether the consent ends in 180 days."""
    ends = british(person)["consent_expiration_time"]
    return ends is not None and abs(ends - datetime.now(UTC) - timedelta(days=180)) < timedelta(hours=1)


def bank_does(person: Person, **body: object) -> None:
    url = f"{person.stack.plaid.base_url}/_sim/items/{british(person)['item_id']}/state"
    person.http.post(url, json=body).raise_for_status()


def renew(person: Person, button: str) -> None:
    """Logs in at the bank again, which sends the browser back, and shares the accounts."""
    person.page.get_by_test_id("notice").get_by_role("button", name=button).click()
    person.log_in("user_gb")
    person.link().locator("#share").click()
    expect(person.page.locator(".toast.good").filter(has_text="works again").first).to_be_attached()
    expect(person.page.get_by_test_id("notice")).to_have_count(0, timeout=2 * PATIENCE)


@pytest.mark.timeout(420)
def test_british_bank_is_linked_by_oauth_and_its_consent_is_renewed_before_and_after_its_end(
    person: Callable[..., Person],
) -> None:
    ann = person(locale="en-GB")
    page = ann.page
    ann.sign_up()
    moves_to(ann, "GB")
    ann.connect(BANK, username="user_gb")
    ann.wait_until_synced(BANK)
    expect(ann.card(BANK)).to_contain_text("-£214.60")
    expect(ann.card(BANK)).to_contain_text("125,450.5p")
    wait_until("the consent is known", lambda: is_consented(ann))
    assert british(ann)["region"] == "eu"
    screenshot(page, "desktop-british-bank")
    assert violations(page) == []

    moves_to(ann, "US")
    ann.connect(AMERICAN)
    ann.wait_until_synced(AMERICAN)
    assert {one["institution_name"]: one["region"] for one in ann.connections()} == {BANK: "eu", AMERICAN: "us"}

    bank_does(ann, state="expiring")
    expect(page.get_by_test_id("notice")).to_contain_text(f"Your consent for {BANK} ends on", timeout=2 * PATIENCE)
    assert not is_consented(ann)
    screenshot(page, "desktop-consent-expiring")
    renew(ann, "Renew")
    wait_until("the consent is renewed", lambda: is_consented(ann))
    assert british(ann)["status"] == "good"

    bank_does(ann, state="expiring", in_seconds=1)
    expect(page.get_by_test_id("notice")).to_contain_text(f"Log in to {BANK} again", timeout=2 * PATIENCE)
    renew(ann, "Log in again")
    wait_until("the consent is renewed", lambda: is_consented(ann))
    ann.wait_until_synced(BANK)
    counters = ann.http.get(f"{ann.stack.plaid.base_url}/_sim/counters").raise_for_status().json()
    assert counters["misdirected"] == {}
