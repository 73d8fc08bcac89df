"""Two codebases in one project: the backend works in it, and the app works as before."""

from __future__ import annotations

import json

import httpx

from emulators.client import User
from tests.e2e.bank import Bank, wait_until


def test_a_bank_is_connected_synced_and_removed_through_the_app_s_hosting(bank: Bank, user: User) -> None:
    login = json.dumps({"transactions": 20})
    made = bank.connect(user, username="user_generated", password=login)
    bank.wait_until_synced(user, made["connection_id"])
    assert bank.differences(user, made["connection_id"]) == []
    assert bank.rest("POST", f"connections/{made['connection_id']}/sync", user).status_code == 202
    bank.run_schedule()
    assert bank.rest("DELETE", f"connections/{made['connection_id']}", user).status_code == 202


def test_the_app_s_own_functions_pages_and_triggers_are_as_they_were(bank: Bank, user: User) -> None:
    def get(path: str) -> httpx.Response:
        return bank.http.get(bank.stack.ports.url("hosting") + path)

    assert get("/api/v1/anything").text == "the app's own"
    assert get("/api").text == "the app's own"
    assert "their app" in get("/some/page").text
    bank.writer(user).create("notes/n1", {"text": "a note"}).raise_for_status()
    wait_until("their trigger", lambda: (bank.store(user).get("notes/n1") or {}).get("seen"))


def test_unrouted_path_below_the_api_is_refused_in_the_contracts_format(bank: Bank, user: User) -> None:
    answer = bank.rest("GET", "nothing", user)
    assert (answer.status_code, answer.json()["error"]["details"]["code"]) == (404, "path_not_found")


def test_both_sets_of_rules_hold(bank: Bank, user: User, new_user: object) -> None:
    made = bank.connect(user, username="user_generated", password=json.dumps({"transactions": 1}))
    path = f"bank_connections/{made['connection_id']}"
    assert bank.store(user).get(path)
    other = new_user()  # type: ignore[operator]
    assert bank.writer(other).get(path).status_code == 403
    assert bank.writer(user).update(path, {"status": "good"}).status_code == 403
    for private in ("bank_credentials", "bank_sync_state"):
        assert bank.writer(user).get(f"{private}/{made['connection_id']}").status_code == 403
    assert bank.writer(user).create("elsewhere/x", {"a": 1}).status_code == 403
