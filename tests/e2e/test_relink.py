"""On the running stack, the notes of a dead connection move to the new one, and the dead one disappears."""

from __future__ import annotations

import json

import pytest

from emulators.client import User, sign_up
from tests.e2e.bank import Bank, documents, wait_until
from tests.e2e.traces import audit_of
from tests.firestore_rest import Json

LOGIN: Json = {"username": "user_generated", "password": json.dumps({"transactions": 40, "seed": 20})}


@pytest.fixture
def user(bank: Bank) -> User:
    return sign_up(bank.http, bank.stack.ports)


def connection(bank: Bank, connection_id: str) -> Json:
    return bank.admin.get(f"bank_connections/{connection_id}") or {}


def left_of(bank: Bank, connection_id: str) -> list[str]:
    """The documents of a connection, besides those of the one that replaced it."""
    singles = ("bank_connections", "bank_sync_state", "bank_sync_progress", "bank_credentials", "bank_removals")
    found = [name for name in singles if bank.admin.get(f"{name}/{connection_id}") is not None]
    below = ("bank_transactions", "bank_accounts", "bank_archived_transactions")
    parent = f"bank_connections/{connection_id}"
    return found + [name for name in below if documents(bank.backend.query(name, parent=parent))]


def content(row: Json) -> tuple[str, ...]:
    """What two rows of the same purchase have in common."""
    return row["date"], row["amount"], row["name"]


def unique(rows: list[Json]) -> list[Json]:
    """The rows that no other row resembles."""
    kinds = [(row["amount"], row["name"]) for row in rows]
    return [row for row in rows if kinds.count((row["amount"], row["name"])) == 1]


def test_notes_move_to_the_new_connection_and_the_rest_into_its_archive(bank: Bank, user: User) -> None:
    old = bank.connect(user, **LOGIN)["connection_id"]
    bank.wait_until_synced(user, old)
    bank.rests(old)
    first, second = unique(bank.transactions(user, parent=f"bank_connections/{old}"))[:2]
    note = {"note": "with Ben", "tags": ["fun"], "hidden": True}
    for row, written in ((first, note), (second, {"note": "changed at the bank"})):
        path = f"bank_connections/{old}/bank_transactions/{row['transaction_id']}"
        bank.writer(user).update(path, {"user": written}).raise_for_status()
    other = f"bank_connections/{old}/bank_transactions/{second['transaction_id']}"
    bank.backend.update(other, {"amount": "123456.78"}).raise_for_status()
    item_id = connection(bank, old)["item_id"]
    bank.control("POST", f"items/{item_id}/state", state="removed")
    bank.rest("POST", f"connections/{old}/sync", user)
    wait_until("it is dead", lambda: connection(bank, old).get("action") == "relink")

    new = bank.exchange(user, bank.public_token(**LOGIN)).json()["connection_id"]
    assert connection(bank, new)["replaces"] == old
    wait_until("it has moved", lambda: connection(bank, new)["history_moved"])
    moved = connection(bank, new)
    assert (moved["replaces"], moved["history_moved"]["moved"], moved["history_moved"]["archived"]) == (None, 1, 1)
    assert connection(bank, old) == {}
    rows = bank.transactions(user, parent=f"bank_connections/{new}")
    assert {content(row): row["user"] for row in rows if "user" in row} == {content(first): note}
    assert len(bank.transactions(user)) == len(rows), "no row is there twice"
    [kept] = bank.store(user).owned(user.uid, "bank_archived_transactions", parent=f"bank_connections/{new}")
    assert (kept["user"], kept["from_connection_id"]) == ({"note": "changed at the bank"}, old)
    told = documents(bank.backend.query("bank_notifications", parent=f"users/{user.uid}"))
    assert [one["kind"] for one in told].count("history_moved") == 1
    wait_until("nothing is left of the old one", lambda: left_of(bank, old) == [])
    actions = [entry["action"] for entry in audit_of(bank, user)]
    assert actions[-3:] == ["removal_started", "history_moved", "removal_done"]
    bank.wait_until_equal(user, new)
