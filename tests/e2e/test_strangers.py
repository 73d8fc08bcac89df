"""Every access to another user's connection is answered as if the connection did not exist."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

import main
from docs.errors import refusals
from emulators.client import User, sign_up
from tests.e2e.bank import Bank, without_checks
from tests.firestore_rest import Client

WRITES: dict[str, Any] = {"user": {"note": "mine"}, "read_at": datetime(2026, 1, 1, tzinfo=UTC), "app_user_id": "me"}


@dataclass(frozen=True)
class Two:
    """A user with a connection, and one without."""

    owner: User
    stranger: User
    connection_id: str
    documents: tuple[str, ...]


@pytest.fixture(scope="module")
def two(bank: Bank) -> Two:
    owner, stranger = (sign_up(bank.http, bank.stack.ports) for _ in range(2))
    connection_id = bank.connect(owner)["connection_id"]
    bank.wait_until_synced(owner, connection_id)
    bank.rests_with_balances(connection_id)
    root = f"bank_connections/{connection_id}"
    account = bank.admin.get(root) or {}
    transaction = bank.transactions(owner, parent=root)[0]["transaction_id"]
    bank.backend.seed(
        {f"users/{owner.uid}/bank_notifications/n1": {"kind": "x"}, f"users/{owner.uid}": {"language": "en"}}
    )
    documents = (
        root,
        f"{root}/bank_accounts/{account['account_ids'][0]}",
        f"{root}/bank_transactions/{transaction}",
        f"bank_sync_progress/{connection_id}",
        f"bank_sync_state/{connection_id}",
        f"bank_credentials/{connection_id}",
        f"users/{owner.uid}",
        f"users/{owner.uid}/bank_notifications/n1",
        f"bank_audit/{owner.uid}",
        f"bank_audit/{owner.uid}/bank_audit_entries/{1:010d}",
        f"bank_limits/{owner.uid}:exchange",
    )
    for path in documents:
        assert bank.admin.get(path) is not None, f"there is no {path}"
    return Two(owner, stranger, connection_id, documents)


def said(answer: httpx.Response, *names: str) -> tuple[int, Any]:
    """An answer without its request-specific parts and the names in the request."""
    text = answer.text
    for name in names:
        text = text.replace(name, "…")
    text = re.sub(r'"(readTime|requestId)": ?"[^"]*"', "", text)
    headers = {k: v for k, v in answer.headers.items() if k not in ("date", "x-request-id", "content-length", "etag")}
    return answer.status_code, (text, headers.get("content-type"), sorted(headers))


def calls(bank: Bank, user: User, connection_id: str) -> Iterator[tuple[str, httpx.Response]]:
    """Every function that takes a connection, over REST and the callable protocol."""
    for function, method, path in (
        ("sync_connection", "POST", f"connections/{connection_id}/sync"),
        ("reconnect_connection", "POST", f"connections/{connection_id}/reconnected"),
        ("refresh_balances", "POST", f"connections/{connection_id}/balances"),
        ("remove_connection", "DELETE", f"connections/{connection_id}"),
        ("create_link_token", "GET", f"connect?connection_id={connection_id}"),
        ("create_link_token", "GET", f"connect?connection_id={connection_id}&account_selection=true&country_codes=US"),
    ):
        yield function, bank.rest(method, path, user)
        yield function, bank.call(function, {"connection_id": connection_id}, user)
    replaces = {"public_token": f"public-sandbox-{uuid.uuid4()}", "replaces": connection_id}
    yield "exchange_public_token", bank.rest("POST", "set_access_token", user, json=replaces)
    yield "exchange_public_token", bank.call("exchange_public_token", replaces, user)


def test_every_function_that_takes_a_connection_is_tested(bank: Bank, two: Two) -> None:
    takes = {name for name, found in refusals().items() if "connection_not_found" in {r.code for r in found}}
    assert takes == {name for name, _ in calls(bank, two.stranger, "nothing")}
    assert takes <= set(main.FUNCTIONS)


def test_functions_answer_for_another_users_connection_as_for_a_missing_one(bank: Bank, two: Two) -> None:
    before = {path: without_checks(bank.admin.get(path)) for path in two.documents}
    theirs, none = calls(bank, two.stranger, two.connection_id), calls(bank, two.stranger, "0" * 32)
    for (function, their_answer), (_, no_answer) in zip(theirs, none, strict=True):
        assert their_answer.status_code == 404, function
        assert said(their_answer, two.connection_id) == said(no_answer, "0" * 32), function
        assert two.connection_id not in their_answer.text
    assert {path: without_checks(bank.admin.get(path)) for path in two.documents} == before


def elsewhere(path: str, two: Two) -> str:
    """The same path with a missing connection or another user."""
    return path.replace(two.connection_id, "0" * 32).replace(two.owner.uid, "0" * 28)


def denied(answer: httpx.Response) -> tuple[int, str]:
    """A denial as production reports it; the emulator also names the line of the rules."""
    said = answer.json()
    error = (said[0] if isinstance(said, list) else said).get("error", {})
    return answer.status_code, error.get("status", "")


def reads_and_writes(store: Client, path: str) -> Iterator[tuple[str, httpx.Response]]:
    parent, _, collection = path.rpartition("/")[0].rpartition("/")
    yield "get", store.get(path)
    yield "list", store.query(collection, parent=parent, limit=1)
    for field, value in WRITES.items():
        yield f"update {field}", store.update(path, {field: value})
    yield "delete", store.delete(path)


def test_reads_of_another_users_documents_are_answered_as_for_missing_ones(bank: Bank, two: Two) -> None:
    before = {path: without_checks(bank.admin.get(path)) for path in two.documents}
    store = bank.writer(two.stranger)
    for path in two.documents:
        nowhere = elsewhere(path, two)
        assert nowhere != path
        for (what, theirs), (_, none) in zip(
            reads_and_writes(store, path), reads_and_writes(store, nowhere), strict=True
        ):
            assert denied(theirs) == denied(none) == (403, "PERMISSION_DENIED"), f"{what} {path}"
    assert {path: without_checks(bank.admin.get(path)) for path in two.documents} == before


def test_collection_group_queries_find_only_the_users_documents(bank: Bank, two: Two) -> None:
    store = bank.writer(two.stranger)
    for collection in ("bank_accounts", "bank_transactions", "bank_connections", "bank_sync_progress"):
        everywhere = collection in ("bank_accounts", "bank_transactions")
        assert store.query(collection, everywhere=everywhere, owner=two.owner.uid, limit=1).status_code == 403
        assert store.query(collection, everywhere=everywhere, limit=1).status_code == 403
        mine = store.query(collection, everywhere=everywhere, owner=two.stranger.uid, limit=1)
        assert mine.status_code == 200
        assert not [row for row in mine.json() if "document" in row]
    for private in ("bank_credentials", "bank_sync_state", "bank_audit_entries", "bank_limits", "bank_webhook_inbox"):
        for everywhere in (True, False):
            assert store.query(private, everywhere=everywhere, owner=two.stranger.uid, limit=1).status_code == 403


def test_exchange_metadata_naming_another_users_accounts_reveals_nothing(bank: Bank, two: Two) -> None:
    """The duplicate check searches only the caller's own connections."""
    root = f"bank_connections/{two.connection_id}"
    found = bank.writer(two.owner).query("bank_accounts", parent=root, owner=two.owner.uid).json()
    accounts = [
        {"name": f["name"]["stringValue"], "mask": f["mask"].get("stringValue")}
        for f in (row["document"]["fields"] for row in found)
    ]
    institution = {"institution_id": "ins_109508", "name": "x"}
    token = "public-sandbox-00000000-0000-4000-8000-000000000000"
    answer = bank.exchange(two.stranger, token, institution=institution, accounts=accounts)
    assert answer.status_code == 400
    assert json.loads(answer.text)["error"]["details"]["code"] == "public_token_invalid"
