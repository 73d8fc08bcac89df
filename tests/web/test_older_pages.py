"""Pages older than the live page: they are read once, and have to follow later changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Locator, Route, expect

from tests.e2e.bank import Bank
from tests.firestore_rest import BACKEND, Client
from tests.web.person import Person, frames, wait_until

OLDER = 150
NEWER = 3  # rows that arrive while older pages load
FORGIVEN = r"ERR_INTERNET_DISCONNECTED|WebChannelConnection|Failed to load resource"
CHART = "path.recharts-rectangle"


@pytest.fixture(scope="module")
def home(resident: Callable[..., Person]) -> Person:
    """Ann, who has signed up."""
    ann = resident()
    ann.sign_up()
    return ann.rest()


@pytest.fixture
def ann(home: Person, person: Callable[..., Person]) -> Iterator[Person]:
    """A user in a new browser, with a bank and three pages of old rows, which are named by their numbers."""
    if not home.connections():
        home.go()
        home.connect()
        home.wait_until_synced()
        home.rest()
        Bank(home.stack, home.http).rests(home.connections()[0]["connection_id"])  # no other sync interferes
    ann = person(storage_state=home.page.context.storage_state(indexed_db=True))
    ann.email = home.email
    pattern = next(ann.admin().owned(ann.uid(), "bank_transactions", newest="date"))
    kept = {name: value for name, value in pattern.items() if isinstance(value, str | int | float | bool)}
    first = datetime.now(UTC).date() - timedelta(days=100)
    rows = {
        at(ann, i): {
            **kept,
            "transaction_id": f"older-{i}",
            "date": str(first - timedelta(days=i)),
            "merchant_name": f"Older {i}",
        }
        for i in range(OLDER)
    }
    store(ann).seed(rows)
    ann.go()
    expect(ann.page.get_by_test_id("connection")).to_be_visible()
    every = tuple(at(ann, i) for i in range(OLDER + NEWER))
    yield ann
    store(ann).seed({}, gone=every)


def store(of: Person) -> Client:
    return Client(of.http, of.stack.ports.url("firestore"), BACKEND)


def at(of: Person, i: int) -> str:
    return f"bank_connections/{of.connections()[0]['connection_id']}/bank_transactions/older-{i}"


def scroll_to(of: Person, row: Locator) -> None:
    for _ in range(600):  # a busy emulator takes seconds for a page
        if row.count():
            return
        of.page.mouse.wheel(0, 900)
        of.page.wait_for_timeout(100)
    raise AssertionError("no such row")


def test_offline_a_list_has_no_end_and_nothing_was_not_spent(ann: Person) -> None:
    page = ann.page
    ann.forgiven.append(FORGIVEN)
    ann.open("Spending")
    expect(page.get_by_test_id("month-chart").locator(CHART).first).to_be_visible()
    ann.open("Transactions")
    rows = page.get_by_test_id("transaction")
    expect(rows.first).to_be_visible()
    found = page.locator(".page-head [role=status]")

    page.context.set_offline(True)
    expect(page.get_by_text("You are offline. You see")).to_be_visible()
    page.mouse.wheel(0, 20_000)
    end = page.locator(".list-end")
    expect(end).to_contain_text("Try again")
    changes = """() => new Promise((resolve) => {
      let seen = 0;
      const end = document.querySelector(".list-end");
      new MutationObserver(() => seen++).observe(end, { childList: true, subtree: true });
      let frames = 0;
      const next = () => (++frames < 30 ? requestAnimationFrame(next) : resolve(seen));
      requestAnimationFrame(next);
    })"""
    assert page.evaluate(changes) < 5  # it retries once, not in a loop
    expect(page.get_by_text("No more transactions.")).to_have_count(0)
    shown = found.inner_text()
    page.context.set_offline(False)
    expect(found).not_to_have_text(shown)
    expect(end).not_to_contain_text("Try again")

    page.context.set_offline(True)
    ann.open("Spending")
    expect(page.get_by_role("heading", name="This page could not be loaded.")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_test_id("month-chart").locator(CHART).first).to_be_visible()


def test_a_reader_far_down_loses_neither_their_place_nor_what_another_device_wrote(ann: Person) -> None:
    page = ann.page
    ann.open("Transactions")
    row = page.get_by_test_id("transaction").filter(has_text="Older 80")
    scroll_to(ann, row)

    # A note from another device, which this page has not read, survives a change made here.
    store(ann).update(at(ann, 80), {"user": {"note": "from the phone"}}).raise_for_status()
    row.click()
    dialog = page.get_by_role("dialog", name="Older 80")
    expect(dialog.get_by_label("Note")).to_have_value("")
    dialog.get_by_label("Exclude from spending").check()
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    expect(row).to_contain_text("Excluded")
    assert (ann.admin().get(at(ann, 80)) or {})["user"] == {"note": "from the phone", "hidden": True}

    # Newer rows arrive above the window, and do not move its content.
    found = page.locator(".page-head [role=status]")
    expect(page.locator(".list-end")).not_to_contain_text("Loading")
    row.click()
    expect(dialog).to_be_visible()
    frames(page)
    shown, place = found.inner_text(), row.bounding_box()
    pattern = {**(ann.admin().get(at(ann, 0)) or {}), "date": str(datetime.now(UTC).date())}
    store(ann).seed({at(ann, i): {**pattern, "transaction_id": f"older-{i}"} for i in range(OLDER, OLDER + NEWER)})
    expect(found).not_to_have_text(shown)
    frames(page)  # the list scrolls once it has its new rows
    assert row.bounding_box() == place

    # Back closes the dialog first, and only then leaves the page.
    page.go_back()
    expect(dialog).to_have_count(0)
    assert row.bounding_box() == place

    # A late write does not close a dialog that was opened after it.
    held: list[Route] = []
    holds = True
    page.route(re.compile(r"Firestore/Write/channel"), lambda route: held.append(route) if holds else route.continue_())
    row.click()
    dialog.get_by_label("Note").fill("late")
    dialog.get_by_role("button", name="Save").click()
    page.go_back()
    expect(dialog).to_have_count(0)
    page.get_by_test_id("transaction").filter(has_text="Older 81").click()
    other = page.get_by_role("dialog", name="Older 81")
    expect(other).to_be_visible()
    holds = False
    for route in held:
        route.continue_()
    expect(row).to_contain_text("late")
    frames(page)  # going back takes a moment
    expect(other).to_be_visible()

    # A left-over history entry of the dialog is removed when the page loads again.
    page.reload()
    expect(page.get_by_test_id("transaction").first).to_be_visible()
    wait_until(page, "history.state !== 'over'")


def test_a_sync_is_noticed_by_its_end_and_a_removal_without_a_read(ann: Person) -> None:
    page = ann.page
    progress = f"bank_sync_progress/{ann.connections()[0]['connection_id']}"
    ended = datetime.now(UTC)
    run = {"status": "in_progress", "added": 0, "modified": 0, "removed": 0}
    end = {"status": "completed", "completed_at": ended, "modified": 1}

    def noticed(change: dict[str, object]) -> None:
        """Stores a change, and waits until the page shows it."""
        before = ann.reads()["progress"]
        store(ann).update(progress, change).raise_for_status()
        wait_until(page, f"window.bankReads.progress > {before}")

    # The charts are reloaded once when a run ends with changes, not when a run starts or ends without any.
    ann.open("Spending")
    expect(page.get_by_test_id("month-chart").locator(CHART).first).to_be_visible()
    once = ann.reads()["spending"]
    noticed({**run, "completed_at": None})
    noticed({**end, "modified": 0})
    noticed({**run, "completed_at": None})
    noticed({**end, "completed_at": ended + timedelta(minutes=1)})
    wait_until(page, f"window.bankReads.spending >= {2 * once}")
    assert ann.reads()["spending"] == 2 * once

    # Older pages are reloaded once a run has ended; this run changed one row and removed another.
    ann.open("Transactions")
    rows = page.get_by_test_id("transaction")
    scroll_to(ann, rows.filter(has_text="Older 80"))
    noticed({**run, "completed_at": None})
    store(ann).update(at(ann, 80), {"merchant_name": "Renamed by the bank"}).raise_for_status()
    noticed({**end, "completed_at": ended + timedelta(minutes=2)})
    expect(rows.filter(has_text="Renamed by the bank")).to_be_visible()

    # Another device removes the bank: its rows disappear at once, although their deletion takes a while.
    other = page.context.new_page()
    ann.listen(other)
    other.goto(ann.stack.ports.url("hosting"))
    other.get_by_role("link", name=re.compile("First Platypus Bank")).first.click()
    other.get_by_role("button", name="Remove", exact=True).click()
    other.get_by_role("alertdialog").get_by_role("button", name="Remove").click()
    expect(other.get_by_role("heading", name="Connect your first bank")).to_be_visible()
    expect(page.get_by_role("heading", name="No transactions yet")).to_be_visible()
    expect(rows).to_have_count(0)
