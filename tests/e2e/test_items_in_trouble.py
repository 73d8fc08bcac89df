"""One unhealthy item after another, for every kind of item problem: what the app sees."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from emulators.client import sign_up
from tests.e2e.bank import Bank, wait_until
from tests.e2e.test_webhooks import Linked


def news(linked: Linked) -> None:
    linked.webhook(
        "SYNC_UPDATES_AVAILABLE", "TRANSACTIONS", initial_update_complete=True, historical_update_complete=True
    )


def test_late_history_institution_change_cursor_loop_and_removal_are_shown(bank: Bank) -> None:
    user = sign_up(bank.http, bank.stack.ports)
    item = {"username": "user_good", "days": 730, "history_stops_at": "INITIAL_UPDATE_COMPLETE"}
    made = bank.control("POST", "items", exchange=False, webhook=bank.stack.plaid.webhook_address, **item)
    connection_id = bank.exchange(user, made["public_token"]).json()["connection_id"]
    linked = Linked(bank, user, connection_id, made["item_id"])
    wait_until("the recent rows", lambda: bank.progress(user, connection_id).get("status") == "completed")
    assert not linked.document().get("history_late")

    yesterday = datetime.now(UTC) - timedelta(hours=25)
    path = f"bank_connections/{connection_id}"
    bank.backend.update(path, {"created_at": yesterday}).raise_for_status()
    bank.run_schedule()
    wait_until("the history is late", lambda: linked.document().get("history_late"))
    assert linked.notifications() == ["history_late"]
    calls = bank.control("GET", f"items/{linked.item_id}")["calls"]["/transactions/sync"]
    bank.run_schedule()
    bank.run_schedule()
    assert bank.control("GET", f"items/{linked.item_id}")["calls"]["/transactions/sync"] == calls, (
        "not before six hours"
    )

    bank.control("POST", f"items/{linked.item_id}/sync", history_stops_at=None)
    bank.wait_until_synced(user, connection_id)
    assert linked.document()["history_late"] is False
    bank.wait_until_equal(user, connection_id)

    before = linked.document()
    bank.control("POST", f"items/{linked.item_id}/institution", institution_id="ins_109511")
    bank.rest("POST", f"connections/{connection_id}/reconnected", user).raise_for_status()
    moved = wait_until("the new bank's logo", lambda: (found := linked.document()).get("institution") and found)
    assert (moved["institution_id"], moved["institution_name"]) == ("ins_109511", "Tartan Bank")
    assert moved["institution"]["logo"] != before["institution"]["logo"]
    bank.rests(connection_id)

    bank.control("POST", f"items/{linked.item_id}/sync", cursor_cycle=2)
    news(linked)
    failed = wait_until(
        "the cursor loop fails",
        lambda: (found := bank.progress(user, connection_id)).get("status") == "failed" and found,
    )
    assert (failed["error"]["code"], failed["error"]["retryable"]) == ("CURSOR_REVISITED", True)
    assert failed["next_retry_at"] is not None
    assert linked.document()["status"] == "good"
    bank.control("POST", f"items/{linked.item_id}/sync", cursor_cycle=0)
    news(linked)
    bank.wait_until_synced(user, connection_id)
    bank.wait_until_equal(user, connection_id)

    bank.control(
        *("POST", "faults"),
        kind="error",
        error_code="PRODUCTS_NOT_SUPPORTED",
        error_type="ITEM_ERROR",
        endpoint="/transactions/sync",
        item_id=linked.item_id,
        times=None,
    )
    news(linked)
    linked.becomes("error", "relink")
    assert linked.notifications() == ["history_late", "needs_relink"]
    assert "link the bank again" in bank.progress(user, connection_id)["error"]["message"]
