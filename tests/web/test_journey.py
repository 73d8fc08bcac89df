"""A new user's journey from the first visit to the charts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.web.person import Person, screenshot, violations, wait_until

BANK = "First Platypus Bank"

# Records each change of a sync line's text and progress bar.
NOTE_PROGRESS = """
window.progress = [];
setInterval(() => {
  const line = document.querySelector("[data-testid=sync-line]");
  const seen = line && [line.dataset.status, line.querySelector(".count")?.textContent ?? ""].join("|");
  if (seen && seen !== window.progress.at(-1)) window.progress.push(seen);
}, 20);
"""


@pytest.mark.timeout(240)
def test_a_new_user_connects_a_bank_watches_it_arrive_and_sees_where_the_money_went(
    person: Callable[..., Person],
) -> None:
    ann = person()
    page = ann.page
    ann.go()
    assert violations(page) == []
    screenshot(page, "desktop-sign-in")
    ann.sign_up()
    assert violations(page) == []
    page.evaluate(NOTE_PROGRESS)
    faults = f"{ann.stack.plaid.base_url}/_sim/faults"
    slow = {"kind": "latency", "endpoint": "/transactions/sync", "seconds": 2, "times": None}
    ann.http.post(faults, json=slow).raise_for_status()  # slow enough that the test can observe each state
    try:
        with page.expect_request(lambda request: request.url.endswith("/exchange_public_token")) as exchange:
            ann.connect()
        sent = (exchange.value.post_data_json or {})["data"]
        assert sent["link_token"].startswith("link-"), "the exchange names the session that it comes from"
        expect(ann.card(BANK).get_by_role("progressbar")).to_be_visible()
        screenshot(page, "desktop-syncing")
    finally:
        ann.http.delete(faults).raise_for_status()
    ann.wait_until_synced()
    wait_until(page, "window.progress.some((line) => line.startsWith('completed'))")
    seen = page.evaluate("window.progress")
    assert any(line.startswith("in_progress|") for line in seen), seen

    # Live data came in, and nothing jumped: https://web.dev/articles/cls calls 0.1 good.
    assert sum(page.evaluate("window.shifts")) < 0.1

    expect(ann.card(BANK).get_by_role("status").filter(has_text=f"{BANK} is up to date")).to_have_count(1)
    expect(ann.card(BANK)).to_contain_text("Connected")
    expect(ann.card(BANK)).to_contain_text("$110.00")
    expect(ann.card(BANK)).to_contain_text("Show all 14 accounts")

    ann.open("Transactions")
    expect(page.get_by_test_id("transaction").first).to_be_visible()
    expect(page.get_by_role("list", name="Transactions, newest first")).to_contain_text("-$78.50")

    ann.open("Spending")
    expect(page.get_by_test_id("month-chart").locator("path.recharts-rectangle").first).to_be_visible()
    expect(page.get_by_test_id("category-chart").locator("path.recharts-sector").first).to_be_visible()
    expect(page.get_by_role("row", name="Food and drink")).to_be_visible()

    ann.open("Notifications")
    expect(page.get_by_test_id("notification")).to_contain_text(f"{BANK} is connected")
    page.get_by_role("button", name="Mark all as read").click()
    expect(page.get_by_text("New", exact=True)).to_have_count(0)
    expect(page.get_by_role("heading", name="Notifications", level=1)).to_be_focused()  # the button has disappeared


def test_notes_own_categories_and_filters(person: Callable[..., Person]) -> None:
    bob = person()
    page = bob.page
    bob.sign_up()
    bob.connect()
    bob.wait_until_synced()
    bob.open("Transactions")
    rows = page.get_by_test_id("transaction")
    rows.filter(has_text="Touchstone").first.click()
    dialog = page.get_by_role("dialog", name="Touchstone Climbing")
    dialog.get_by_label("Note").fill("monthly pass")
    dialog.get_by_label("Your category").fill("Climbing")
    dialog.get_by_label("Tags").fill("sport, fun")
    assert violations(page, within=".dialog") == []
    screenshot(page, "desktop-edit")
    dialog.get_by_role("button", name="Save").click()
    expect(rows.filter(has_text="Climbing")).to_contain_text("monthly pass")
    expect(dialog).to_have_count(0)

    # Firestore has the written fields, and no other field has changed.
    [written] = [one for one in bob.admin().owned(bob.uid(), "bank_transactions") if "user" in one]
    assert written["user"] == {"note": "monthly pass", "category": "Climbing", "tags": ["sport", "fun"]}

    page.get_by_role("button", name="Filters").click()
    page.get_by_label("Category").select_option("Climbing")
    expect(rows).to_have_count(1)
    page.get_by_label("Category").select_option("FOOD_AND_DRINK")
    expect(rows.filter(has_text="Food and drink").first).to_be_visible()
    expect(rows.filter(has_not_text="Food and drink")).to_have_count(0)
    page.get_by_label("Amount from").fill("400")
    page.get_by_label("Category").select_option("")
    expect(rows.filter(has_text="United Airlines").first).to_be_visible()
    expect(rows.filter(has_text="Uber")).to_have_count(0)
    page.get_by_label("Amount from").fill("400,01")
    expect(rows.filter(has_text="United Airlines").first).to_be_visible()
    page.get_by_label("Amount from").fill("99.999,50")
    expect(page.get_by_role("heading", name="No matches")).to_be_visible()
    expect(page.locator(".page-head [role=status]")).to_have_text("No matches")
    page.get_by_role("button", name="Reset filters").click()
    expect(page.get_by_role("button", name="Filters", exact=True)).to_be_focused()
    page.get_by_role("searchbox").fill("monthly pass")
    expect(rows).to_have_count(1)
    page.get_by_role("searchbox").fill("no such thing")
    expect(page.get_by_role("heading", name="No matches")).to_be_visible()
    assert violations(page) == []


def test_the_app_speaks_spanish_and_so_does_the_backend(person: Callable[..., Person]) -> None:
    eva = person(locale="es-ES")
    page = eva.page
    eva.go()
    expect(page.get_by_role("heading", name="Iniciar sesión")).to_be_visible()
    page.get_by_label("Idioma").select_option("en")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    eva.sign_up()
    eva.open("Settings")
    page.get_by_label("Language").select_option("es")
    expect(page.get_by_role("heading", name="Ajustes")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "es-ES"
    eva.wait_until_stored(f"users/{eva.uid()}", {"language": "es-ES"})
    page.reload()
    expect(page.get_by_role("heading", name="Ajustes")).to_be_visible()
