"""A long history: what each screen reads is bounded, and written down in docs/clients.md.

Two years of it are 20,000 transactions, which `make soak` looks at; `make test` has the newest 4,000 of them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

from emulators.setup import ROOT
from tests.firestore_rest import BACKEND, Client
from tests.soak.ground import SOAK
from tests.web.person import Person, violations, wait_until

TRANSACTIONS = 20_000 if SOAK else 4_000
DAYS = 730 * TRANSACTIONS // 20_000
COMMIT = 2_000
SHOWN = [
    "account_id",
    "connection_id",
    "app_user_id",
    "iso_currency_code",
    "unofficial_currency_code",
    "name",
    "pending",
    "category",
]
ACCOUNTS = 14
MERCHANTS = ["Corner Bakery", "City Transit", "Green Grocer", "Blue Bottle", "Book Nook"]
NOTIFICATIONS = 30
PAGE = 50
UNASKED = 500
MOST_FOR_CHARTS = 3_000
SLOW = 90_000  # milliseconds; the emulator has no indexes, and scans every document for each query
BANK = "First Platypus Bank"
WATCH_FOR_ROWS = """() => {
  addEventListener("click", () => {
    const clicked = performance.now();
    new MutationObserver((_, watcher) => {
      if (!document.querySelector("[data-testid=transaction]")) return;
      watcher.disconnect();
      window.firstRowAfter = performance.now() - clicked;
    }).observe(document.body, { childList: true, subtree: true });
  }, { capture: true, once: true });
}"""


def test_the_bounds_are_those_that_are_written_down() -> None:
    text = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8").split("## What each screen reads")[1]
    for bound in (PAGE, UNASKED, MOST_FOR_CHARTS, NOTIFICATIONS):
        assert re.search(rf"\b{bound:,}\b", text), bound


# Starts at the position of the last frame, so that shifts between two calls count as well.
SCROLL = """async (step) => {
  const before = window.scrolledTo ?? scrollY;
  scrollBy(0, step);
  await new Promise(requestAnimationFrame);
  return [before, (window.scrolledTo = scrollY)];
}"""
SLOWEST_FRAME = """async (step) => {
  let last = performance.now(), slowest = 0;
  for (let i = 0; i < 60; i++) {
    scrollBy(0, step);
    await new Promise(requestAnimationFrame);
    slowest = Math.max(slowest, performance.now() - last);
    last = performance.now();
  }
  return slowest;
}"""
# Key by key, as a user types; inside the page, where a slow machine delays all timers equally.
TYPE = """async (box, words) => {
  const write = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set;
  for (let i = 1; i <= words.length; i++) {
    write.call(box, words.slice(0, i));
    box.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((next) => setTimeout(next, 60));
  }
}"""


@pytest.fixture
def ann(person: Callable[..., Person]) -> Iterator[Person]:
    """A user with a long history, which is written to Firestore directly: other tests cover its sync."""
    ann = person()
    ann.sign_up()
    ann.connect()
    ann.wait_until_synced()
    store = Client(ann.http, ann.stack.ports.url("firestore"), BACKEND)
    [connection] = ann.connections()
    parent = f"bank_connections/{connection['connection_id']}/bank_transactions"
    pattern = next(ann.admin().owned(ann.uid(), "bank_transactions", newest="date"))
    kept = {name: pattern[name] for name in SHOWN}
    today = datetime.now(UTC).date()

    def one(i: int) -> dict[str, Any]:
        cents = 100 + i * 7919 % 20_000
        day = str(today - timedelta(days=i * DAYS // TRANSACTIONS))
        merchant = f"{MERCHANTS[i % len(MERCHANTS)]} {i}"
        amount = {"amount": f"{cents / 100:.2f}", "amount_value": cents / 100}
        return {**kept, **amount, "transaction_id": f"long-{i}", "date": day, "merchant_name": merchant}

    ids = [f"{parent}/long-{i}" for i in range(TRANSACTIONS)]
    for at in range(0, TRANSACTIONS, COMMIT):
        store.seed({path: one(at + i) for i, path in enumerate(ids[at : at + COMMIT])})
    yield ann
    for at in range(0, TRANSACTIONS, COMMIT):
        store.seed({}, gone=tuple(ids[at : at + COMMIT]))


@pytest.mark.timeout(300)
def test_a_long_history_scrolls_smoothly_and_no_screen_reads_more_than_it_shows(
    ann: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    page = ann.page

    # Reload, so that only the reads of this screen count.
    page.reload()
    expect(ann.card(BANK)).to_be_visible()
    kept = "['connections', 'progress', 'accounts', 'products', 'notifications']"
    wait_until(page, f"{kept}.every((one) => one in window.bankReads)")

    # The first page is one query of 50 documents. Its duration depends on the machine: it is printed, not asserted.
    page.evaluate(WATCH_FOR_ROWS)
    ann.open("Transactions")
    expect(page.get_by_test_id("transaction").first).to_be_visible()
    with capsys.disabled():
        print(f"\nthe first page of {TRANSACTIONS:,} was there after {page.evaluate('firstRowAfter'):.0f} ms")  # noqa: T201
    assert ann.reads()["transactions"] == PAGE

    # All earlier reads have completed: no more than the first screen shows.
    home = ann.reads()
    assert home["connections"] == home["progress"] == 1
    assert home["products"] == 1  # a query without a result
    assert home["accounts"] == ACCOUNTS
    assert home["notifications"] <= NOTIFICATIONS
    assert set(home) <= {
        "connections",
        "progress",
        "accounts",
        "products",
        "notifications",
        "institutions",
        "health",
        "profile",
        "transactions",
    }

    # Scroll down the list, page by page; only rows near the window are rendered.
    seen: set[str] = set()
    deadline = time.monotonic() + 60
    while len(seen) < 6 * PAGE and time.monotonic() < deadline:
        # A page that arrives below neither scrolls the list nor triggers the next page.
        before, there = page.evaluate(SCROLL, 800)
        assert there <= before + 800
        rows = page.get_by_test_id("transaction").all_inner_texts()
        assert len(rows) < 60
        seen.update(rows)
    expect(page.locator(".list-end")).not_to_contain_text("Loading")
    assert page.evaluate("scrollY === scrolledTo")
    said, read = page.evaluate(
        "[document.querySelector('.page-head [role=status]').innerText, window.bankReads.transactions]"
    )
    shown = int(re.sub(r"\D", "", said))
    assert 6 * PAGE <= len(seen) <= shown
    assert read == shown < 24 * PAGE  # reads follow the scrolling, not the size of the history

    # No frame while scrolling is so slow that a user would notice. A slow frame of the list recurs in each attempt; one
    # of the machine does not.
    assert min(page.evaluate(SLOWEST_FRAME, step) for step in (-150, 150, -150)) < 1000

    # A search without matches does not read everything: it pauses, says so, and continues when the user asks.
    # All keys together started one search.
    before = ann.reads()["transactions"]
    page.get_by_role("searchbox").evaluate(TYPE, "no merchant has this name")
    go_on = page.get_by_role("button", name="Search older transactions")
    expect(go_on).to_be_visible(timeout=SLOW)
    read = ann.reads()["transactions"] - before
    assert UNASKED - PAGE <= read <= UNASKED  # the newest page may have been loaded already
    go_on.click()
    expect(page.locator(".list-end")).to_be_focused()  # the button has disappeared
    expect(page.get_by_text("Searched the newest 1,000")).to_be_visible(timeout=SLOW)
    assert ann.reads()["transactions"] - before <= 2 * UNASKED
    assert violations(page) == []

    ann.open("Spending")
    expect(page.get_by_test_id("month-chart").locator("path.recharts-rectangle").first).to_be_visible(timeout=SLOW)
    assert ann.reads()["spending"] <= MOST_FOR_CHARTS
    expect(page.get_by_text("Based on your newest 3,000 transactions")).to_be_visible()
