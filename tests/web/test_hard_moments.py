"""Errors, outages and removals: in each case the app tells the user what to do."""

from __future__ import annotations

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Route, expect

from emulators.client import PlaidSandbox
from emulators.stack import Stack
from tests.e2e.bank import Bank, wait_until
from tests.web.person import PATIENCE, Person, frames, screenshot, violations

BANK = "First Platypus Bank"
SECOND = "Tartan Bank"
NETWORK = r"Failed to fetch dynamically|ERR_INTERNET_DISCONNECTED|WebChannelConnection|Failed to load resource"


@pytest.fixture(scope="module")
def ann(resident: Callable[..., Person]) -> Person:
    """A user with a fully synced connection; each test leaves it synced, the last with one more account."""
    ann = resident()
    ann.sign_up()
    ann.connect()
    ann.wait_until_synced()
    return ann.rest()


@pytest.fixture
def connected(ann: Person, person: Callable[..., Person]) -> Person:
    """A connected user in a browser of their own."""
    again = person(storage_state=ann.page.context.storage_state(indexed_db=True))
    again.email = ann.email
    again.go()
    expect(again.card(BANK)).to_contain_text("$110.00")
    return again


def test_the_bank_asks_for_a_new_login_and_the_user_repairs_it(connected: Person) -> None:
    page = connected.page
    connected.bank_does("state", state="login_required")
    notice = page.get_by_test_id("notice")
    expect(notice).to_contain_text("Until then, no new transactions arrive")
    expect(connected.card(BANK)).to_contain_text("Log in again")
    screenshot(page, "desktop-needs-repair")
    assert violations(page) == []

    notice.get_by_role("button", name="Log in again").click()  # leaving Link changes nothing
    connected.link().get_by_label("Close").click()
    expect(notice).to_be_visible()

    notice.get_by_role("button", name="Log in again").click()
    connected.log_in()
    expect(page.locator(".toast.good").last).to_contain_text("works again")  # checked first, because it disappears
    expect(notice).to_have_count(0)
    expect(connected.card(BANK)).to_contain_text("Connected")

    # The user can also give a missing consent; the connection is good, and Plaid's item does not show the problem.
    connected.bank_does("state", state="consent_missing")
    connected.bank_does("webhook", webhook_type="TRANSACTIONS", webhook_code="SYNC_UPDATES_AVAILABLE")
    expect(notice).to_contain_text("needs your consent")
    expect(connected.card(BANK)).to_contain_text("Connected")
    notice.get_by_role("button", name="Give consent").click()
    connected.log_in()
    expect(notice).to_have_count(0)

    # A connection that the bank will end soon can be renewed the same way, before it fails.
    announced = {"webhook_type": "ITEM", "webhook_code": "PENDING_DISCONNECT", "reason": "INSTITUTION_MIGRATION"}
    connected.bank_does("webhook", **announced)
    expect(notice).to_contain_text("to stay connected")
    notice.get_by_role("button", name="Renew").click()
    connected.log_in()
    expect(notice).to_have_count(0)


def test_two_tabs_a_second_bank_and_a_removal_on_the_other_device(connected: Person) -> None:
    page = connected.page
    other = page.context.new_page()
    connected.listen(other)
    other.goto(connected.stack.ports.url("hosting"))
    expect(other.get_by_test_id("connection")).to_have_count(1)

    connected.connect(SECOND)
    expect(other.get_by_test_id("connection")).to_have_count(2)
    connected.wait_until_synced(SECOND)
    other.get_by_role("link", name=SECOND).click()
    expect(other.get_by_role("heading", name=SECOND)).to_be_visible()

    page.get_by_role("link", name=SECOND).click()
    page.get_by_role("button", name="Remove", exact=True).click()
    dialog = page.get_by_role("alertdialog")
    expect(dialog).to_contain_text("cannot be undone")
    assert violations(page, within=".dialog") == []
    screenshot(page, "desktop-remove")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="Remove", exact=True).click()
    answers: list[Route] = []
    page.route("**/remove_connection", lambda route: answers.append(route))
    dialog.get_by_role("button", name="Remove").click()
    while not answers:
        page.wait_for_timeout(50)
    answer = answers[0].fetch()

    # The tab that removes the connection does not report that it was removed elsewhere.
    expect(other.get_by_role("heading", name="This connection no longer exists")).to_be_visible()
    expect(page.locator("h1", has_text=SECOND)).to_be_attached()
    answers[0].fulfill(response=answer)
    expect(page.get_by_test_id("connection")).to_have_count(1)
    expect(page.get_by_test_id("connection")).to_contain_text(BANK)

    expect(other.get_by_role("heading", name="This connection no longer exists")).to_be_visible()
    assert violations(other) == []
    other.get_by_role("link", name="Go to your accounts").click()
    expect(other.get_by_test_id("connection")).to_have_count(1)


def test_a_bank_that_is_connected_twice_is_counted_once_and_says_so(connected: Person) -> None:
    page = connected.page
    total = page.locator(".totals .big")
    expect(total).to_have_text(re.compile("."))
    before = total.inner_text()
    ports, http, plaid = connected.stack.ports, connected.http, connected.stack.plaid
    sandbox = PlaidSandbox(http, plaid.base_url, plaid.client_id, plaid.secret)
    public_token = sandbox.create_public_token(institution_id="ins_109508")
    api = f"{ports.url('hosting')}/api/v1/bank"
    headers = {"Authorization": f"Bearer {connected.id_token()}"}
    body = {"public_token": public_token, "allow_duplicate": True}
    second = http.post(f"{api}/set_access_token", json=body, headers=headers).raise_for_status().json()
    copies = page.get_by_text(f"Also connected through {BANK}")
    expect(copies).to_have_count(5)  # a card shows the first five accounts
    assert total.inner_text() == before
    assert violations(page) == []
    screenshot(page, "desktop-duplicates", full=True)
    http.delete(f"{api}/connections/{second['connection_id']}", headers=headers).raise_for_status()
    expect(page.get_by_test_id("connection")).to_have_count(1)
    expect(copies).to_have_count(0)
    assert total.inner_text() == before


def test_new_accounts_are_added(connected: Person) -> None:
    page = connected.page
    connected.bank_does("accounts", offer=[{"type": "depository", "meta": {"name": "Brand new"}}])
    expect(page.get_by_test_id("notice")).to_contain_text("accounts you have not shared yet")
    page.get_by_test_id("notice").get_by_role("button", name="Choose accounts").click()
    connected.log_in()
    connected.link().get_by_label("Brand new").check()
    connected.link().locator("#share").click()
    expect(page.get_by_test_id("notice")).to_have_count(0)
    expect(connected.card(BANK)).to_contain_text("Show all 15 accounts")


def test_everything_is_deleted_once_the_word_is_typed(person: Callable[..., Person]) -> None:
    bob = person()
    page = bob.page
    bob.sign_up()
    bob.connect()
    bob.open("Settings")
    page.get_by_role("button", name="Delete all my bank data").click()
    dialog = page.get_by_role("alertdialog")
    confirm = dialog.get_by_role("button", name="Delete all my bank data")
    expect(confirm).to_be_disabled()
    assert violations(page, within=".dialog") == []
    dialog.get_by_label("Type DELETE").fill("DELETE")
    confirm.click()
    expect(page.get_by_role("heading", name="Connect your first bank")).to_be_visible()
    assert bob.connections() == []
    bob.open("Transactions")
    expect(page.get_by_role("heading", name="No transactions yet")).to_be_visible()


def test_the_connection_to_the_network_drops_and_comes_back(connected: Person) -> None:
    page = connected.page
    connected.forgiven.append(NETWORK)
    page.context.set_offline(True)
    expect(page.get_by_text("You are offline.")).to_be_visible()
    expect(connected.card(BANK)).to_contain_text("$110.00")  # loaded data stays visible
    expect(page.get_by_role("button", name="Connect a bank")).to_be_disabled()
    assert violations(page) == []
    screenshot(page, "desktop-offline")
    connected.open("Settings")  # its code is not loaded yet, so it waits for the network
    expect(page.get_by_role("heading", name="Not loaded yet")).to_be_visible()
    assert violations(page) == []

    connected.bank_does("transactions", add=[{"amount": 4.2, "name": "Coffee while away"}])
    page.context.set_offline(False)
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    connected.open("Transactions")
    expect(page.get_by_test_id("transaction").first).to_contain_text("Coffee while away")

    # An open list resumes automatically.
    page.context.set_offline(True)
    connected.bank_does("transactions", add=[{"amount": 2.1, "name": "Tea while away"}])
    expect(page.get_by_text("You are offline.")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_test_id("transaction").filter(has_text="Tea while away")).to_be_visible()


def test_a_refresh_too_soon_says_when_it_is_possible_again(connected: Person) -> None:
    page = connected.page
    page.get_by_role("link", name=BANK).click()
    refresh = page.get_by_role("button", name="Refresh")
    refresh.click()
    expect(page.locator(".toast").filter(has_text="Checking for new transactions")).to_be_visible()
    expect(refresh).to_be_enabled()
    refresh.click()
    connected.forgiven.append("429")
    expect(refresh).to_contain_text("Refresh in")
    expect(refresh).to_be_disabled()
    expect(page.locator(".toast")).to_have_count(1)  # only the refusal is left, for which axe reports other violations
    assert violations(page) == []


def test_a_bank_outage_is_explained_and_support_gets_the_request_id(
    connected: Person, stack: Stack, http: httpx.Client
) -> None:
    page = connected.page
    [connection] = connected.connections()
    fault = {"kind": "error", "error_code": "INSTITUTION_DOWN", "endpoint": "/transactions/sync", "times": None}
    faults = f"{stack.plaid.base_url}/_sim/faults"
    http.post(faults, json={**fault, "item_id": connection["item_id"]}).raise_for_status()
    try:
        page.get_by_role("link", name=BANK).click()
        connected.bank_does("transactions", add=[{"amount": 1, "name": "Later"}])
        line = page.get_by_test_id("sync-line")
        expect(line).to_contain_text("did not respond; retrying")
        bank = Bank(stack, http)

        def failed() -> bool:
            bank.deliver("synctransactions", connection_id=connection["connection_id"])
            [progress] = connected.admin().owned(connected.uid(), "bank_sync_progress")
            return bool(progress["status"] == "failed")

        wait_until("it gives up", failed)
        expect(line).to_contain_text("is not responding. We will retry")
        expect(page.locator(".status")).to_have_text("Connected")  # an outage does not change the status
        screenshot(page, "desktop-bank-down")
        [progress] = connected.admin().owned(connected.uid(), "bank_sync_progress")
        page.get_by_role("link", name="Report a problem").click()
        details = page.get_by_label("Technical details")
        expect(details).to_be_visible()
        assert progress["error"]["request_id"] in details.input_value()
        assert connection["connection_id"] in details.input_value()
        assert violations(page, within=".dialog") == []
    finally:
        http.delete(faults).raise_for_status()
    connected.bank_does("transactions", add=[{"amount": 1, "name": "Later still"}])
    connected.go()
    connected.wait_until_synced()


def test_a_session_that_ended_elsewhere_asks_to_sign_in_again(
    person: Callable[..., Person], stack: Stack, http: httpx.Client
) -> None:
    bob = person()
    page = bob.page
    bob.sign_up()
    url = f"{stack.ports.url('auth')}/identitytoolkit.googleapis.com/v1/projects/demo-bank/accounts:delete"
    http.post(url, headers={"Authorization": "Bearer owner"}, json={"localId": bob.uid()}).raise_for_status()
    bob.forgiven += ["401", "400", "permission"]
    page.get_by_role("button", name="Connect a bank").click()
    expect(page.get_by_text("Your session has expired.")).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value(bob.email)
    assert violations(page) == []


def test_an_empty_list_is_shown_only_once_the_server_has_confirmed_it(
    person: Callable[..., Person],
) -> None:
    eve = person()
    eve.forgiven += [NETWORK, "Could not reach Cloud Firestore backend"]
    eve.sign_up()
    page = eve.page
    address = f"**:{eve.stack.ports.firestore}/**"
    page.route(address, lambda route: route.abort())
    with page.expect_console_message(lambda line: "Could not reach Cloud Firestore backend" in line.text):
        page.reload()
    frames(page)  # Firestore has given up, and returns its empty cache
    expect(page.get_by_role("heading", name="Connect your first bank")).to_have_count(0)
    page.unroute(address)
    expect(page.get_by_role("heading", name="Connect your first bank")).to_be_visible()


def test_unreachable_data_is_reported_on_every_screen_and_appears_once_reachable(connected: Person) -> None:
    page = connected.page
    connected.forgiven += [NETWORK, "Could not reach Cloud Firestore backend"]
    address = f"**:{connected.stack.ports.firestore}/**"
    page.route(address, lambda route: route.abort())
    page.reload()
    said = page.get_by_test_id("unreachable")
    expect(said).to_contain_text("We cannot reach your data right now")
    expect(page.get_by_role("alert")).to_contain_text("Check your network")
    expect(page.locator(".skeleton")).to_have_count(0)
    assert violations(page) == []
    screenshot(page, "desktop-unreachable")
    for screen in ("Transactions", "Spending", "Notifications"):
        connected.open(screen)
        expect(page.get_by_role("heading", name="This page could not be loaded")).to_be_visible()
        expect(said).to_be_visible()
    page.unroute(address)
    expect(said).to_have_count(0, timeout=2 * PATIENCE)  # Firestore backs off between its attempts
    connected.open("Spending")
    expect(page.get_by_role("heading", name="This page could not be loaded")).to_have_count(0)
    connected.open("Transactions")
    expect(page.get_by_test_id("transaction").first).to_be_visible()
    connected.open("Accounts")
    expect(connected.card(BANK)).to_contain_text("$110.00")
