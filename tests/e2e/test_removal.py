"""Removed connections on the running stack disappear at once, for good, and at Plaid too."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from emulators.client import User, sign_up
from emulators.ports import PROJECT
from tests.e2e.bank import Bank, documents, wait_until
from tests.e2e.linked import LONG_AGO, Linked
from tests.e2e.traces import audit_of, traces_of
from tests.firestore_rest import BACKEND


@pytest.fixture
def linked(bank: Bank) -> Linked:
    made = Linked.new(bank)
    bank.wait_until_synced(made.user, made.connection_id)
    return made


@pytest.fixture
def down(bank: Bank) -> Iterator[None]:
    """Plaid refuses item removals while the context is open."""
    fault = bank.control(
        "POST", "faults", kind="error", error_code="INTERNAL_SERVER_ERROR", endpoint="/item/remove", times=None
    )
    yield
    bank.http.delete(f"{bank.stack.plaid.base_url}/_sim/faults").raise_for_status()
    assert fault


def test_removed_connection_disappears_at_once_and_its_data_within_a_minute(bank: Bank, linked: Linked) -> None:
    user, connection_id = linked.user, linked.connection_id
    linked.remove()
    for collection in ("bank_sync_progress", "bank_connections"):
        answer = bank.writer(user).query(collection, owner=user.uid)  # as an app lists its connections
        assert documents(answer) == []
    for method, path in (
        ("DELETE", f"connections/{connection_id}"),
        ("POST", f"connections/{connection_id}/sync"),
        ("POST", f"connections/{connection_id}/reconnected"),
        ("GET", f"connect?connection_id={connection_id}"),
    ):
        answer = bank.rest(method, path, user)
        assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND"), path
    wait_until("nothing is left", lambda: linked.left() == [], shown=linked.left)
    assert linked.state_at_plaid() == "removed"
    trail = audit_of(bank, user)
    assert [entry["action"] for entry in trail][-2:] == ["removal_started", "removal_done"]
    assert (trail[-2]["actor"], trail[-2]["function"]) == ("user", "remove_connection")
    assert trail[-1]["details"].pop("trace")
    assert trail[-1]["details"] == {"reason": "user", "item": "removed"}


def test_only_the_owner_removes_a_connection_and_only_by_delete(bank: Bank, linked: Linked) -> None:
    path = f"connections/{linked.connection_id}"
    other = sign_up(bank.http, bank.stack.ports)
    assert bank.rest("DELETE", path, None).status_code == 401
    assert bank.rest("DELETE", path, other).status_code == 404
    for method in ("GET", "POST", "PUT", "PATCH"):
        answer = bank.rest(method, path, linked.user)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "DELETE")
    assert bank.rest("DELETE", f"{path}?really=1", linked.user).status_code == 400
    assert bank.rest("DELETE", "connections/", linked.user).status_code == 404
    assert bank.differences(linked.user, linked.connection_id) == []
    answer = bank.call("remove_connection", {"connection_id": linked.connection_id}, linked.user)
    assert (answer.status_code, answer.json()) == (200, {"result": {}})
    again = bank.call("remove_connection", {"connection_id": linked.connection_id}, linked.user)
    assert again.json()["error"]["status"] == "NOT_FOUND"


def test_plaid_being_down_holds_up_the_item_alone(bank: Bank, linked: Linked, down: None) -> None:
    linked.remove()
    tombstone = f"bank_removals/{linked.connection_id}"
    kept = {tombstone, f"bank_items/{linked.item_id}"}  # what the item's removal needs

    def only_what_removes_the_item() -> bool:
        return set(linked.left()) == kept

    wait_until("the stored data is removed", only_what_removes_the_item)
    wait_until("the queue has tried again", lambda: (linked.tombstone() or {})["attempts"] >= 2)
    assert linked.state_at_plaid() == "healthy"
    bank.http.delete(f"{bank.stack.plaid.base_url}/_sim/faults").raise_for_status()
    bank.backend.update(tombstone, {"due_at": LONG_AGO}).raise_for_status()
    bank.run_schedule()
    wait_until("the schedule has found it", lambda: linked.tombstone() is None)
    assert linked.state_at_plaid() == "removed"


def test_revoked_permission_removes_data_and_item(bank: Bank, linked: Linked) -> None:
    bank.control("POST", f"items/{linked.item_id}/state", state="revoked")
    connection = f"bank_connections/{linked.connection_id}"
    wait_until("it is revoked", lambda: (bank.admin.get(connection) or {}).get("status") == "error")
    wait_until("its removal is over", lambda: linked.tombstone() is None)
    assert linked.state_at_plaid() == "removed"
    assert [path for path in linked.left() if path.startswith((f"{connection}/", "bank_credentials"))] == []
    stays = bank.store(linked.user).get(connection) or {}
    assert (stays["status"], stays["action"], stays["account_ids"]) == ("error", "relink", [])
    assert bank.progress(linked.user, linked.connection_id)["status"] == "failed"
    linked.remove()
    wait_until("its removal", lambda: linked.left() == [])


# -- all data of a user --


def many(bank: Bank, user: User, *, connections: int, rows: int) -> list[str]:
    """Several connections of one user, with every kind of document."""
    made = []
    for number in range(connections):
        login = json.dumps({"transactions": rows, "seed": number})
        made.append(bank.connect(user, username="user_generated", password=login)["connection_id"])
    for connection_id in made:
        bank.wait_until_synced(user, connection_id)
    return made


def test_a_user_deletes_everything_and_may_link_again_at_once(bank: Bank, user: User) -> None:
    made = many(bank, user, connections=2, rows=30)
    items = [item["item_id"] for item in bank.items(user)]
    bank.rest("GET", "connect", user)
    answer = bank.rest("DELETE", "data", user)
    assert (answer.status_code, answer.json()) == (202, {})
    assert documents(bank.writer(user).query("bank_connections", owner=user.uid)) == []
    wait_until("nothing is left", lambda: traces_of(bank, user, made) == [])
    assert [bank.control("GET", f"items/{item}")["state"] for item in items] == ["removed"] * 2
    trail = [entry["action"] for entry in audit_of(bank, user)]
    assert trail.count("removal_done") == 2
    assert (trail.count("erasure_started"), trail[-1]) == (1, "erasure_done")
    assert bank.admin.get(f"bank_limits/{user.uid}:erasure") is not None, "an erasure resets no rate limit"
    [again] = many(bank, user, connections=1, rows=10)
    assert bank.differences(user, again) == []


def test_only_the_user_erases_their_data_and_only_by_delete(bank: Bank, linked: Linked) -> None:
    assert bank.rest("DELETE", "data", None).status_code == 401
    for method in ("GET", "POST", "PUT", "PATCH"):
        answer = bank.rest(method, "data", linked.user)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "DELETE")
    other = sign_up(bank.http, bank.stack.ports)
    assert bank.call("delete_bank_data", {}, other).json() == {"result": {}}
    assert traces_of(bank, other, []) == [], "erasing nothing writes nothing"
    assert audit_of(bank, other) == []
    assert bank.call("delete_bank_data", {"uid": linked.user.uid}, other).status_code == 400
    assert bank.differences(linked.user, linked.connection_id) == []


def test_deleting_the_user_document_erases_the_bank_data(bank: Bank, linked: Linked) -> None:
    document = f"users/{linked.user.uid}"
    bank.writer(linked.user).create(document, {"language": "en"}).raise_for_status()
    bank.backend.delete(document).raise_for_status()
    wait_until("nothing is left", lambda: linked.left() == [], shown=linked.left)
    assert linked.state_at_plaid() == "removed"


def test_daily_check_erases_owners_unknown_to_auth(bank: Bank, linked: Linked) -> None:
    stays = Linked.new(bank)
    bank.wait_until_synced(stays.user, stays.connection_id)
    _forget_strangers(bank)
    auth = f"{bank.stack.ports.url('auth')}/identitytoolkit.googleapis.com/v1"
    deleted = bank.http.post(f"{auth}/accounts:delete", params={"key": "local"}, json={"idToken": linked.user.token})
    deleted.raise_for_status()
    bank.deliver("checkitems", turn=linked.connection_id, after=_before(linked.connection_id))
    wait_until("nothing is left", lambda: linked.left() == [], shown=linked.left)
    assert linked.state_at_plaid() == "removed"
    assert bank.differences(stays.user, stays.connection_id) == []


def _forget_strangers(bank: Bank) -> None:
    """Delete connections whose owners never existed: with too many, the backend would not believe Auth's answer."""
    auth = f"{bank.stack.ports.url('auth')}/identitytoolkit.googleapis.com/v1/projects/{PROJECT}"
    query = bank.http.post(f"{auth}/accounts:query", headers=BACKEND, json={}).raise_for_status().json()
    known = {user["localId"] for user in query["userInfo"]}
    for connection in documents(bank.backend.query("bank_connections")):
        if connection["app_user_id"] not in known:
            bank.backend.delete(f"bank_connections/{connection['connection_id']}").raise_for_status()


def _before(connection_id: str) -> str:
    """The preceding id, so that the page starts with this connection."""
    return f"{int(connection_id, 16) - 1:032x}"
