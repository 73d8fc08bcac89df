"""Concurrent and interrupted links on the running stack, compared with what the simulator holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from emulators.client import User, decode_fields, sign_up
from emulators.environment import scheduled_url
from tests.e2e.bank import USER_GOOD, Bank, wait_until
from tests.firestore_rest import Json

AGO = datetime(2001, 1, 1, tzinfo=UTC)
EXCHANGE, REMOVE = "/item/public_token/exchange", "/item/remove"


@contextmanager
def fault(bank: Bank, **rule: object) -> Iterator[None]:
    """Inject a fault at Plaid while the context is open."""
    bank.control("POST", "faults", **{"times": None, **rule})
    try:
        yield
    finally:
        bank.control("DELETE", "faults")


@pytest.fixture(scope="module", autouse=True)
def _warm(bank: Bank) -> None:
    """Start the workers first: ten at once take a long time, and worker start-up is not under test."""
    caller = sign_up(bank.http, bank.stack.ports)

    def refused(_: int) -> bool:
        with suppress(httpx.TimeoutException):
            return bank.rest("POST", "set_access_token", caller, json={}).status_code == 400
        return False

    def scheduled(name: str) -> bool:
        with suppress(httpx.TimeoutException):
            return bank.http.post(scheduled_url(bank.stack.ports, name)).is_success
        return False

    for name in ("schedule_syncs", "monitor_connections"):
        wait_until(name, lambda name=name: scheduled(name), within=300)  # type: ignore[misc]
    with ThreadPoolExecutor(10) as apps:
        wait_until("ten workers", lambda: all(apps.map(refused, range(10))), within=300)


def newest_item(bank: Bank) -> Json:
    item: Json = bank.control("GET", "items")["items"][-1]
    return item


def intent(bank: Bank, public_token: str) -> tuple[str, Json | None]:
    """The path of a public token's exchange intent, and the stored document."""
    path = f"bank_exchange_intents/{hashlib.sha256(public_token.encode()).hexdigest()}"
    return path, bank.admin.get(path)


def link_again_notifications(bank: Bank, user: User) -> list[Json]:
    return [one for one in listed(bank, f"users/{user.uid}/bank_notifications") if one["kind"] == "link_again"]


def listed(bank: Bank, collection: str) -> list[Json]:
    """The documents of a small collection."""
    answer = bank.backend.get(collection).raise_for_status()
    return [decode_fields(document) for document in answer.json().get("documents", [])]


def exchanged_until_answered(bank: Bank, user: User, public_token: str) -> httpx.Response:
    """Exchange as an app does: retry while the answer says so."""
    for _ in range(60):
        answer = bank.exchange(user, public_token)
        if answer.status_code < 500:
            return answer
        details = answer.json()["error"]["details"]
        assert (details["code"], details["retry_after_seconds"]) == ("exchange_in_progress", 2)
    raise AssertionError("it is busy for ever")


def test_ten_exchanges_of_one_token_at_once_make_one_item_and_one_connection(bank: Bank, user: User) -> None:
    public_token = bank.public_token(webhook=False)
    before = len(bank.control("GET", "items")["items"])
    with ThreadPoolExecutor(10) as apps:
        answers = list(apps.map(lambda _: exchanged_until_answered(bank, user, public_token), range(10)))
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert sum(answer.status_code == 201 for answer in answers) <= 1
    assert [answer.json() for answer in answers] == [answers[0].json()] * 10
    assert len(bank.traces(user)["bank_connections"]) == 1
    assert bank.open_intents(user) == []
    assert len(bank.control("GET", "items")["items"]) == before
    (item,) = bank.items(user)
    assert item["state"] != "removed"


def test_public_token_of_update_mode_is_answered_with_its_connection(bank: Bank, user: User) -> None:
    link = bank.rest("GET", "connect", user).json()["link_token"]
    done = bank.control("POST", f"link/{link}/finish")
    metadata = {"institution": done["metadata"]["institution"], "accounts": done["metadata"]["accounts"]}
    made = bank.exchange(user, done["public_token"], link_token=link, **metadata)
    assert made.status_code == 201, made.text
    connection_id = made.json()["connection_id"]
    bank.wait_until_synced(user, connection_id)
    other = sign_up(bank.http, bank.stack.ports)

    def updated(**query: str) -> tuple[str, Json]:
        update = bank.rest("GET", "connect", user, params={"connection_id": connection_id, **query}).json()
        return update["link_token"], bank.control("POST", f"link/{update['link_token']}/finish")

    for more in ({}, {"allow_duplicate": True}, metadata):
        update, done = updated()
        answer = bank.exchange(user, done["public_token"], link_token=update, **more)
        assert (answer.status_code, answer.json()["connection_id"]) == (200, connection_id), answer.text
    update, done = updated()
    for body, code in (({"link_token": update}, "link_token_not_yours"), ({}, "public_token_not_yours")):
        answer = bank.exchange(other, done["public_token"], **body)
        assert (answer.status_code, answer.json()["error"]["details"]["code"]) == (400, code), answer.text
    assert [item["state"] for item in bank.items(user)] == ["healthy"]
    assert bank.item_violations() == []
    assert bank.traces(other) == {}
    bank.rests(connection_id)
    assert bank.differences(user, connection_id) == []
    assert (bank.store(user).get(f"bank_connections/{connection_id}") or {})["status"] == "good"


def test_second_login_at_a_bank_is_kept_unless_it_has_the_same_accounts(bank: Bank, user: User) -> None:
    first = bank.exchange(user, bank.public_token(webhook=False))
    second = bank.exchange(user, bank.public_token(**USER_GOOD, webhook=False))
    assert (first.status_code, second.status_code) == (201, 201)
    again = bank.exchange(user, bank.public_token(webhook=False))
    assert again.status_code == 409
    assert again.json()["error"]["details"]["connection_id"] == first.json()["connection_id"]
    assert newest_item(bank)["state"] == "removed"
    assert len(bank.traces(user)["bank_connections"]) == 2


def person_with(*names: str) -> dict[str, Any]:
    """A login at the bank with accounts of these names."""
    accounts = [
        {"type": "depository", "subtype": "checking", "meta": {"name": name, "mask": mask}}
        for name, mask in zip(names, map(MASKS.__getitem__, names), strict=True)
    ]
    password = json.dumps({"version": "2", "seed": "-".join(names), "override_accounts": accounts})
    return {"username": "user_custom", "password": password}


MASKS = {"Daily": "1111", "Save": "2222", "Card": "3333"}


def test_duplicate_accounts_are_named_and_when_allowed_counted_once(bank: Bank, user: User) -> None:
    def marks() -> dict[tuple[str, str], Json | None]:
        names = {first: "first", second: "second"}
        rows = bank.store(user).owned(user.uid, "bank_accounts")
        return {(names[row["connection_id"]], row["name"]): row["duplicate_of"] for row in rows}

    first, second = bank.connect(user, **person_with("Daily", "Save"))["connection_id"], ""
    ids = {row["name"]: row["account_id"] for row in bank.store(user).owned(user.uid, "bank_accounts")}
    refused = bank.exchange(user, bank.public_token(**person_with("Save", "Card")))
    assert (refused.status_code, refused.json()["error"]["status"]) == (409, "ALREADY_EXISTS")
    assert refused.json()["error"]["details"] == {
        "code": "duplicate_connection",
        "connection_id": first,
        "accounts": [{"account_id": ids["Save"], "name": "Save", "mask": "2222"}],
    }
    assert newest_item(bank)["state"] == "removed"

    second = bank.connect(user, **person_with("Save", "Card"))["connection_id"]
    counted = {"connection_id": first, "account_id": ids["Save"]}
    wanted = {("first", "Daily"): None, ("first", "Save"): None, ("second", "Save"): counted, ("second", "Card"): None}
    assert marks() == wanted
    for connection_id in (first, second):
        wait_until("synced", lambda i=connection_id: bank.progress(user, i)["status"] == "completed")  # type: ignore[misc]
    assert marks() == wanted
    assert bank.rest("DELETE", f"connections/{first}", user).status_code == 202
    wait_until(
        "the remaining account is counted", lambda: marks() == {("second", "Save"): None, ("second", "Card"): None}
    )


def test_five_links_of_the_same_accounts_at_once_make_one_connection(bank: Bank, user: User) -> None:
    tokens = [bank.public_token(webhook=False) for _ in range(5)]
    with ThreadPoolExecutor(5) as apps:
        answers = list(apps.map(lambda token: exchanged_until_answered(bank, user, token), tokens))
    assert sum(answer.status_code in (200, 201) for answer in answers) == 1
    (connection,) = bank.traces(user)["bank_connections"]
    refused = [answer.json()["error"]["details"]["connection_id"] for answer in answers if answer.status_code == 409]
    assert refused == [connection["connection_id"]] * 4
    states = [item["state"] for item in bank.control("GET", "items")["items"][-5:]]
    assert states.count("removed") == 4


def test_lost_token_is_reported_and_the_user_is_asked_to_link_again(bank: Bank, user: User) -> None:
    public_token = bank.public_token(webhook=False)
    with fault(bank, kind="half_body", endpoint=EXCHANGE, after=True, times=1):
        assert bank.exchange(user, public_token).status_code == 503
    assert bank.exchange(user, public_token).status_code == 400
    _, left = intent(bank, public_token)
    assert left is not None
    assert (left["answer"], left["access_token"]) == (None, None)
    for _ in range(2):
        bank.run_schedule()
    _, settled = intent(bank, public_token)
    assert settled is not None
    assert settled["due_at"] is None
    assert settled["expires_at"] is not None
    (notification,) = link_again_notifications(bank, user)
    assert notification["connection_id"] == left["connection_id"]
    assert bank.exchange(user, public_token).status_code == 400
    assert bank.traces(user) == {}
    entries = listed(bank, f"bank_audit/{user.uid}/bank_audit_entries")
    assert [(entry["action"], entry["details"]["reason"]) for entry in entries] == [("link_lost", "lost")]


def test_a_second_item_that_plaid_could_not_remove_is_removed_by_the_schedule(bank: Bank, user: User) -> None:
    first = bank.connect(user, webhook=False)
    public_token = bank.public_token(webhook=False)
    with fault(bank, kind="error", endpoint=REMOVE):
        assert exchanged_until_answered(bank, user, public_token).status_code == 409
        assert newest_item(bank)["state"] != "removed"
        path, left = intent(bank, public_token)
        assert left is not None
        assert left["access_token"]
        assert left["expires_at"] is None
        bank.backend.update(path, {"due_at": AGO}).raise_for_status()
        bank.run_schedule()
        _, kept = intent(bank, public_token)
        assert kept is not None
        assert kept["access_token"]
        assert kept["due_at"] > datetime.now(UTC)
    bank.backend.update(path, {"due_at": AGO}).raise_for_status()
    bank.run_schedule()
    assert newest_item(bank)["state"] == "removed"
    _, done = intent(bank, public_token)
    assert done is not None
    assert (done["access_token"], done["due_at"]) == (None, None)
    again = exchanged_until_answered(bank, user, public_token)
    assert again.json()["error"]["details"]["connection_id"] == first["connection_id"]


def test_abandoned_exchange_is_rolled_back_at_plaid(bank: Bank, user: User) -> None:
    public_token = bank.public_token(webhook=False)
    made = exchanged_until_answered(bank, user, public_token).json()
    path = left_before_the_last_commit(bank, user, public_token, made["connection_id"])
    bank.run_schedule()
    assert newest_item(bank)["state"] == "removed"
    assert bank.admin.get(path) is None
    assert link_again_notifications(bank, user) == []
    assert bank.exchange(user, public_token).status_code == 400


def test_interrupted_exchange_is_resumed_by_its_app(bank: Bank, user: User) -> None:
    public_token = bank.public_token(webhook=False)
    made = exchanged_until_answered(bank, user, public_token).json()
    left_before_the_last_commit(bank, user, public_token, made["connection_id"])
    again = exchanged_until_answered(bank, user, public_token)
    assert again.status_code == 201
    assert again.json() == made
    (connection,) = bank.traces(user)["bank_connections"]
    assert bank.control("GET", f"items/{connection['item_id']}")["state"] != "removed"
    assert bank.open_intents(user) == []


def left_before_the_last_commit(bank: Bank, user: User, public_token: str, connection_id: str) -> str:
    """Rewind the store to a process death just before the commit that creates the connection, a day ago."""
    bank.wait_until_synced(user, connection_id)
    bank.rests(connection_id)  # no run may interfere
    path, answered = intent(bank, public_token)
    sealed = bank.admin.get(f"bank_credentials/{connection_id}")
    assert answered is not None
    assert sealed is not None
    token = {name: sealed[name] for name in ("ciphertext", "key_id")}
    since = datetime.now(UTC) - timedelta(days=1)
    left: dict[str, Any] = {"access_token": token, "answer": None, "expires_at": None, "created_at": since}
    rows = [f"bank_transactions/{t['transaction_id']}" for t in bank.transactions(user)]
    accounts = [f"bank_accounts/{account_id}" for account_id in made_accounts(bank, connection_id)]
    gone = [f"bank_connections/{connection_id}/{below}" for below in (*rows, *accounts)]
    gone += [f"{c}/{connection_id}" for c in ("bank_connections", "bank_sync_state", "bank_sync_progress")]
    bank.backend.seed({}, gone=(*gone, f"bank_credentials/{connection_id}"))
    bank.backend.update(path, left | {"due_at": AGO}).raise_for_status()
    wait_until("nothing is left", lambda: bank.traces(user) == {})
    return path


def made_accounts(bank: Bank, connection_id: str) -> list[str]:
    return list((bank.admin.get(f"bank_connections/{connection_id}") or {})["account_ids"])


def test_daily_check_sweeps_and_refreshes_stale_data(bank: Bank, user: User) -> None:
    made = bank.connect(user, institution_id="ins_109511", webhook=False)
    path = f"bank_institutions/{made['institution_id']}"
    wait_until("the institution", lambda: bank.admin.get(path))
    bank.backend.update(path, {"fetched_at": AGO, "name": "An old name"}).raise_for_status()
    bank.http.post(scheduled_url(bank.stack.ports, "monitor_connections")).raise_for_status()
    found = bank.admin.get(path) or {}
    assert found["name"] == "Tartan Bank"
    assert found["fetched_at"] > datetime.now(UTC) - timedelta(minutes=5)
