"""Net worth, bills, debts and the portfolio, and the state of each product of a connection."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, expect

from tests.web import product_rows
from tests.web.person import Person, violations

BANK = "First Platypus Bank"


@pytest.fixture(scope="module")
def ann(resident: Callable[..., Person]) -> Person:
    """A user with a synced connection and all products."""
    ann = resident()
    ann.sign_up()
    ann.connect()
    ann.wait_until_synced()
    product_rows.add_everything(ann)
    return ann.rest()


@pytest.fixture
def connected(ann: Person, person: Callable[..., Person]) -> Person:
    """The user in a browser of their own."""
    again = person(storage_state=ann.page.context.storage_state(indexed_db=True))
    again.email = ann.email
    return again


def follow(person: Person, link: str) -> None:
    """Opens a screen from the accounts."""
    person.go()
    person.page.get_by_role("link", name=link, exact=True).click()
    expect(person.page.get_by_role("heading", level=1, name=link)).to_be_visible()


def row(person: Person, kind: str, text: str) -> Locator:
    return person.page.get_by_test_id(kind).filter(has_text=text)


def test_net_worth_shows_computed_days_and_gaps_and_counts_a_duplicate_once(connected: Person) -> None:
    page = connected.page
    follow(connected, "Net worth")
    page.get_by_label("Currency").select_option("EUR")
    chart = page.get_by_test_id("net-worth-chart")
    expect(chart.locator("path.recharts-line-curve").first).to_be_visible()
    expect(chart.locator(".recharts-reference-area")).to_have_count(1)
    # Today: 1118.10 + 5200 - 300.30; the copy of the savings account does not count.
    expect(page.locator(".big")).to_have_text("€6,017.80")
    expect(page.locator(".legend li")).to_have_text(["From your bank", "Computed from transactions", "Unknown"])
    expect(page.get_by_text(re.compile("Included from .*: Euro broker"))).to_be_visible()

    page.get_by_text("Show as table").click()
    rows = page.locator("tbody tr")
    expect(rows.filter(has_text="Unknown")).to_have_count(1)
    expect(rows.filter(has_text="Unknown").locator("td").last).to_have_text("\N{EN DASH}")
    expect(rows.first).to_contain_text("From your bank€6,017.80")
    expect(rows.last).to_contain_text("Computed from transactions€699.80")
    assert violations(page) == []
    assert connected.reads()["balances"] <= 500


def test_bills_list_what_is_due_and_price_changes_and_can_be_renamed_and_muted(connected: Person) -> None:
    page = connected.page
    follow(connected, "Bills")
    upcoming = page.get_by_test_id("upcoming")
    expect(upcoming).to_contain_text("€73.19 expected")
    expect(upcoming.get_by_test_id("expected")).to_have_count(3)
    gym = row(connected, "expected", "Gym")
    expect(gym.first).to_contain_text("Not seen yet")
    expect(gym.last).not_to_contain_text("Not seen yet")  # the next one
    expect(row(connected, "expected", "Video Club")).to_contain_text("Up from €10.99 on")
    expect(page.get_by_role("region", name="Regular income")).to_contain_text("€2,500.00")
    expect(page.get_by_role("region", name="No longer active")).to_contain_text("Old Magazine")

    page.get_by_role("button", name="Edit Gym").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("My gym")
    dialog.get_by_label("Your category").fill("Health")
    dialog.get_by_label("Mute").check()
    assert violations(page) == []
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)  # it closes once the notes are stored; the page shows them before
    expect(upcoming).to_contain_text("€12.99 expected")
    expect(row(connected, "stream", "My gym")).to_contain_text("Muted")
    expect(row(connected, "stream", "My gym")).to_contain_text("Health")
    [connection] = connected.connections()
    stored = connected.admin().get(f"bank_connections/{connection['connection_id']}/bank_recurring/gym") or {}
    assert stored["user"] == {"name": "My gym", "category": "MEDICAL", "muted": True}
    assert violations(page) == []


def test_debts_show_due_dates_and_minimum_payments_and_mark_what_is_overdue(connected: Person) -> None:
    page = connected.page
    follow(connected, "Debts")
    card = row(connected, "debt", "Euro card")
    expect(card).to_contain_text("Overdue")
    expect(card).to_contain_text(re.compile(r"Was due .* · €25\.50 minimum · €25\.50 past due"))
    expect(page.get_by_test_id("debt").first).to_contain_text("Euro card")
    expect(page.get_by_text("Minimum payments").locator("..")).to_contain_text("€25.50")
    card.get_by_text("Details").click()
    expect(card.get_by_text("19.99%")).to_be_visible()
    loan = row(connected, "debt", "Studies")
    loan.get_by_text("Details").click()
    expect(loan.locator(".facts dt")).to_have_text(
        ["Interest rate", "Original amount", "Expected payoff", "Repayment plan", "Loan status"]
    )
    expect(loan.locator(".facts dd")).to_have_text(
        ["4.23%, fixed", "€45,123.00", "January 1, 2033", "Income-based", "In school"]
    )
    expect(row(connected, "debt", "Plaid Credit Card")).to_contain_text("No due date from your bank")
    assert violations(page) == []


def test_the_portfolio_shows_weights_and_gains_only_where_the_cost_is_known(connected: Person) -> None:
    page = connected.page
    follow(connected, "Portfolio")
    positions = page.get_by_test_id("position")
    expect(positions).to_have_count(5)
    expect(positions.nth(0)).to_contain_text("World Fund")
    expect(positions.nth(0)).to_contain_text("10.5 \N{MULTIPLICATION SIGN} €100.00")
    expect(positions.nth(0)).to_contain_text("80% of portfolio")
    expect(positions.nth(0)).to_contain_text("+€799.50 (+25%)")
    expect(positions.nth(0)).not_to_contain_text("price of")
    expect(positions.nth(1)).to_contain_text("Cost unknown")
    expect(positions.nth(1)).to_contain_text(re.compile(r"€100\.00 · price of \w+ \d+, \d{4}"))
    expect(positions.nth(2)).to_have_text(re.compile("Cash.*€250.00"))
    expect(positions.nth(3)).to_contain_text("Unnamed security")
    expect(positions.nth(4)).to_contain_text("No value")
    expect(positions.nth(4).get_by_text(product_rows.OPTION)).to_have_count(1)  # its name is its ticker
    figures = page.locator(".figures")
    expect(figures).to_contain_text("€5,000.00")
    expect(figures).to_contain_text("Gain or loss, with the cost known for 1 of 4 positions+€799.50 (+25%)")
    trades = page.get_by_test_id("trade")
    expect(trades.nth(0)).to_contain_text(re.compile("Sell.*-2 \N{MULTIPLICATION SIGN} €100\\.00"))
    expect(trades.nth(0)).to_contain_text("+€200.00")
    expect(trades.nth(1)).to_contain_text("-€1,050.00")
    assert violations(page) == []


def test_a_portfolio_of_two_currencies_and_many_transactions_can_be_seen_whole(connected: Person) -> None:
    page = connected.page
    product_rows.add(connected, *[product_rows.trade(f"old-{i}", "buy", "100", "1", 10 + i) for i in range(60)])
    product_rows.add(connected, product_rows.holding("token", "5", None, currency=None))
    follow(connected, "Portfolio")
    currency = page.get_by_label("Currency")
    expect(currency.locator("option")).to_have_text(["EUR", "No currency"])
    currency.select_option("No currency")
    expect(page.get_by_test_id("position")).to_have_text([re.compile("Token Fund.*5.00")])

    trades = page.get_by_test_id("trade")
    expect(trades).to_have_count(50)
    older = page.get_by_role("button", name="Show older transactions")
    older.click()
    expect(trades).to_have_count(62)
    expect(older).to_have_count(0)
    expect(page.locator(".list-end")).to_be_focused()
    expect(page.locator(".list-end")).to_have_text("No more transactions.")
    assert violations(page) == []


def test_a_connection_says_what_its_bank_offers_and_asks_for_access(person: Callable[..., Person]) -> None:
    ben = person()
    page = ben.page
    ben.sign_up()
    ben.connect()
    ben.wait_until_synced()
    [connection] = ben.connections()
    expect(page.get_by_role("link", name="Net worth")).to_be_visible()
    expect(page.get_by_role("link", name="Portfolio")).to_have_count(0)
    page.goto(f"{ben.stack.ports.url('hosting')}/connections/{connection['connection_id']}")
    expect(page.get_by_role("heading", name=BANK)).to_be_visible()
    expect(page.get_by_test_id("products")).to_have_count(0)  # no product is synced

    product_rows.add(ben, *product_rows.troubled())
    lines = page.get_by_test_id("product")
    expect(lines).to_have_text(
        [
            re.compile("Bills and income.*Next try in [23] hours"),
            re.compile("Debts.*Not offered by this bank"),
            re.compile("Investments.*You have not allowed access yet"),
        ]
    )
    assert violations(page) == []
    page.get_by_role("button", name="Allow access").click()
    ben.log_in()
    expect(page.locator(".toast.good").last).to_contain_text(f"{BANK} has your answer")
    expect(page.get_by_text("Connected", exact=True)).to_be_visible()
    product_rows.add(ben, *product_rows.ready())
    expect(lines.filter(has_text="Updated just now")).to_have_count(4)
    expect(page.get_by_role("button", name="Allow access")).to_have_count(0)

    follow(ben, "Portfolio")
    expect(page.get_by_role("heading", name="No positions yet")).to_be_visible()
    assert violations(page) == []

    before = datetime.now(UTC) - timedelta(days=3)
    product_rows.add(ben, product_rows.product("holdings", "ready", as_of=before))
    expect(lines).to_have_text([re.compile("Investments.*Updated 3 days ago")])
    ben.bank_does("state", state="login_required")
    ben.bank_does("webhook", webhook_type="TRANSACTIONS", webhook_code="SYNC_UPDATES_AVAILABLE")
    log_in = page.get_by_test_id("notice").get_by_role("button", name="Log in again")
    expect(log_in).to_be_visible()
    assert violations(page) == []
    follow(ben, "Net worth")
    log_in.click()
    ben.log_in()
    expect(page.get_by_test_id("notice")).to_have_count(0)
