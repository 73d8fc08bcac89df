"""Histories of thousands of rows; after the other tests, whose queries would read these rows too (tests/places.py)."""

from __future__ import annotations

import json

import pytest

from emulators.client import User
from tests.e2e.bank import Bank, wait_until
from tests.e2e.linked import Linked
from tests.e2e.logs import Log
from tests.firestore_rest import Json


def test_late_sync_and_webhooks_restore_no_data(bank: Bank) -> None:
    linked = Linked.new(bank, rows=6_000)
    bank.control("POST", "faults", kind="latency", endpoint="/transactions/sync", item_id=linked.item_id, seconds=1)
    progress = f"bank_sync_progress/{linked.connection_id}"
    wait_until("rows arrive", lambda: (bank.admin.get(progress) or {}).get("added", 0) > 500, within=120)
    log = Log(bank)
    linked.webhook("SYNC_UPDATES_AVAILABLE", "TRANSACTIONS")
    linked.remove()
    for code in ("ERROR", "NEW_ACCOUNTS_AVAILABLE", "USER_PERMISSION_REVOKED"):
        linked.webhook(code, error=None)
    linked.webhook("SYNC_UPDATES_AVAILABLE", "TRANSACTIONS")
    for function in ("synctransactions", "checkitem", "removeitem"):
        bank.deliver(function, connection_id=linked.connection_id, welcome=True)
    linked.wait_until_nothing_is_left()
    bank.wait_for_webhooks(linked.item_id)
    log.wait_for_tasks(linked.connection_id)
    bank.run_schedule()
    log.wait_for_tasks(linked.connection_id)
    assert linked.left() == []
    assert linked.state_at_plaid() == "removed"


@pytest.mark.timeout(300)
def test_a_long_history_arrives_whole(bank: Bank, user: User) -> None:
    made = connect(bank, user, 10_000)
    progress = bank.wait_until_synced(user, made["connection_id"], within=200)
    assert progress["percent"] == 100
    assert bank.differences(user, made["connection_id"]) == []


@pytest.mark.timeout(300)
def test_an_app_reads_a_long_history_page_by_page(bank: Bank, user: User) -> None:
    made = connect(bank, user, 3_000)
    bank.wait_until_synced(user, made["connection_id"], within=200)
    assert bank.differences(user, made["connection_id"]) == []
    assert len(bank.transactions(user)) == 3_000


def connect(bank: Bank, user: User, count: int) -> Json:
    """A new connection with a generated history of so many transactions."""
    password = json.dumps({"transactions": count, "seed": count})
    return bank.connect(user, username="user_generated", password=password)
