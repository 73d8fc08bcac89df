"""What the tests of a module left in the store: it is checked, and then deleted.

The Firestore emulator has no indexes: each query reads every document of its collection (0.3 s of CPU for 35,000
rows), so tests that leave their rows behind slow down all later tests of their stack. It also reads the keys of all
deleted documents, which only a new start removes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from emulators.environment import KEYSETS, keyset
from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.vault.audit_signer import TinkSigner
from shared.usecases.audit.check_audit import CheckAudit
from tests.e2e.bank import Bank, wait_until
from tests.fakes import FakeClock
from tests.firestore_rest import BACKEND, ROOT, Json

TOKENS = {
    "access token": re.compile(r"access-(?:sandbox|production|development)-[0-9a-fA-F-]{8,}"),
    "public token": re.compile(r"public-(?:sandbox|production|development)-[0-9a-fA-F-]{8,}"),
    "link token": re.compile(r"link-(?:sandbox|production|development)-[0-9a-fA-F-]{8,}"),
    "ID token": re.compile(r"eyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\."),
}
ANSWERED_WITH_A_LINK_TOKEN = ("/create_link_token", "/bank/connect")
RETENTION = timedelta(days=400)
PAGE = 8_000
SOON = 5_000  # milliseconds; a task that is retried later finds nothing left to do


class Secrets(dict[str, str]):
    """Names and values of secrets; the repr shows only the names, so that a failing test leaks nothing."""

    def __repr__(self) -> str:
        return repr(list(self))


def check_and_delete(bank: Bank) -> None:
    """What must hold of the documents of any test; then deletes all documents, even if it does not hold.

    A run that is under way while they are deleted would store the second half of its work without the first, and so
    break the checks of the next module. The deletion itself starts such runs, because the emulator deletes one document
    after the other: the trigger of a deleted user still finds connections, and erases them. So their traces are deleted
    once these runs have ended.

    Raises:
        AssertionError: A document contains a secret, a user's audit log is damaged, an item has several connections, or
            a token was sent to Plaid with the other region's keys.
        TimedOut: The backend is still working; the message says on what.
    """
    wait_until_idle(bank)
    try:
        damaged = [*bank.misdirected(), *bank.item_violations(), *damaged_audit_logs(bank).items()]
        assert not damaged, damaged
        secrets = secrets_of(bank)
        leaked = [leak for where, text in all_documents(bank) for leak in leaks(where, text, secrets)]
        assert not leaked, leaked
    finally:
        for _ in range(2):
            wait_until_idle(bank)
            bank.http.delete(f"{bank.stack.ports.url('firestore')}/emulator/v1/{ROOT}").raise_for_status()


def wait_until_idle(bank: Bank) -> None:
    """Wait until no webhook is being sent, no function runs, and no task is due."""
    wait_until("the backend is idle", lambda: not unfinished(bank), shown=lambda: unfinished(bank))


def unfinished(bank: Bank) -> list[str]:
    """The webhooks, requests, triggers and tasks that are under way, in the order in which they cause each other."""
    sent = bank.control("GET", "webhooks")["webhooks"]
    statistics = bank.http.get(f"{bank.stack.ports.url('tasks')}/queueStats").raise_for_status().json()
    work = statistics["work"]
    return [
        *(f"webhook {one['webhook_code']} of {one['item_id']}" for one in sent if one["state"] == "sending"),
        *(f"request {request}" for request in work["requests"]),
        *(f"task {task['name']}" for task in work["tasks"] if task["due_in"] < SOON),
    ]


def secrets_of(bank: Bank) -> Secrets:
    """The secrets given to the functions."""
    pairs = {"Plaid's secret": bank.stack.plaid.secret, "Plaid's second secret": bank.stack.plaid.eu_secret}
    given = {name: secret for name, secret in pairs.items() if secret} | {name: keyset(name) for name in KEYSETS}
    keys = re.findall(r'"value":\s*"([^"]{20,})"', "".join(given[name] for name in KEYSETS))
    return Secrets(given | {f"key {number}": key for number, key in enumerate(keys)})


def leaks(where: str, text: str, secrets: dict[str, str]) -> Iterator[str]:
    """The names of the secrets in a text and where the text is from; never the values."""
    for kind, pattern in TOKENS.items():
        if kind == "link token" and any(path in where for path in ANSWERED_WITH_A_LINK_TOKEN):
            continue
        if found := pattern.search(text):
            yield f"{where}: a {kind} at {found.start()}"
    for kind, secret in secrets.items():
        if secret in text:
            yield f"{where}: {kind}"


def all_documents(bank: Bank) -> Iterator[tuple[str, str]]:
    """Paths and contents. Read in pages: the emulator answers 500 to a large page, and reads everything for each."""
    url = f"{bank.stack.ports.url('firestore')}/v1/{ROOT}:runQuery"
    query: Json = {"from": [{"allDescendants": True}], "orderBy": [{"field": {"fieldPath": "__name__"}}], "limit": PAGE}
    while True:
        answers = bank.http.post(url, headers=BACKEND, json={"structuredQuery": query}, timeout=60)
        page = [answer["document"] for answer in answers.raise_for_status().json() if "document" in answer]
        for document in page:
            yield document["name"].removeprefix(f"{ROOT}/"), json.dumps(document.get("fields", {}))
        if len(page) < PAGE:
            return
        query["startAt"] = {"values": [{"referenceValue": page[-1]["name"]}], "before": False}


def audit_of(bank: Bank) -> FirestoreAudit:
    """The audit logs of all users."""
    from google.cloud import firestore

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{bank.stack.ports.firestore}")
        client = firestore.Client(project="demo-bank")
    return FirestoreAudit(client, function="test", retention=RETENTION)


def damaged_audit_logs(bank: Bank) -> dict[str, list[str]]:
    """The damages and the entries of each user whose audit log is not complete."""
    audit, clock = audit_of(bank), FakeClock(datetime.now(UTC) + timedelta(days=2))
    check = CheckAudit(audit=audit, signer=TinkSigner(keyset("audit")), clock=clock, retention=RETENTION)
    damages = {user: check(user)[1] for user in audit.unsigned(clock.now(), limit=10_000)}
    return {
        user: [*map(str, found), *(f"{seq}: {entry}" for seq, entry in audit.entries(user))]
        for user, found in damages.items()
        if found
    }
