"""The main use case over the public API: connect a bank, then compare the store with the bank."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from emulators.client import User, sign_up
from tests.e2e.bank import (
    AT_ONCE,
    DATA,
    INSTITUTION,
    USER_GOOD,
    Bank,
    custom_user,
    documents,
    wait_until,
    without_checks,
)
from tests.firestore_rest import Json

NewUser = Callable[[], User]
Custom = Callable[[Path], tuple[User, Json]]


@pytest.fixture(scope="module")
def owner(bank: Bank) -> User:
    """A user whose one connection several tests share."""
    return sign_up(bank.http, bank.stack.ports)


@pytest.fixture(scope="module")
def connection(bank: Bank, owner: User) -> Json:
    """The user's connection, with complete history and transactions that change as at a real bank."""
    made = bank.connect(owner, username="user_transactions_dynamic", password="any")
    bank.wait_until_synced(owner, made["connection_id"])
    item_id = (bank.admin.get(f"bank_connections/{made['connection_id']}") or {})["item_id"]
    return made | {"item_id": item_id}


@pytest.fixture(scope="module")
def custom(bank: Bank) -> Custom:
    """A connected `user_custom` per file, for read-only tests; created once."""

    @functools.cache
    def connected(file: Path) -> tuple[User, Json]:
        owner = sign_up(bank.http, bank.stack.ports)
        made = bank.connect(owner, username="user_custom", password=custom_user(file))
        bank.wait_until_synced(owner, made["connection_id"])
        return owner, made

    return connected


# -- the first sync --


def test_a_connected_bank_is_in_the_store_field_by_field(bank: Bank, user: User) -> None:
    link = bank.rest("GET", "connect", user)
    assert link.status_code == 200
    assert link.json()["link_token"].startswith("link-sandbox-")
    assert link.json()["mode"] == "connect"
    assert datetime.fromisoformat(link.json()["expiration"]) > datetime.now(UTC)
    assert link.headers["Cache-Control"] == "no-store"

    answer = bank.exchange(user, bank.public_token(**USER_GOOD))
    made = answer.json()
    assert answer.status_code == 201
    assert set(made) == {"connection_id", "institution_id", "institution_name", "status", "account_ids"}
    assert (made["institution_id"], made["institution_name"]) == (INSTITUTION, "First Platypus Bank")
    assert made["status"] == "good"
    assert answer.headers["Cache-Control"] == "no-store"

    progress = bank.wait_until_synced(user, made["connection_id"])
    assert bank.differences(user, made["connection_id"]) == []
    rows = bank.transactions(user)
    assert len(rows) > 300
    assert [row["date"] for row in rows] == sorted((row["date"] for row in rows), reverse=True)
    assert progress["percent"] == 100
    assert progress["kind"] == "transactions"
    assert progress.get("error") is None
    assert progress["started_at"] <= progress["completed_at"] <= progress["updated_at"]

    stored = bank.store(user).get(f"bank_connections/{made['connection_id']}") or {}
    assert stored["account_ids"] == made["account_ids"]
    assert stored["app_user_id"] == user.uid
    assert stored["status"] == "good"
    assert stored["last_sync"] >= stored["created_at"]
    branding = wait_until(
        "the institution",
        lambda: (bank.store(user).get(f"bank_connections/{made['connection_id']}") or {}).get("institution"),
    )
    institution = bank.store(user).get(f"bank_institutions/{INSTITUTION}") or {}
    assert institution["name"] == "First Platypus Bank"
    assert branding["logo"] == institution["logo"] is not None
    assert branding["primary_color"] == institution["primary_color"]


def test_history_that_arrives_in_parts_is_stored_completely(bank: Bank, user: User) -> None:
    bank.control("POST", "settings", initial_after=30, history_after=60)
    try:
        connection_id = bank.connect(user, **USER_GOOD)["connection_id"]
    finally:
        bank.control("POST", "settings", **AT_ONCE)
    wait_until("it waits", lambda: bank.progress(user, connection_id)["stage"] == "waiting_for_bank")
    bank.control("POST", "clock", advance_seconds=30)

    def partly() -> bool:
        progress = bank.progress(user, connection_id)
        return (progress["status"], progress["history_complete"]) == ("completed", False)

    wait_until("the newest rows", partly)
    newest = {row["transaction_id"] for row in bank.transactions(user)}
    assert newest
    bank.control("POST", "clock", advance_seconds=30)
    bank.wait_until_synced(user, connection_id)
    assert bank.differences(user, connection_id) == []
    assert newest < {row["transaction_id"] for row in bank.transactions(user)}


@pytest.mark.parametrize("file", sorted(DATA.glob("*.json")), ids=lambda file: file.stem)
def test_a_custom_users_odd_values_arrive_exactly(bank: Bank, custom: Custom, file: Path) -> None:
    user, made = custom(file)
    assert bank.differences(user, made["connection_id"]) == []
    rows = {row["name"]: row for row in bank.transactions(user)}
    written = [
        t for account in json.loads(custom_user(file))["override_accounts"] for t in account.get("transactions") or ()
    ]
    assert set(rows) == {t["description"] for t in written}
    for transaction in written:
        assert rows[transaction["description"]]["date"] == transaction["date_posted"]
        assert rows[transaction["description"]]["pending"] == (
            transaction["date_posted"] > str(datetime.now(UTC).date())
        )


def test_amounts_keep_every_digit_of_the_file(bank: Bank, custom: Custom) -> None:
    user, _ = custom(DATA / "odd_amounts.json")
    rows = {row["name"]: row for row in bank.transactions(user)}
    amounts = {name: row["amount"] for name, row in rows.items()}
    assert amounts["Seven decimals"] == "12.3456789"
    assert amounts["A whole number"] == "5"
    assert amounts["A large refund"] == "-1234567.89"
    assert amounts["More than a double holds"] == "9007199254740993"
    assert amounts["More digits than a double holds"] == "0.3000000000000000444"
    assert rows["In another currency"]["iso_currency_code"] == "EUR"
    assert rows["Not a binary fraction"]["amount_value"] == 0.1


# -- later changes --


def test_what_changes_at_the_bank_changes_in_the_store_and_notes_survive(bank: Bank, user: User) -> None:
    made = bank.connect(user, username="user_custom", password=custom_user(DATA / "pending_and_nulls.json"))
    connection_id = made["connection_id"]
    bank.wait_until_synced(user, connection_id)
    rows = {row["name"]: row for row in bank.transactions(user)}
    pending, dropped, changed = (
        rows[name]["transaction_id"] for name in ("Pending for a long time", "Streaming", "Never authorized")
    )
    notes: Json = {"note": "for mother 🎂", "category": "presents", "tags": ["family"], "hidden": False}
    for transaction_id in (pending, changed):
        path = f"bank_connections/{connection_id}/bank_transactions/{transaction_id}"
        bank.writer(user).update(path, {"user": notes}).raise_for_status()

    item_id = (
        rows["Streaming"]["connection_id"]
        and (bank.store(user).get(f"bank_connections/{connection_id}") or {})["item_id"]
    )
    done = bank.control(
        "POST",
        f"items/{item_id}/transactions",
        add=[{"name": "New and pending", "amount": 3.125, "pending": True}, {"name": "New", "amount": -7}],
        modify=[{"transaction_id": changed, "amount": 4.75, "name": "Authorized after all"}],
        post=[pending],
        remove=[dropped],
    )
    bank.wait_until_equal(user, connection_id)

    now = {row["transaction_id"]: row for row in bank.transactions(user)}
    posted = now[done["posted"][pending]]
    assert pending not in now
    assert dropped not in now
    assert (posted["pending"], posted["pending_transaction_id"], posted["user"]) == (False, pending, notes)
    assert (now[changed]["amount"], now[changed]["name"], now[changed]["user"]) == (
        "4.75",
        "Authorized after all",
        notes,
    )
    assert {now[i]["name"] for i in done["added"]} == {"New and pending", "New"}
    assert len(now) == len(rows_at(bank, item_id))


def rows_at(bank: Bank, item_id: str) -> list[Json]:
    transactions: list[Json] = bank.truth(item_id)["transactions"]
    return transactions


def test_a_refresh_by_the_bank_reaches_the_store(bank: Bank, owner: User, connection: Json) -> None:
    before = {row["transaction_id"] for row in bank.transactions(owner)}
    token = bank.control("GET", f"items/{connection['item_id']}")["access_token"]
    bank.plaid("/transactions/refresh", access_token=token)
    bank.wait_until_equal(owner, connection["connection_id"])
    after = {row["transaction_id"] for row in bank.transactions(owner)}
    assert after - before
    assert before - after


def test_second_manual_sync_within_the_interval_is_refused_with_a_retry_time(
    bank: Bank, owner: User, connection: Json
) -> None:
    path = f"connections/{connection['connection_id']}/sync"
    bank.control(
        "POST", f"items/{connection['item_id']}/transactions", notify=False, add=[{"name": "Untold", "amount": 1}]
    )
    first = bank.rest("POST", path, owner)
    assert first.status_code == 202, first.text
    progress = first.json()["sync_progress"]
    assert progress["connection_id"] == connection["connection_id"]
    assert progress["status"] in {"pending", "in_progress"}
    assert set(progress) >= {"kind", "stage", "attempt", "added", "modified", "removed", "pages", "history_complete"}

    again = bank.rest("POST", path, owner, json={})
    error = again.json()["error"]
    assert (again.status_code, error["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert 1 <= error["details"]["retry_after_seconds"] <= 30
    called = bank.call("sync_connection", {"connection_id": connection["connection_id"]}, owner)
    assert (called.status_code, called.json()["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
    bank.wait_until_equal(owner, connection["connection_id"])
    done = bank.wait_until_synced(owner, connection["connection_id"])
    assert done["refreshed_at"] is not None, "the refresh was requested"


def test_scheduler_finds_a_lost_task(bank: Bank, owner: User, connection: Json) -> None:
    connection_id = connection["connection_id"]
    done = bank.wait_until_synced(owner, connection_id)
    bank.rests(connection_id)
    bank.control(
        "POST", f"items/{connection['item_id']}/transactions", notify=False, add=[{"name": "Waits", "amount": 2}]
    )
    state = bank.admin.get(f"bank_sync_state/{connection_id}") or {}
    lost = {
        "status": "pending",
        "requested": state["requested"] + 1,
        "due_at": datetime.now(UTC) - timedelta(minutes=1),
    }
    bank.backend.update(f"bank_sync_state/{connection_id}", lost).raise_for_status()
    bank.run_schedule()
    bank.wait_until_synced(owner, connection_id, after=done["completed_at"])
    bank.wait_until_equal(owner, connection_id)


def test_a_schedule_with_nothing_due_starts_nothing(bank: Bank, owner: User, connection: Json) -> None:
    bank.wait_until_synced(owner, connection["connection_id"])
    bank.rests(connection["connection_id"])
    before = bank.progress(owner, connection["connection_id"])
    bank.run_schedule()
    assert bank.progress(owner, connection["connection_id"]) == before


def test_an_outage_is_recorded_with_its_reason_and_the_schedule_tries_again(bank: Bank, user: User) -> None:
    made = bank.connect(user, username="user_custom", password=custom_user(DATA / "empty_accounts.json"))
    connection_id = made["connection_id"]
    bank.rests(connection_id)  # another request's run would fail, too, with a longer delay before the next try
    item_id = (bank.store(user).get(f"bank_connections/{connection_id}") or {})["item_id"]
    down = {
        "kind": "error",
        "endpoint": "/transactions/sync",
        "error_code": "INSTITUTION_DOWN",
        "item_id": item_id,
        "times": 50,
    }
    bank.control("POST", "faults", **down)
    try:
        bank.control("POST", f"items/{item_id}/transactions", add=[{"name": "After the outage", "amount": 9.99}])

        def failure() -> Json | None:
            bank.deliver("synctransactions", connection_id=connection_id)
            progress = bank.progress(user, connection_id)
            return progress if progress["status"] == "failed" else None

        failed = wait_until("the failure", failure)
    finally:
        bank.control("DELETE", "faults")
    assert failed["error"]["code"] == "INSTITUTION_DOWN"
    assert failed["error"]["type"] == "INSTITUTION_ERROR"
    assert failed["error"]["retryable"] is True
    assert failed["error"]["request_id"]
    assert timedelta(0) < failed["next_retry_at"] - failed["updated_at"] <= timedelta(minutes=1)
    assert (bank.store(user).get(f"bank_connections/{connection_id}") or {})["status"] == "good"

    bank.backend.update(f"bank_sync_state/{connection_id}", {"due_at": datetime.now(UTC)}).raise_for_status()
    bank.run_schedule()
    progress = bank.wait_until_synced(user, connection_id)
    assert progress.get("error") is None
    bank.wait_until_equal(user, connection_id)


def test_broken_login_sets_an_error_and_its_repair_clears_it(bank: Bank, user: User) -> None:
    made = bank.connect(user, username="user_custom", password=custom_user(DATA / "empty_accounts.json"))
    path = f"bank_connections/{made['connection_id']}"
    bank.rests(made["connection_id"])
    item_id = (bank.store(user).get(path) or {})["item_id"]
    sync = {"webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE"}
    bank.control("POST", f"items/{item_id}/state", state="login_required", announce=False)
    bank.control("POST", f"items/{item_id}/webhook", **sync)
    bad = wait_until("the bad login", lambda: (c := bank.store(user).get(path) or {})["status"] == "bad" and c)
    assert (bad["error_code"], bad["action"]) == ("ITEM_LOGIN_REQUIRED", "reconnect")
    failed = bank.progress(user, made["connection_id"])
    assert (failed["status"], failed["error"]["retryable"], failed["error"]["action"]) == ("failed", False, "reconnect")

    repair = bank.rest("GET", "connect", user, params={"connection_id": made["connection_id"]})
    assert (repair.status_code, repair.json()["mode"]) == (200, "update")
    bank.control("POST", f"items/{item_id}/state", state="healthy", announce=False)
    bank.control("POST", f"items/{item_id}/webhook", **sync)
    good = wait_until("the repair", lambda: (c := bank.store(user).get(path) or {})["status"] == "good" and c)
    assert good.get("error_code") is None
    assert good.get("action") is None


# -- webhooks --


def synced(bank: Bank, connection: Json) -> Json:
    """The state of the syncs."""
    return without_checks(bank.admin.get(f"bank_sync_state/{connection['connection_id']}"))


@pytest.mark.parametrize("mode", ["wrong_signature", "old_iat", "altered_body", "unknown_kid"])
def test_webhook_with_an_invalid_signature_is_refused_and_has_no_effect(
    bank: Bank, owner: User, connection: Json, mode: str
) -> None:
    bank.wait_until_synced(owner, connection["connection_id"])
    bank.rests(connection["connection_id"])
    item_id = connection["item_id"]
    before = synced(bank, connection)
    kept = len(webhooks_kept(bank, connection))
    bank.control("POST", "webhooks/faults", mode=mode, item_id=item_id)
    bank.control("POST", f"items/{item_id}/webhook", webhook_type="TRANSACTIONS", webhook_code="SYNC_UPDATES_AVAILABLE")
    sent = bank.control("GET", f"webhooks?item_id={item_id}")["webhooks"][-1]["delivery_id"]

    def outcome() -> object:
        log = bank.control("GET", f"webhooks?item_id={item_id}")["webhooks"]
        return next(one for one in log if one["delivery_id"] == sent)["outcomes"]

    assert wait_until("the delivery", outcome) == [401]
    assert synced(bank, connection) == before
    assert len(webhooks_kept(bank, connection)) == kept


def webhooks_kept(bank: Bank, connection: Json) -> list[Json]:
    kept = documents(bank.backend.query("bank_webhook_inbox"))
    return [one for one in kept if one.get("connection_id") == connection["connection_id"]]


def test_unsigned_or_self_signed_webhook_is_refused(bank: Bank, connection: Json) -> None:
    body = json.dumps(
        {"webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE", "item_id": connection["item_id"]}
    )
    own = ec.generate_private_key(ec.SECP256R1())
    claims = {"iat": int(time.time()), "request_body_sha256": "0" * 64}
    for signed in (
        None,
        "",
        "junk",
        "a.b.c",
        jwt.encode(claims, "", algorithm="none", headers={"kid": "k"}),
        jwt.encode(claims, "a shared secret of thirty-two bytes", algorithm="HS256", headers={"kid": "k"}),
        jwt.encode(claims, own, algorithm="ES256", headers={"kid": "../../item/get"}),
        jwt.encode(claims, own, algorithm="ES256"),
    ):
        headers = {"Content-Type": "application/json"} | ({} if signed is None else {"Plaid-Verification": signed})
        answer = bank.rest("POST", "webhook", None, content=body, headers=headers)
        assert answer.status_code == 401, (signed, answer.text)
        assert answer.json()["error"]["status"] == "UNAUTHENTICATED"


def test_webhook_delivered_twice_is_stored_once(bank: Bank, owner: User, connection: Json) -> None:
    item_id = connection["item_id"]
    bank.control("POST", "webhooks/faults", mode="duplicate", item_id=item_id, webhook_code="A_CODE_OF_TOMORROW")
    bank.control("POST", f"items/{item_id}/webhook", webhook_type="ITEM", webhook_code="A_CODE_OF_TOMORROW")

    def outcomes() -> list[object]:
        answers: list[object] = bank.control("GET", f"webhooks?item_id={item_id}")["webhooks"][-1]["outcomes"]
        return answers

    wait_until("both deliveries", lambda: outcomes().count(200) >= 2)
    kept = [one for one in webhooks_kept(bank, connection) if one["body"]["webhook_code"] == "A_CODE_OF_TOMORROW"]
    assert 1 <= len(kept) <= len(outcomes())  # each delivery may carry a new signature


# -- the same bank or public token again --


def test_the_same_public_token_again_gets_the_first_answer(bank: Bank, user: User, new_user: NewUser) -> None:
    public_token = bank.public_token(webhook=False)
    first = bank.exchange(user, public_token)
    again = bank.exchange(user, public_token)
    called = bank.call("exchange_public_token", {"public_token": public_token}, user)
    assert (first.status_code, again.status_code, called.status_code) == (201, 200, 200)
    assert first.json() == again.json() == called.json()["result"]
    assert len(bank.traces(user)["bank_connections"]) == 1

    thief = new_user()
    stolen = bank.exchange(thief, public_token)
    assert (stolen.status_code, stolen.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert bank.traces(thief) == {}

    named = {"institution": {"institution_id": INSTITUTION, "name": "x"}, "accounts": accounts_in_link(bank, user)}
    duplicate = bank.exchange(user, bank.public_token(webhook=False), **named)
    assert duplicate.status_code == 409
    assert duplicate.json()["error"]["status"] == "ALREADY_EXISTS"
    assert duplicate.json()["error"]["details"]["connection_id"] == first.json()["connection_id"]
    assert bank.open_intents(user) == []

    found_late = bank.public_token(webhook=False)
    late = bank.exchange(user, found_late)
    assert (late.status_code, late.json()["error"]["details"]["connection_id"]) == (409, first.json()["connection_id"])
    assert bank.exchange(user, found_late).status_code == 409
    assert bank.control("GET", "items")["items"][-1]["state"] == "removed"
    assert len(bank.traces(user)["bank_connections"]) == 1

    wanted = bank.exchange(user, bank.public_token(webhook=False), allow_duplicate=True)
    assert wanted.status_code == 201
    assert len(bank.traces(user)["bank_connections"]) == 2


def accounts_in_link(bank: Bank, user: User) -> list[Json]:
    """The accounts as Link's onSuccess names them."""
    return [
        {
            "id": f"new-{a['account_id']}",
            "name": a["name"],
            "mask": a["mask"],
            "type": a["type"],
            "subtype": a["subtype"],
        }
        for a in bank.admin.owned(user.uid, "bank_accounts")
    ]


def test_several_items_are_answered_one_by_one_in_their_order(bank: Bank, user: User) -> None:
    good, other = bank.public_token(webhook=False), bank.public_token(webhook=False, institution_id="ins_109509")
    unknown = "public-sandbox-00000000-0000-4000-8000-000000000000"
    answer = bank.rest(
        "POST",
        "set_access_token",
        user,
        json={"items": [{"public_token": good}, {"public_token": unknown}, {"public_token": other}]},
    )
    assert answer.status_code == 200
    first, refused, last = answer.json()["results"]
    assert first["institution_id"] == INSTITUTION
    assert refused["error"]["status"] == "INVALID_ARGUMENT"
    assert refused["error"]["details"]["code"]
    assert last["institution_id"] == "ins_109509"
    assert {c["connection_id"] for c in bank.traces(user)["bank_connections"]} == {
        first["connection_id"],
        last["connection_id"],
    }


def test_only_the_owner_finds_a_connection(bank: Bank, new_user: NewUser, connection: Json) -> None:
    stranger = new_user()
    for connection_id in (connection["connection_id"], "no-such-connection"):
        for answer in (
            bank.rest("POST", f"connections/{connection_id}/sync", stranger),
            bank.rest("GET", "connect", stranger, params={"connection_id": connection_id}),
            bank.call("sync_connection", {"connection_id": connection_id}, stranger),
        ):
            assert answer.status_code == 404
            assert answer.json()["error"] == {
                "status": "NOT_FOUND",
                "message": answer.json()["error"]["message"],
                "details": {"code": "connection_not_found"},
            }
            assert connection_id not in answer.text
