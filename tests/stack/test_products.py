"""Product syncs on a stack that has them turned on: from a link to rows, changes by webhook, and removal."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest import mock

import httpx
import pytest
from playwright.sync_api import expect, sync_playwright

from emulators.client import User, sign_up
from emulators.setup import installed_browser
from emulators.stack import Stack
from tests.e2e.bank import AT_ONCE, Bank, documents, wait_until
from tests.firestore_rest import Json
from tests.places import offset_number
from tests.web.conftest import FLAGS
from tests.web.person import PATIENCE, Person, violations

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(600)]

KINDS = ("recurring", "liabilities", "holdings", "investment_transactions")
PRODUCTS = ["transactions", "investments", "liabilities"]


@pytest.fixture(scope="module")
def bank() -> Iterator[Bank]:
    """A stack of its own: the others have no products."""
    with (
        mock.patch.dict(os.environ, {"SYNC_PRODUCTS": ",".join(KINDS), "BANK_LOG_LEVEL": "DEBUG"}),
        Stack(offset=offset_number(12)) as stack,
        httpx.Client(trust_env=False, timeout=120) as http,
    ):
        running = Bank(stack, http)
        running.control("POST", "settings", **AT_ONCE)
        yield running


def connected(bank: Bank, *, without_consent: Sequence[str] = ()) -> tuple[User, str, Json]:
    """A user, a synced connection with all products, and its item, whose user has not consented to some of them."""
    user, webhook = sign_up(bank.http, bank.stack.ports), bank.stack.plaid.webhook_address
    made = bank.control("POST", "items", products=PRODUCTS, username="user_good", webhook=webhook, exchange=False)
    if without_consent:
        state = {"state": "consent_missing", "products": list(without_consent)}
        bank.control("POST", f"items/{made['item_id']}/state", **state)
    answer = bank.exchange(user, made["public_token"], allow_duplicate=True)
    assert answer.status_code == 201, answer.text
    connection_id = str(answer.json()["connection_id"])
    bank.wait_until_synced(user, connection_id)
    return user, connection_id, bank.control("GET", f"items/{made['item_id']}")


def views(bank: Bank, connection_id: str) -> dict[str, Any]:
    """The state of each product."""
    return {kind: bank.admin.get(f"bank_connections/{connection_id}/bank_products/{kind}") or {} for kind in KINDS}


def rows(bank: Bank, connection_id: str, kind: str) -> dict[Any, Json]:
    """The stored rows by their documents' fields that name them."""
    found = documents(bank.backend.query(f"bank_{kind}", parent=f"bank_connections/{connection_id}"))
    names: dict[str, Callable[[Json], Any]] = {
        "recurring": lambda row: row["stream_id"],
        "liabilities": lambda row: row["account_id"],
        "holdings": lambda row: (row["account_id"], row["security"]["security_id"]),
        "investment_transactions": lambda row: row["investment_transaction_id"],
    }
    return {names[kind](row): row for row in found}


def wait(bank: Bank, connection_id: str, what: str, is_so: Callable[[dict[str, Any]], bool]) -> None:
    """Wait for a state of the products; the scheduler helps, as the emulators fire no schedule."""

    def seen() -> bool:
        return is_so(views(bank, connection_id))

    try:
        wait_until(what, seen, within=60)
    except AssertionError:
        bank.run_schedule()
        wait_until(what, seen, shown=lambda: views(bank, connection_id))


def all_are(status: str) -> Callable[[dict[str, Any]], bool]:
    return lambda found: {view.get("status") for view in found.values()} == {status}


def test_every_product_of_a_new_connection_arrives_follows_its_bank_and_leaves_with_it(bank: Bank) -> None:
    user, connection_id, item = connected(bank)
    wait(bank, connection_id, "all products are there", all_are("ready"))
    seen = bank.store(user).get(f"bank_connections/{connection_id}/bank_products/holdings") or {}
    assert (seen["kind"], seen["status"]) == ("holdings", "ready"), "its owner can read it"
    token, item_id = item["access_token"], item["item_id"]

    at_plaid = bank.plaid("/investments/holdings/get", access_token=token)["holdings"]
    stored = rows(bank, connection_id, "holdings")
    assert stored.keys() == {(one["account_id"], one["security_id"]) for one in at_plaid}
    assert {row["app_user_id"] for row in stored.values()} == {user.uid}
    liabilities = bank.plaid("/liabilities/get", access_token=token)["liabilities"]
    liable = {one["account_id"] for listed in liabilities.values() for one in listed or ()}
    assert rows(bank, connection_id, "liabilities").keys() == liable
    streams = bank.plaid("/transactions/recurring/get", access_token=token)
    listed = {one["stream_id"] for one in [*streams["inflow_streams"], *streams["outflow_streams"]]}
    assert rows(bank, connection_id, "recurring").keys() == listed
    assert rows(bank, connection_id, "investment_transactions")

    several = [one for one in at_plaid if sum(other["account_id"] == one["account_id"] for other in at_plaid) > 1]
    sold = several[0]["account_id"], several[0]["security_id"]  # an account that loses its only position is hollow
    order = {"account_id": sold[0], "security_id": sold[1]}
    answer = bank.control("POST", f"items/{item_id}/holdings", sell=[order])
    trade = answer["sold"][0]
    name = trade["investment_transaction_id"] if isinstance(trade, dict) else trade
    wait_until("the sold position is gone", lambda: sold not in rows(bank, connection_id, "holdings"))
    wait_until("its sale is there", lambda: name in rows(bank, connection_id, "investment_transactions"))

    bank.rest("DELETE", f"connections/{connection_id}", user)
    wait_until("the removal is done", lambda: bank.admin.get(f"bank_removals/{connection_id}") is None)
    for kind in KINDS:
        assert bank.admin.get(f"bank_product_state/{connection_id}.{kind}") is None
        assert bank.admin.get(f"bank_connections/{connection_id}/bank_products/{kind}") is None
        assert rows(bank, connection_id, kind) == {}


def test_a_product_that_needs_consent_waits_for_it_and_the_connection_stays_good(bank: Bank) -> None:
    _, connection_id, _ = connected(bank, without_consent=["investments", "liabilities"])
    wait(
        bank,
        connection_id,
        "consent is asked for",
        lambda found: {found[kind].get("status") for kind in ("liabilities", "holdings")} == {"needs_consent"},
    )
    wait(bank, connection_id, "recurring is there", lambda found: found["recurring"].get("status") == "ready")
    connection = bank.admin.get(f"bank_connections/{connection_id}") or {}
    assert (connection["status"], connection.get("error_code")) == ("good", None)


def test_the_web_app_shows_every_product_and_asks_for_access_that_a_bank_withdrew(bank: Bank) -> None:
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=installed_browser(), args=FLAGS)
        ann = Person.at(browser.new_context(locale="en-US"), bank.stack, bank.http)
        page = ann.page
        ann.sign_up()
        ann.connect()
        ann.wait_until_synced()
        [connection] = ann.connections()
        wait(bank, connection["connection_id"], "all products are there", all_are("ready"))
        screens = {"Bills": "stream", "Debts": "debt", "Portfolio": "position"}
        stored = [len(rows(bank, connection["connection_id"], kind)) for kind in ("recurring", "holdings")]
        owing = [one for one in ann.admin().owned(ann.uid(), "bank_accounts") if one["type"] in ("credit", "loan")]
        counts = dict(zip(screens, (stored[0], len(owing), stored[1]), strict=True))
        for screen, row in screens.items():
            page.get_by_role("link", name=screen, exact=True).click(timeout=PATIENCE)
            expect(page.get_by_test_id(row)).to_have_count(counts[screen], timeout=PATIENCE)
            assert violations(page) == []
            page.get_by_role("main").get_by_role("link", name="Accounts").click()
        assert all(counts.values())

        ann.bank_does("state", state="consent_missing", products=["investments"])
        ann.bank_does("webhook", webhook_type="HOLDINGS", webhook_code="DEFAULT_UPDATE")
        page.get_by_role("link", name="Portfolio", exact=True).click()
        page.get_by_role("button", name="Allow access").click(timeout=PATIENCE)
        ann.log_in()
        expect(page.get_by_text("You have not allowed access yet")).to_have_count(0, timeout=PATIENCE)
        wait(bank, connection["connection_id"], "the positions are updated again", all_are("ready"))
        assert ann.connections()[0]["status"] == "good"
        expect(page.get_by_test_id("product")).to_have_count(0, timeout=PATIENCE)
        assert ann.unforgiven() == []
        browser.close()
