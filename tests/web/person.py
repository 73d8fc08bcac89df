"""A user at a browser: their actions, and the errors they must never see."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx
from playwright.sync_api import BrowserContext, Locator, Page, expect

from emulators.client import Firestore
from emulators.setup import LOCAL, ROOT
from emulators.stack import Stack

BROKEN_STREAM = "net::ERR_INCOMPLETE_CHUNKED_ENCODING"  # the SDK opens another one
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
SCREENSHOTS = LOCAL / "screenshots"
PASSWORD = "a long password"
# A login with few transactions: writing and drawing the hundreds of `user_good` takes most of a test's time.
FEW = {"username": "user_generated", "password": json.dumps({"transactions": 40, "seed": 20})}
PATIENCE = 60_000  # milliseconds; a loaded machine starts workers slowly
Json = dict[str, Any]

# Records layout shifts, and violations of the content security policy.
WATCH = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts.push(entry.value);
}).observe({ type: "layout-shift", buffered: true });
"""


MOVING = """() => document.getAnimations().some(
  (one) => one.playState === "running" && one.effect.getComputedTiming().endTime !== Infinity)"""

FRAMES = """async (count) => {
  for (let i = 0; i < count; i++) await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
}"""


def screenshot(page: Page, name: str, *, full: bool = False) -> Path:
    """Stores a screenshot for manual review."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=path, full_page=full, animations="disabled")
    return path


def still(page: Page) -> None:
    """Waits for all animations to finish, except endless ones."""
    while page.evaluate(MOVING):
        page.wait_for_timeout(50)


def frames(page: Page, count: int = 10) -> None:
    """Lets the page process its pending events and render the given number of frames."""
    page.evaluate(FRAMES, count)


def violations(page: Page, *, within: str | None = None) -> list[str]:
    """The violations of WCAG 2.2 A and AA and of best practices that axe finds on the page."""
    still(page)  # axe would measure the contrast of colours in transition
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("(within) => axe.run(within ?? document, { resultTypes: ['violations'] })", within)
    return [
        f"{one['id']} ({one['impact']}): {node['html'][:160]}" for one in found["violations"] for node in one["nodes"]
    ]


def wait_until(page: Page, condition: str) -> None:
    """Waits for a condition in the page.

    As a function: the page's policy allows evaluating an expression only the first time, and this polls it.
    """
    page.wait_for_function(f"() => {condition}")


@dataclass
class Person:
    """A browser context on the running stack."""

    page: Page
    stack: Stack
    http: httpx.Client
    email: str = field(default_factory=lambda: f"web-{uuid.uuid4().hex[:12]}@example.com")
    complaints: list[str] = field(default_factory=list)
    forgiven: list[str] = field(default_factory=list)

    @classmethod
    def at(cls, context: BrowserContext, stack: Stack, http: httpx.Client) -> Person:
        """Opens a page that records every error."""
        context.set_default_timeout(PATIENCE)
        context.add_init_script(WATCH)
        person = cls(context.new_page(), stack, http)
        person.listen(person.page)
        return person

    def listen(self, page: Page) -> None:
        """Records the page's console errors."""
        page.on(
            "console",
            lambda line: self.complaints.append(line.text) if line.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def unforgiven(self) -> list[str]:
        """The console errors that neither the test nor an overloaded machine explains."""
        busy = ("Could not reach Cloud Firestore backend. Backend didn't respond within 10 seconds", BROKEN_STREAM)
        known = [*self.forgiven, *busy]
        return [one for one in self.complaints if not any(re.search(part, one) for part in known)]

    # -- actions --

    def go(self, path: str = "/") -> None:
        self.page.goto(self.stack.ports.url("hosting") + path)
        self.page.get_by_role("heading", level=1).or_(self.page.get_by_role("heading", level=2)).first.wait_for()

    def rest(self) -> Self:
        """Leaves the app, whose page would read and draw every change of the user's data."""
        self.page.goto("about:blank")
        return self

    def open(self, screen: str) -> None:
        self.page.get_by_role("navigation").get_by_role("link", name=screen).click()
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(re.compile("."))

    def sign_up(self) -> None:
        self.go()
        page = self.page
        page.get_by_role("button", name="Create an account").click()
        page.get_by_label("Email").fill(self.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Create account", exact=True).click()
        # Firestore's first answer: each failed attempt takes ten seconds or more.
        expect(page.get_by_role("heading", name="Connect your first bank")).to_be_visible(timeout=2 * PATIENCE)

    def connect(
        self, bank: str = "First Platypus Bank", *, username: str = "user_good", password: str = "pass_good"
    ) -> None:
        self.page.get_by_role("button", name="Connect a bank").click()
        link = self.link()
        link.locator("#continue").click()
        link.get_by_role("button", name=bank, exact=True).click()
        self.log_in(username, password)
        link.locator("#share").click()
        expect(self.card(bank)).to_be_visible()

    def link(self) -> Any:
        return self.page.frame_locator("iframe[title='Plaid Link']")

    def log_in(self, username: str = "user_good", password: str = "pass_good") -> None:
        link = self.link()
        link.locator("#username").fill(username)
        link.locator("#password").fill(password)
        link.locator("#submit").click()

    # -- what the page shows --

    def card(self, bank: str) -> Locator:
        return self.page.get_by_test_id("connection").filter(has_text=bank)

    def wait_until_synced(self, bank: str = "First Platypus Bank") -> None:
        expect(self.card(bank).get_by_test_id("sync-line")).to_contain_text("Updated", timeout=2 * PATIENCE)

    def wait_until_stored(self, path: str, wanted: Json) -> None:
        for _ in range(PATIENCE // 100):
            if self.admin().get(path) == wanted:
                self.page.evaluate("0")  # Playwright delivers page events during calls only, so make one
                return
            self.page.wait_for_timeout(100)
        assert self.admin().get(path) == wanted

    def wait_until_listed(self, connection_id: str, name: str) -> None:
        """Waits until the connection has an account of that name."""
        self.page.goto(f"{self.stack.ports.url('hosting')}/connections/{connection_id}")
        expect(self.page.get_by_role("listitem").filter(has_text=name).first).to_be_visible(timeout=2 * PATIENCE)

    def reads(self) -> dict[str, int]:
        counted: dict[str, int] = self.page.evaluate("({ ...window.bankReads })")
        return counted

    # -- behind the scenes --

    def admin(self) -> Firestore:
        return Firestore(self.http, self.stack.ports, {"Authorization": "Bearer owner"})

    def uid(self) -> str:
        url = f"{self.stack.ports.url('auth')}/identitytoolkit.googleapis.com/v1/projects/demo-bank/accounts:lookup"
        found = self.http.post(url, headers={"Authorization": "Bearer owner"}, json={"email": [self.email]}).json()
        return str(found["users"][0]["localId"])

    def id_token(self) -> str:
        """The ID token that the app sends with its calls."""
        url = f"{self.stack.ports.url('auth')}/identitytoolkit.googleapis.com/v1/accounts:signInWithPassword?key=any"
        body = {"email": self.email, "password": PASSWORD, "returnSecureToken": True}
        return str(self.http.post(url, json=body).raise_for_status().json()["idToken"])

    def connections(self) -> list[Json]:
        return list(self.admin().owned(self.uid(), "bank_connections"))

    def bank_does(self, what: str, **body: object) -> Json:
        """Makes something happen at the bank of the user's first connection."""
        [connection, *_] = self.connections()
        url = f"{self.stack.plaid.base_url}/_sim/items/{connection['item_id']}/{what}"
        done: Json = self.http.post(url, json=body).raise_for_status().json()
        return done
