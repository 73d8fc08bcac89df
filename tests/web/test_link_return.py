"""An OAuth bank redirects the browser back: Link resumes there, in any tab, for the user who opened it."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, Route, expect

from tests.web.person import FEW, Person, screenshot, wait_until

BANK = "Platypus OAuth Bank"
BANK_PAGE = '<title>The bank</title><link rel="icon" href="data:,"><p>Continue in your banking app.</p>'
AWAY = "**/link-return?oauth_state_id=*"
KEPT = "Object.keys(localStorage).some((name) => name.startsWith('bank.link'))"


def leave_for_the_bank(person: Person) -> None:
    """Keeps this tab at the bank, so that the test can open the redirect URI in another tab."""

    def at_the_bank(route: Route) -> None:
        route.fulfill(body=BANK_PAGE, content_type="text/html")

    person.page.route(AWAY, at_the_bank)


def address_of_return(person: Person) -> str:
    person.page.wait_for_url(AWAY)
    return person.page.url


def another_tab(person: Person, address: str) -> Page:
    """Opens the redirect URI in a new tab, and continues there."""
    person.page = person.page.context.new_page()
    person.listen(person.page)
    person.page.goto(address)
    return person.page


def log_in_at_the_bank(person: Person) -> None:
    person.page.get_by_role("button", name="Connect a bank").click()
    link = person.link()
    link.locator("#continue").click()
    link.get_by_role("button", name=BANK, exact=True).click()
    person.log_in(**FEW)


def test_a_return_in_another_tab_continues_whatever_link_was_opened_for(person: Callable[..., Person]) -> None:
    ann = person()
    ann.sign_up()
    leave_for_the_bank(ann)
    log_in_at_the_bank(ann)
    page = another_tab(ann, address_of_return(ann))
    expect(ann.link().locator("#share")).to_be_visible()
    screenshot(page, "desktop-link-return")
    ann.link().locator("#share").click()
    expect(page.locator(".toast.good")).to_contain_text(f"{BANK} is connected")
    expect(ann.card(BANK)).to_be_visible()
    wait_until(page, f"!({KEPT})")
    ann.wait_until_synced(BANK)

    notice = page.get_by_test_id("notice")
    connection_id = ann.connections()[0]["connection_id"]
    for purpose in ("repair", "consent", "accounts"):
        leave_for_the_bank(ann)
        if purpose == "repair":
            ann.bank_does("state", state="login_required")
            notice.get_by_role("button", name="Log in again").click()
        elif purpose == "consent":
            ann.bank_does("state", state="consent_missing")
            ann.bank_does("webhook", webhook_type="TRANSACTIONS", webhook_code="SYNC_UPDATES_AVAILABLE")
            notice.get_by_role("button", name="Give consent").click()
        else:
            ann.bank_does("accounts", offer=[{"type": "depository", "meta": {"name": "Brand new"}}])
            notice.get_by_role("button", name="Choose accounts").click()
        ann.log_in(**FEW)
        page = another_tab(ann, address_of_return(ann))
        notice = page.get_by_test_id("notice")
        ann.link().locator("#share").click()
        expect(page.locator(".toast.good").filter(has_text="works again")).to_be_attached()
        expect(ann.card(BANK)).to_be_visible()
        expect(notice).to_have_count(0)
        wait_until(page, f"!({KEPT})")
    ann.wait_until_listed(connection_id, "Brand new")


def test_two_tabs_that_left_for_a_bank_each_come_back_to_their_own_link(person: Callable[..., Person]) -> None:
    ann = person()
    ann.sign_up()
    log_in_later = another_tab(ann, ann.page.url)
    first, second = ann.page.context.pages
    assert second is log_in_later
    for tab in (first, second):
        ann.page = tab
        tab.bring_to_front()
        tab.get_by_role("button", name="Connect a bank").click()
        ann.link().locator("#continue").click()
    for tab in (first, second):  # the bank sends each tab back itself
        ann.page = tab
        tab.bring_to_front()
        ann.link().get_by_role("button", name=BANK, exact=True).click()
        ann.log_in(**FEW)
        expect(ann.link().locator("#share")).to_be_visible()


def test_a_kept_link_belongs_to_the_user_who_opened_it_and_ends_at_sign_out(person: Callable[..., Person]) -> None:
    ann = person()
    ann.sign_up()
    leave_for_the_bank(ann)
    log_in_at_the_bank(ann)
    address = address_of_return(ann)
    page = another_tab(ann, ann.stack.ports.url("hosting"))
    wait_until(page, KEPT)
    kept = page.evaluate("({ ...localStorage })")
    ann.open("Settings")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Create an account")).to_be_visible()
    wait_until(page, f"!({KEPT})")

    ann.email = f"other-{ann.email}"
    ann.sign_up()
    # Even if the stored session is restored, it belongs to the first user.
    page.evaluate("(kept) => Object.assign(localStorage, kept)", kept)
    page.goto(address)
    expect(page.locator(".toast.bad")).to_contain_text("nothing to continue here")
    expect(page.locator("iframe[title='Plaid Link']")).to_have_count(0)
