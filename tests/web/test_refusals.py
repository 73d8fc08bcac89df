"""Errors that the user did not cause, and how the app handles them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.firestore_rest import BACKEND, Client
from tests.web.person import Json, Person, wait_until

BANK = "First Platypus Bank"
NETWORK = r"Failed to fetch dynamically|ERR_INTERNET_DISCONNECTED|WebChannelConnection"


@pytest.fixture
def ann(person: Callable[..., Person]) -> Person:
    ann = person()
    ann.forgiven.append("Failed to load resource")
    ann.sign_up()
    return ann


@pytest.fixture(scope="module")
def home(resident: Callable[..., Person]) -> Person:
    """A user with a fully synced connection; tests do not remove it."""
    bob = resident()
    bob.sign_up()
    bob.connect()
    bob.wait_until_synced()
    return bob.rest()


@pytest.fixture
def bob(home: Person, person: Callable[..., Person]) -> Person:
    """The same user in a new browser."""
    again = person(storage_state=home.page.context.storage_state(indexed_db=True))
    again.email = home.email
    again.forgiven.append("Failed to load resource")
    again.go()
    again.wait_until_synced()
    return again


def refusal(status: int, name: str, code: str, **details: object) -> dict[str, object]:
    error: Json = {"status": name, "message": code, "details": {"code": code, **details}}
    headers = {"Access-Control-Allow-Origin": "*", "Content-Type": "application/json"}
    return {"status": status, "headers": headers, "body": json.dumps({"error": error})}


def answer(person: Person, function: str, *answers: dict[str, object] | None) -> list[Json]:
    """Replaces the function's next answers (None: a network error), and returns the requests it received."""
    asked: list[Json] = []
    coming = list(answers)

    def handle(route: Route) -> None:
        if route.request.method == "OPTIONS":
            return route.fallback()
        asked.append(json.loads(route.request.post_data or "{}")["data"])
        if not coming:
            return route.continue_()
        given = coming.pop(0)
        return route.abort() if given is None else route.fulfill(**given)  # type: ignore[arg-type]

    person.page.route(f"**/{function}", handle)
    return asked


def test_a_login_at_the_bank_survives_a_transient_backend_error(ann: Person) -> None:
    busy = refusal(503, "UNAVAILABLE", "exchange_in_progress", retry_after_seconds=1)
    asked = answer(ann, "exchange_public_token", None, busy)
    ann.connect()
    assert len(asked) == 3
    assert len({one["public_token"] for one in asked}) == 1
    kept = "Object.keys({ ...localStorage, ...sessionStorage }).some((name) => name.startsWith('bank.link'))"
    wait_until(ann.page, f"!({kept})")  # once the function has answered, too


def test_leaving_the_page_while_a_bank_is_being_connected_loses_nothing(ann: Person) -> None:
    page = ann.page
    ann.forgiven.append(NETWORK)
    held: list[Route] = []
    gone = False

    def hold(route: Route) -> None:
        route.continue_() if gone else held.append(route)

    page.route("**/exchange_public_token", hold)
    page.get_by_role("button", name="Connect a bank").click()
    link = ann.link()
    link.locator("#continue").click()
    link.get_by_role("button", name=BANK, exact=True).click()
    ann.log_in()
    link.locator("#share").click()
    expect(link.locator("#share")).to_be_hidden()
    while not held:
        page.wait_for_timeout(50)

    # The buttons share one Link: another button shows that it is in progress.
    ann.open("Notifications")
    ann.open("Accounts")
    expect(page.get_by_role("button", name=f"Connecting {BANK}")).to_be_disabled()

    # A screen that needs the network loads automatically later, but not while that would lose the login.
    page.context.set_offline(True)
    ann.open("Settings")
    expect(page.get_by_role("heading", name="Not loaded yet")).to_be_visible()
    gone = True
    held[0].abort()
    page.context.set_offline(False)
    expect(page.locator(".toast.good")).to_contain_text("is connected")
    page.get_by_role("button", name="Reload").click()
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_visible()
    assert len(ann.connections()) == 1


def test_a_user_verifies_their_address_and_continues_with_a_new_token(ann: Person) -> None:
    page = ann.page
    unverified = refusal(403, "PERMISSION_DENIED", "email_not_verified")
    asked = answer(ann, "create_link_token", unverified, unverified, unverified)
    connect = page.get_by_role("button", name="Connect a bank")
    connect.click()
    refused = page.locator(".toast.bad").filter(has_text="Verify your email address")
    refused.locator("button", has_text="Send verification email").click()  # hidden from roles until it has the focus
    expect(page.locator(".toast.good").filter(has_text=f"We sent an email to {ann.email}")).to_be_visible()
    assert len(asked) == 2, "one retry with a new token"

    url = ann.stack.ports.url("auth")
    sent = ann.http.get(f"{url}/emulator/v1/projects/demo-bank/oobCodes").json()["oobCodes"]
    [code] = [one for one in sent if one["email"] == ann.email]
    assert code["requestType"] == "VERIFY_EMAIL"
    ann.http.get(code["oobLink"].replace("http://127.0.0.1:9099", url)).raise_for_status()
    connect.click()
    expect(ann.link().locator("#continue")).to_be_visible()
    assert len(asked) == 4


def test_a_rejected_token_is_retried_once_and_then_reported(bob: Person) -> None:
    page = bob.page
    page.get_by_role("link", name=BANK).click()
    refresh = page.get_by_role("button", name="Refresh")
    expired = refusal(401, "UNAUTHENTICATED", "id_token_expired")

    asked = answer(bob, "sync_connection", expired, expired)
    refresh.click()
    expect(page.locator(".toast.bad").filter(has_text="Your sign-in was not accepted")).to_be_visible()
    assert len(asked) == 2
    page.unroute("**/sync_connection")

    asked = answer(bob, "sync_connection", expired)
    refresh.click()
    expect(page.locator(".toast.good").filter(has_text="Checking for new transactions")).to_be_visible()
    assert len(asked) == 2

    # A function that no client may call does not send the user to the sign-in page.
    answer(bob, "remove_connection", {"status": 403, "headers": {"Access-Control-Allow-Origin": "*"}, "body": "no"})
    page.get_by_role("button", name="Remove", exact=True).click()
    page.get_by_role("alertdialog").get_by_role("button", name="Remove").click()
    expect(page.locator(".toast.bad").filter(has_text="The request was refused")).to_be_visible()

    # Where account selection is not available, the app says what to do instead.
    store = Client(bob.http, bob.stack.ports.url("firestore"), BACKEND)
    institution_id = bob.connections()[0]["institution_id"]
    store.update(f"bank_institutions/{institution_id}", {"country_codes": ["ES"]}).raise_for_status()
    page.get_by_role("button", name="Add or remove accounts").click()
    expect(
        page.locator(".toast.bad").filter(has_text="does not let you change which accounts you share")
    ).to_be_visible()
    store.update(f"bank_institutions/{institution_id}", {"country_codes": ["US"]}).raise_for_status()


def test_a_note_on_a_row_that_a_sync_has_replaced_shows_an_error(bob: Person) -> None:
    page = bob.page
    bob.open("Transactions")
    page.get_by_test_id("transaction").filter(has_text="Touchstone").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Note").fill("monthly pass")
    store = Client(bob.http, bob.stack.ports.url("firestore"), BACKEND)
    at = [
        f"bank_connections/{one['connection_id']}/bank_transactions/{one['transaction_id']}"
        for one in bob.admin().owned(bob.uid(), "bank_transactions")
        if one["merchant_name"] == "Touchstone Climbing"
    ]
    store.seed({}, gone=tuple(at))
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator(".toast.bad").filter(has_text="This transaction has changed")).to_be_visible()
    expect(dialog.get_by_label("Note")).to_have_value("monthly pass")  # the typed text is kept


def test_a_return_without_a_link_session_shows_an_error(ann: Person) -> None:
    ann.page.route("**/assets/Toaster-*.js", lambda route: route.abort())  # the message shows nevertheless
    ann.page.goto(ann.stack.ports.url("hosting") + "/link-return")
    expect(ann.page.locator(".toast.bad").filter(has_text="nothing to continue here")).to_be_visible()
    expect(ann.page.get_by_role("heading", name="Connect your first bank")).to_be_visible()
