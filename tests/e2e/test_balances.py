"""Balances over the public API: as an app reads them over time, and on request."""

from __future__ import annotations

from datetime import UTC, datetime

from emulators.client import User
from tests.e2e.bank import Bank, wait_until
from tests.firestore_rest import Json


def test_balances_are_kept_over_time_and_answered_on_request(bank: Bank, user: User) -> None:
    connection_id = bank.connect(user)["connection_id"]
    bank.wait_until_synced(user, connection_id)
    accounts = {one["account_id"]: one for one in bank.store(user).owned(user.uid, "bank_accounts")}

    answer = bank.rest("POST", f"connections/{connection_id}/balances", user)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["source"] == "cached", "live balances are off by default"
    assert {one["account_id"]: one["balances"] for one in body["accounts"]} == {
        account_id: one["balances"] for account_id, one in accounts.items()
    }
    assert datetime.fromisoformat(body["as_of"]) <= datetime.now(UTC)
    called = bank.call("refresh_balances", {"connection_id": connection_id}, user)
    assert called.json()["result"]["accounts"] == body["accounts"]

    def derived() -> list[Json]:
        months = list(bank.store(user).owned(user.uid, "bank_balances", newest="month"))
        return months if any(one.get("derived") for one in months) else []

    months = wait_until("balances are derived", derived)
    assert all(one["connection_id"] == connection_id for one in months)
    recorded = {
        one["account_id"]: one["days"][day]["current"]
        for one in months
        for day in one["days"]
        if day not in one.get("derived", {})
    }
    expected = {i: one["balances"]["current"] for i, one in accounts.items() if one["balances"]["current"] is not None}
    assert recorded == expected


def test_wrong_method_reads_no_balances(bank: Bank, user: User) -> None:
    for method in ("GET", "DELETE", "PUT"):
        refused = bank.rest(method, "connections/nothing/balances", user)
        assert refused.status_code == 405
        assert refused.headers["Allow"] == "POST"
