"""French and German fit a phone, and text from right to left keeps its place. All in one page of one user."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from emulators.stack import Stack
from tests.fakes import row
from tests.web import product_rows
from tests.web.layout import PHONE, misfits
from tests.web.person import PASSWORD, PATIENCE, Person, frames, still

BANK = "First Platypus Bank"
SCREENS = ("transactions", "spending", "notifications", "bills", "debts", "portfolio", "net-worth")
ACCOUNT, NOTE = "חשבון 12", "הערה 5"
MERCHANT = " ".join(["בית קפה"] * 12)  # longer than a line

# Whether the texts of an element stand side by side, in their order.
IN_ORDER = """(element) => {
  const nodes = document.createTreeWalker(element, NodeFilter.SHOW_TEXT), boxes = [];
  while (nodes.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(nodes.currentNode);
    boxes.push(range.getBoundingClientRect());
  }
  return boxes.length > 2 && boxes.slice(1).every((box, i) => box.left >= boxes[i].right - 1);
}"""
BEGINS_INSIDE = """(element) => {
  const range = document.createRange();
  range.setStart(element.firstChild, 0);
  range.setEnd(element.firstChild, 1);
  const [first, box] = [range, element].map((one) => one.getBoundingClientRect());
  return element.scrollWidth > element.clientWidth && first.left >= box.left - 1 && first.right <= box.right + 1;
}"""


def check(page: Page, where: str) -> None:
    frames(page, 2)
    still(page)
    language = page.evaluate("document.documentElement.lang")
    assert misfits(page) == [], f"{where} in {language}"


def open_screen(page: Page, path: str) -> None:
    """Goes to another screen, as a link does, and waits until it has replaced the present one."""
    heading = page.get_by_role("heading", level=1)
    before = heading.inner_text()
    page.evaluate("(path) => history.pushState(null, '', path)", path)
    expect(heading).not_to_have_text(before)
    expect(page.locator(".skeleton")).to_have_count(0)


def speak(page: Page, language: str, label: str, heading: str) -> None:
    """Chooses a language in the settings."""
    page.get_by_label(label).select_option(language)
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)


@pytest.fixture(scope="module")
def anna(chromium: Browser, stack: Stack, http: httpx.Client) -> Iterator[Person]:
    """A user in Austria with a connected bank and rows of all products."""
    user = Person.at(chromium.new_context(locale="de-AT", viewport=PHONE), stack, http)
    page = user.page
    user.go()
    for language, label in (("fr", "Sprache"), ("de", "Langue")):
        check(page, "sign-in")
        page.get_by_label(label).select_option(language)
        expect(page.get_by_label(label)).to_have_count(0)
    page.get_by_role("button", name="Konto erstellen").click()
    check(page, "sign-up")
    page.get_by_label("E-Mail-Adresse").fill(user.email)
    page.get_by_label("Passwort").fill(PASSWORD)
    page.get_by_role("button", name="Konto anlegen", exact=True).click()
    expect(page.get_by_role("heading", name="Verbinden Sie Ihre erste Bank")).to_be_visible(timeout=2 * PATIENCE)
    check(page, "empty accounts")
    page.get_by_role("button", name="Bank verbinden").click()
    frame = user.link()
    frame.locator("#continue").click()
    frame.get_by_role("button", name=BANK, exact=True).click()
    user.log_in()
    frame.locator("#share").click()
    line = user.card(BANK).get_by_test_id("sync-line")
    expect(line).to_contain_text("Aktualisiert: ", timeout=2 * PATIENCE)
    product_rows.add_everything(user)
    yield user
    page.context.close()


def visit_everything(page: Page, connection: str, names: dict[str, str]) -> None:
    """Opens every screen, with its dialogs, and checks each; begins and ends at the settings."""
    check(page, "settings")
    page.get_by_role("button", name=names["erase"]).click()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    check(page, "erase")
    page.keyboard.press("Escape")
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    open_screen(page, "/")
    check(page, "accounts")
    open_screen(page, connection)
    expect(page.get_by_test_id("product").first).to_be_visible()
    check(page, "connection")
    page.get_by_role("button", name=names["remove"], exact=True).click()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    check(page, "remove")
    page.keyboard.press("Escape")
    expect(page.get_by_role("alertdialog")).to_have_count(0)
    for name in SCREENS:
        open_screen(page, f"/{name}")
        for details in page.locator("summary").all():
            details.click()
        check(page, name)
        if name == "transactions":
            page.get_by_role("button", name=names["filters"], exact=True).click()
            check(page, "filters")
            page.get_by_test_id("transaction").first.click()
            expect(page.get_by_role("dialog")).to_be_visible()
            check(page, "edit")
            page.keyboard.press("Escape")
            expect(page.get_by_role("dialog")).to_have_count(0)
    open_screen(page, "/settings")


@pytest.mark.timeout(600)
def test_german_and_french_fit_a_phone_and_follow_the_region(anna: Person) -> None:
    page = anna.page
    connection = f"/connections/{anna.connections()[0]['connection_id']}"
    expect(page.locator(".account").filter(has_text="Euro savings").first).to_contain_text("€ 1.000,10")
    anna.wait_until_stored(f"users/{anna.uid()}", {"language": "de-AT"})
    open_screen(page, "/settings")
    german = {"erase": "Alle meine Bankdaten löschen", "remove": "Entfernen", "filters": "Filter"}
    visit_everything(page, connection, german)

    speak(page, "fr", "Sprache", "Réglages")
    anna.wait_until_stored(f"users/{anna.uid()}", {"language": "fr"})  # the browser knows no region for French
    product_rows.add(anna, *product_rows.troubled())
    anna.bank_does("state", state="login_required")
    anna.bank_does("webhook", webhook_type="TRANSACTIONS", webhook_code="SYNC_UPDATES_AVAILABLE")
    french = {"erase": "Supprimer toutes mes données", "remove": "Supprimer", "filters": "Filtres"}
    visit_everything(page, connection, french)

    open_screen(page, connection)
    expect(page.get_by_test_id("notice")).to_contain_text("Identifiez-vous de nouveau")
    check(page, "a connection with a problem")
    open_screen(page, "/settings")
    speak(page, "de", "Langue", "Einstellungen")
    open_screen(page, connection)
    expect(page.get_by_test_id("notice")).to_contain_text("Melden Sie sich erneut an")
    check(page, "a connection with a problem")


@pytest.mark.timeout(600)
def test_names_from_right_to_left_keep_their_place_in_a_row(anna: Person) -> None:
    page = anna.page
    written = {"name": MERCHANT, "account_id": "rtl", "date": product_rows.today().isoformat(), "user": {"note": NOTE}}
    product_rows.add(
        anna,
        product_rows.account("rtl", ACCOUNT, "depository", "1000"),
        ("bank_transactions/rtl", dict(row("rtl", **written))),
    )
    open_screen(page, "/transactions")
    shown = page.get_by_test_id("transaction").filter(has_text=MERCHANT)
    expect(shown).to_contain_text(NOTE)
    expect(shown).to_contain_text(ACCOUNT)
    assert shown.locator("small").evaluate(IN_ORDER), "category, account, note"
    assert shown.locator(".row-title").evaluate(BEGINS_INSIDE), "the beginning of a long name is cut off"
    check(page, "transactions from right to left")
