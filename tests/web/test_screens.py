"""Every screen fits its width and reads well, in English and Spanish, light and dark; test_languages.py has the others.

The pictures are stored in .local/screenshots/screens, for people to look at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pytest
from playwright.sync_api import Locator, ViewportSize, expect

from tests.soak.ground import SOAK
from tests.web import product_rows
from tests.web.layout import PHONE, misfits
from tests.web.person import PASSWORD, PATIENCE, Person, frames, screenshot, still, violations

BANK = "First Platypus Bank"
LOCALES = {"en": "en-US", "es": "es-ES"}
SIZES: dict[str, ViewportSize] = {
    "desktop": {"width": 1280, "height": 860},
    "phone": PHONE,
}
Look = tuple[str, Literal["light", "dark"]]
# Each screen is pictured once in each language. The languages alternate between the two looks, so that each screen is
# pictured in both. Whether its texts fit is checked at both widths each time.
LOOKS: tuple[Look, ...] = (("phone", "light"), ("desktop", "dark"))
EVERY_LOOK: tuple[Look, ...] = (*LOOKS, ("phone", "dark"), ("desktop", "light"))
EXPECTED_ERRORS = r"400|404|409|429|503|ERR_INTERNET_DISCONNECTED|WebChannelConnection|Failed to load resource"

TEXTS = {
    "en": {
        "to_new": "Create an account",
        "create": "Create account",
        "submit": "Sign in",
        "wrong": "Incorrect email or password.",
        "empty": "Connect your first bank",
        "connect": "Connect a bank",
        "updated": "Updated",
        "filters": "Filters",
        "nothing_found": "No matches",
        "remove": "Remove",
        "delete": "Delete all my bank data",
        "report": "Report a problem",
        "table": "Show as table",
        "duplicate": "is already connected",
        "repair": "Log in again",
        "offline": "You are offline.",
        "email": "Email",
        "password": "Password",
        "note": "Note",
    },
    "es": {
        "to_new": "Crea una cuenta",
        "create": "Crear cuenta",
        "submit": "Iniciar sesión",
        "wrong": "Correo o contraseña incorrectos.",
        "empty": "Conecta tu primer banco",
        "connect": "Conectar un banco",
        "updated": "Actualizado",
        "filters": "Filtros",
        "nothing_found": "Sin resultados",
        "remove": "Quitar",
        "delete": "Borrar todos mis datos bancarios",
        "report": "Informar de un problema",
        "table": "Ver como tabla",
        "duplicate": "ya está conectado",
        "repair": "Iniciar sesión",
        "offline": "Estás sin conexión.",
        "email": "Correo",
        "password": "Contraseña",
        "note": "Nota",
    },
}


@dataclass
class Album:
    """Takes pictures of a user's screens in one language."""

    user: Person
    language: str
    taken: int = 0

    def text(self, name: str) -> str:
        return TEXTS[self.language][name]

    def button(self, name: str) -> Locator:
        return self.user.page.get_by_role("button", name=self.text(name))

    def take(self, name: str, *, whole: bool = True) -> None:
        """Takes a screen and checks it; in four looks with SOAK."""
        page = self.user.page
        chosen = LOOKS[(self.taken + list(LOCALES).index(self.language)) % len(LOOKS)]
        self.taken += 1
        for size, scheme in EVERY_LOOK if SOAK else (chosen,):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            where = f"{name}-{self.language}-{size}-{scheme}"
            for one in sorted(SIZES, key=size.__eq__):  # the size of the picture last
                page.set_viewport_size(SIZES[one])
                frames(page, 2)
                still(page)
                assert misfits(page) == [], f"{where}, at {one}"
            screenshot(page, f"screens/{where}", full=whole)
            assert violations(page) == [], where
        page.set_viewport_size(SIZES["desktop"])

    def open(self, path: str) -> None:
        """Goes to a screen and waits until its data have loaded."""
        page = self.user.page
        if page.url.startswith(self.user.stack.ports.url("hosting")):
            page.evaluate("(path) => history.pushState(null, '', path)", path)  # as a link does: loads no page again
        else:
            self.user.go(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator(".skeleton")).to_have_count(0)

    def close(self, role: Literal["dialog", "alertdialog"]) -> None:
        page = self.user.page
        page.keyboard.press("Escape")
        expect(page.get_by_role(role)).to_have_count(0)

    def visit(self, path: str, name: str, *, whole: bool = True, unfolded: bool = False) -> None:
        self.open(path)
        for details in self.user.page.locator("summary").all() if unfolded else ():
            details.click()
        self.take(name, whole=whole)


@pytest.fixture(params=LOCALES)
def album(person: Callable[..., Person], request: pytest.FixtureRequest) -> Album:
    user = person(locale=LOCALES[request.param])
    user.forgiven.append(EXPECTED_ERRORS)
    return Album(user, request.param)


def sign_up(album: Album) -> None:
    page = album.user.page
    page.get_by_label(album.text("email")).fill(album.user.email)
    page.get_by_label(album.text("password")).fill(PASSWORD)
    page.get_by_role("button", name=album.text("create"), exact=True).click()
    expect(page.get_by_role("heading", name=album.text("empty"))).to_be_visible(timeout=2 * PATIENCE)


def link(album: Album) -> None:
    """Goes through Link with the first bank."""
    album.button("connect").first.click()
    frame = album.user.link()
    frame.locator("#continue").click()
    frame.get_by_role("button", name=BANK, exact=True).click()
    album.user.log_in()
    frame.locator("#share").click()


@pytest.fixture(scope="module", params=LOCALES)
def settled(resident: Callable[..., Person], request: pytest.FixtureRequest) -> Album:
    """A user with a synced connection, in each language."""
    album = Album(resident(locale=LOCALES[request.param]), request.param)
    album.user.go()
    album.button("to_new").click()
    sign_up(album)
    link(album)
    line = album.user.card(BANK).get_by_test_id("sync-line")
    expect(line).to_contain_text(album.text("updated"), timeout=2 * PATIENCE)
    album.user.rest()
    return album


@pytest.fixture
def connected(settled: Album, person: Callable[..., Person]) -> Album:
    """The settled user in a browser of their own. The tests use the user in the order of this file."""
    state = settled.user.page.context.storage_state(indexed_db=True)
    user = person(locale=LOCALES[settled.language], storage_state=state)
    user.email = settled.user.email
    user.forgiven.append(EXPECTED_ERRORS)
    return Album(user, settled.language)


def path_of(album: Album) -> str:
    """The path of the user's connection."""
    [connection] = album.user.connections()
    return f"/connections/{connection['connection_id']}"


@pytest.mark.timeout(600)
def test_the_screens_of_a_new_user(album: Album) -> None:
    page = album.user.page
    album.visit("/", "sign-in")
    page.get_by_label(album.text("email")).fill("ann@example.com")
    page.get_by_label(album.text("password")).fill("not the password")
    page.get_by_role("button", name=album.text("submit"), exact=True).click()
    expect(page.get_by_text(album.text("wrong"))).to_be_visible()
    album.take("sign-in-refused")
    album.button("to_new").click()
    expect(page.get_by_text(album.text("wrong"))).to_have_count(0)
    album.take("sign-up")
    sign_up(album)
    album.take("empty-accounts")
    for path in ("transactions", "spending", "notifications"):
        album.visit(f"/{path}", f"empty-{path}")
    album.visit("/nothing", "not-found")
    album.visit("/connections/unknown", "connection-gone")


@pytest.mark.timeout(600)
def test_the_screens_of_a_connected_user(connected: Album) -> None:
    album = connected
    page = album.user.page
    path = path_of(album)
    album.visit("/", "accounts")
    album.visit(path, "connection")
    page.get_by_role("button", name=album.text("remove"), exact=True).click()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    album.take("remove", whole=False)
    album.close("alertdialog")
    album.visit("/transactions", "transactions", whole=False)  # the list keeps room for rows that it does not show
    page.get_by_test_id("transaction").first.click()
    expect(page.get_by_label(album.text("note"))).to_be_visible()
    album.take("edit", whole=False)
    album.close("dialog")
    album.button("filters").click()
    expect(page.get_by_test_id("transaction").first).to_be_visible()
    album.take("filters", whole=False)
    page.get_by_role("searchbox").fill("no such thing")
    expect(page.get_by_role("heading", name=album.text("nothing_found"))).to_be_visible()
    album.take("nothing-found")
    album.visit("/spending", "spending")
    page.get_by_text(album.text("table")).first.click()
    album.take("spending-table")
    album.visit("/notifications", "notifications")
    album.visit("/settings", "settings")
    album.button("delete").click()
    expect(page.get_by_role("alertdialog")).to_be_visible()
    album.take("erase", whole=False)
    album.close("alertdialog")
    page.get_by_text(album.text("report")).last.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    album.take("report", whole=False)


@pytest.mark.timeout(600)
def test_the_screens_of_products(connected: Album) -> None:
    album = connected
    page = album.user.page
    path = path_of(album)
    for name in ("bills", "debts", "portfolio"):
        album.visit(f"/{name}", f"{name}-empty")
    product_rows.add_everything(album.user)
    album.visit("/", "accounts-products")
    for name in ("bills", "debts", "portfolio", "net-worth"):
        album.visit(f"/{name}", name, unfolded=name == "debts")
    page.locator(".choices select").last.select_option("EUR")
    page.locator("summary").click()
    album.take("net-worth-table")
    album.open("/bills")
    page.get_by_test_id("stream").first.get_by_role("button").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    album.take("edit-bill", whole=False)
    album.close("dialog")
    product_rows.add(album.user, *product_rows.troubled())
    album.visit(path, "connection-products")
    album.visit("/portfolio", "portfolio-needs-consent")


@pytest.mark.timeout(600)
def test_the_screens_of_a_user_with_a_problem(connected: Album) -> None:
    album = connected
    page, user = album.user.page, album.user
    path = path_of(album)
    album.open("/")
    link(album)
    expect(page.locator(".dialog")).to_contain_text(album.text("duplicate"))
    album.take("duplicate", whole=False)

    user.go(path)
    for state in ("consent_missing", "login_required"):
        user.bank_does("state", state=state)
        user.bank_does("webhook", webhook_type="TRANSACTIONS", webhook_code="SYNC_UPDATES_AVAILABLE")
        notice = page.get_by_test_id("notice")
        expect(notice).to_be_visible()
        if state == "login_required":
            expect(notice).to_contain_text(album.text("repair"))
        album.take(f"connection-{state}")
    album.visit("/", "accounts-login_required")
    album.visit("/notifications", "notifications-login_required")

    page.context.set_offline(True)
    expect(page.get_by_text(album.text("offline"))).to_be_visible()
    album.take("offline")
