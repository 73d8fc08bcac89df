"""A bank is linked again: the app asks what the new connection replaces, and shows what became of the notes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, Literal

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from tests.firestore_rest import BACKEND, Client
from tests.web.person import FEW, PATIENCE, Person, screenshot, still, violations

BANK = "First Platypus Bank"
SIZES: dict[str, ViewportSize] = {
    "desktop": {"width": 1280, "height": 860},
    "phone": {"width": 390, "height": 844},
}
LOOKS: tuple[tuple[str, str, Literal["light", "dark"]], ...] = (("en", "phone", "light"), ("es", "desktop", "dark"))
DEAD = "no longer works"
Json = dict[str, Any]


def link(ann: Person, *, again: bool = False) -> Json:
    """Goes through Link for the bank, and returns what the app sends to the backend."""
    ann.page.get_by_role("button", name="Connect again" if again else "Connect a bank").first.click()
    frame = ann.link()
    frame.locator("#continue").click()
    frame.get_by_role("button", name=BANK, exact=True).click()
    ann.log_in(**FEW)
    with ann.page.expect_request(lambda request: request.url.endswith("/exchange_public_token")) as exchange:
        frame.locator("#share").click()
    return dict((exchange.value.post_data_json or {})["data"])


def die(ann: Person, connection: Json) -> None:
    """Removes the connection's item at the bank; the next sync finds out."""
    url = f"{ann.stack.plaid.base_url}/_sim/items/{connection['item_id']}/state"
    ann.http.post(url, json={"state": "removed"}).raise_for_status()
    ann.go(f"/connections/{connection['connection_id']}")
    ann.page.get_by_role("button", name="Refresh").click()
    expect(ann.page.get_by_test_id("notice")).to_contain_text(DEAD, timeout=2 * PATIENCE)


def wait_until_gone(ann: Person, connection_id: str) -> None:
    """Waits until the bank is connected, and the overview no longer has the connection that it replaces."""
    page = ann.page
    expect(page.locator(".toast.good").filter(has_text="is connected").first).to_be_attached()  # an older one may stay
    ann.open("Accounts")
    expect(page.locator(f"a[href='/connections/{connection_id}']")).to_have_count(0, timeout=2 * PATIENCE)
    expect(page.get_by_test_id("connection").first).to_be_visible()


def rows_of(ann: Person) -> list[Json]:
    return list(ann.admin().owned(ann.uid(), "bank_transactions"))


def content(row: Json) -> tuple[str, ...]:
    """What two rows of the same purchase have in common."""
    return row["date"], row["amount"], row["name"]


def unique(rows: list[Json]) -> list[Json]:
    """The rows that no other row resembles."""
    kinds = [(row["amount"], row["name"]) for row in rows]
    return [row for row in rows if kinds.count((row["amount"], row["name"])) == 1]


def look_at(page: Page, name: str, *, within: str | None = None) -> None:
    """Takes a screenshot in each language, size and scheme, and checks both with axe; a dialog stays in English."""
    for language, size, scheme in LOOKS:
        if within is None:
            page.evaluate("(language) => localStorage.setItem('language', language)", language)
            page.reload()
            page.get_by_role("heading", level=1).wait_for()
            expect(page.locator(".skeleton")).to_have_count(0)
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size(SIZES[size])
        still(page)
        screenshot(page, f"{size}-{scheme}-{language if within is None else 'en'}-{name}")
        assert violations(page, within=within) == [], (language, scheme, size)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (language, size)
    page.evaluate("localStorage.setItem('language', 'en')")
    page.set_viewport_size(SIZES["desktop"])
    if within is None:
        page.reload()


def opened_archive(ann: Person) -> Locator:
    """Opens the archive through the notification and the page of the connection."""
    page = ann.page
    ann.open("Notifications")
    told = page.get_by_test_id("notification").filter(has_text="notes")
    expect(told).to_have_count(1)
    told.get_by_role("link", name="View connection").click()
    expect(page.get_by_test_id("moved")).to_contain_text("1 note moved from the old connection, 1 in the archive")
    look_at(page, "moved")
    page.get_by_role("link", name="View archived notes").click()
    kept = page.get_by_test_id("archived")
    expect(kept).to_have_count(1)
    return kept


@pytest.mark.timeout(420)
def test_notes_of_a_dead_connection_move_and_one_is_moved_from_the_archive_and_back(
    person: Callable[..., Person],
) -> None:
    ann = person()
    page = ann.page
    store = Client(ann.http, ann.stack.ports.url("firestore"), BACKEND)
    ann.sign_up()
    link(ann)
    ann.wait_until_synced()
    before = rows_of(ann)
    first, second = unique(before)[:2]
    note: Json = {"note": "with Ben", "tags": ["fun"]}
    for row, written in ((first, note), (second, {"note": "left over"})):
        path = f"bank_connections/{row['connection_id']}/bank_transactions/{row['transaction_id']}"
        store.update(path, {"user": written}).raise_for_status()
    # It has no partner in the new connection.
    store.update(path, {"amount": "123456.78", "amount_value": 123456.78}).raise_for_status()
    [old] = ann.connections()
    die(ann, old)

    sent = link(ann, again=True)
    assert "replaces" not in sent, "with one dead connection, the backend decides"
    wait_until_gone(ann, old["connection_id"])
    ann.wait_until_synced()
    [new] = ann.connections()
    assert (new["replaces"], new["history_moved"]["moved"], new["history_moved"]["archived"]) == (None, 1, 1)
    after = rows_of(ann)
    assert sorted(map(content, after)) == sorted(map(content, before)), "no row is there twice"
    assert {content(row): row["user"] for row in after if "user" in row} == {content(first): note}

    ann.open("Transactions")
    expect(page.locator(".page-head [role=status]")).to_have_text(f"{len(after)} transactions")
    page.get_by_role("searchbox").fill("with Ben")
    expect(page.get_by_test_id("transaction")).to_have_count(1)

    kept = opened_archive(ann)
    expect(kept).to_contain_text("left over")
    look_at(page, "archive")
    target = next(row for row in after if content(row) == content(second))
    row_path = f"bank_connections/{new['connection_id']}/bank_transactions/{target['transaction_id']}"
    kept_path = f"bank_connections/{new['connection_id']}/bank_archived_transactions/{second['transaction_id']}"
    kept.get_by_role("button", name="Move the note").click()
    day = date.fromisoformat(target["date"])
    candidate = page.get_by_test_id("candidate").filter(has_text=target["merchant_name"] or target["name"])
    candidate = candidate.filter(has_text=f"{day:%B} {day.day}, {day.year}")
    expect(candidate).to_be_visible()
    look_at(page, "archive-choose", within=".dialog")
    candidate.click()
    expect(kept).to_contain_text("Moved to a transaction")
    assert (store_of(ann, kept_path)["moved_to"], store_of(ann, row_path)["user"]) == (
        target["transaction_id"],
        {"note": "left over"},
    )

    # What the user has written on the row since then goes back with the note.
    store.update(row_path, {"user": {"note": "left over, and paid back"}}).raise_for_status()
    kept.get_by_role("button", name="Move back").click()
    expect(kept.get_by_role("button", name="Move the note")).to_be_visible()
    expect(kept).to_contain_text("left over, and paid back")
    assert store_of(ann, kept_path)["moved_to"] is None
    assert "user" not in store_of(ann, row_path)

    # A note on the chosen row is overwritten only if the user says so.
    store.update(row_path, {"user": {"note": "newer"}}).raise_for_status()
    kept.get_by_role("button", name="Move the note").click()
    candidate.click()
    confirm = page.get_by_role("alertdialog")
    expect(confirm).to_contain_text("It already has: newer")
    assert violations(page, within=".dialog") == []
    screenshot(page, "desktop-archive-overwrite")
    confirm.get_by_role("button", name="Cancel").click()
    assert store_of(ann, row_path)["user"] == {"note": "newer"}
    candidate.click()
    confirm.get_by_role("button", name="Replace").click()
    expect(kept).to_contain_text("Moved to a transaction")
    assert store_of(ann, row_path)["user"] == {"note": "left over, and paid back"}


def store_of(ann: Person, path: str) -> Json:
    return dict(ann.admin().get(path) or {})


@pytest.mark.timeout(420)
def test_the_user_chooses_which_of_several_dead_connections_is_replaced(person: Callable[..., Person]) -> None:
    ann = person()
    ann.forgiven.append("409")
    page = ann.page
    ann.sign_up()
    ann.connect(**FEW)
    ann.wait_until_synced()
    link(ann)
    page.locator(".dialog").get_by_role("button", name="Connect anyway").click()
    expect(page.get_by_test_id("connection")).to_have_count(2)
    for i in range(2):
        expect(page.get_by_test_id("sync-line").nth(i)).to_contain_text("Updated", timeout=2 * PATIENCE)
    both = sorted(ann.connections(), key=lambda one: one["created_at"])
    for one in both:
        die(ann, one)
    ann.open("Accounts")
    page.get_by_role("button", name="Connect a bank").click()
    frame = ann.link()
    frame.locator("#continue").click()
    frame.get_by_role("button", name=BANK, exact=True).click()
    ann.log_in(**FEW)
    frame.locator("#share").click()
    dialog = page.get_by_role("dialog", name=f"Which connection to {BANK}")
    expect(dialog.get_by_role("radio")).to_have_count(2)
    look_at(page, "replace", within=".dialog")
    dialog.get_by_role("radio").nth(1).check()
    with page.expect_request(lambda request: request.url.endswith("/exchange_public_token")) as exchange:
        dialog.get_by_role("button", name="Replace", exact=True).click()
    chosen = (exchange.value.post_data_json or {})["data"]["replaces"]
    assert chosen in [one["connection_id"] for one in both]
    wait_until_gone(ann, chosen)
    left = {one["connection_id"] for one in both} - {chosen}
    assert left < {one["connection_id"] for one in ann.connections()}
