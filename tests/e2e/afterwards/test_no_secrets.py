"""Nothing that the backend wrote during the other tests contains a token, key or secret.

This test runs last. It searches every document, every line of the functions' logs at DEBUG (with the payloads of all
tasks) and every answer that a test received.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from emulators.environment import KEYSETS, keyset
from tests.e2e.bank import Bank
from tests.firestore_rest import BACKEND, ROOT, Json

pytestmark = pytest.mark.usefixtures("used_stack")

TOKENS = {
    "access token": re.compile(r"access-(?:sandbox|production|development)-[0-9a-fA-F-]{8,}"),
    "public token": re.compile(r"public-(?:sandbox|production|development)-[0-9a-fA-F-]{8,}"),
    "link token": re.compile(r"link-(?:sandbox|production|development)-[0-9a-fA-F-]{8,}"),
    "ID token": re.compile(r"eyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\."),
}
ANSWERED_WITH_A_LINK_TOKEN = ("/create_link_token", "/bank/connect")
PAGE = 8_000
WHERE, PLANTED = "bank_planted/one", "access-sandbox-00000000-dead-beef-0000-000000000000"


class Secrets(dict[str, str]):
    """Names and values of secrets; the repr shows only the names, so that a failing test leaks nothing."""

    def __repr__(self) -> str:
        return repr(list(self))


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
    """Read in pages: the emulator answers 500 to a large page, and reads all documents for each one."""
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


@pytest.fixture(scope="module")
def stored(bank: Bank) -> list[tuple[str, str]]:
    """Every stored document, read once; a token is planted in one of them."""
    bank.backend.create(WHERE, {"deep": {"within": [PLANTED]}}).raise_for_status()
    try:
        return list(all_documents(bank))
    finally:
        bank.backend.delete(WHERE).raise_for_status()


def everything(
    bank: Bank, recorded_answers: list[tuple[str, str]], stored: list[tuple[str, str]]
) -> Iterator[tuple[str, str]]:
    yield from (document for document in stored if document[0] != WHERE)
    yield from ((f"the answer of {path}", text) for path, text in recorded_answers)
    logs = (bank.stack.logs / "emulators.log").read_text(encoding="utf-8", errors="replace")
    ours = ((number, line) for number, line in enumerate(logs.splitlines(), 1) if line.startswith(">"))
    yield from ((f"log line {number}", line) for number, line in ours)


@pytest.fixture(scope="module")
def secrets(bank: Bank) -> dict[str, str]:
    """The secrets given to the functions, and the tokens that the simulator issued."""
    given = {"Plaid's secret": bank.stack.plaid.secret, **{name: keyset(name) for name in KEYSETS}}
    keys = re.findall(r'"value":\s*"([^"]{20,})"', "".join(given[name] for name in KEYSETS))
    return Secrets(given | {f"key {number}": key for number, key in enumerate(keys)})


def test_no_secret_is_in_any_document_log_task_or_answer(
    bank: Bank, recorded_answers: list[tuple[str, str]], stored: list[tuple[str, str]], secrets: dict[str, str]
) -> None:
    searched = list(everything(bank, recorded_answers, stored))
    assert len(searched) > 100
    found = [leak for where, text in searched for leak in leaks(where, text, secrets)]
    assert found == []


def test_search_finds_a_planted_token(stored: list[tuple[str, str]], secrets: dict[str, str]) -> None:
    found = [leak for where, text in stored for leak in leaks(where, text, secrets)]
    assert [leak.split(":")[0] for leak in found] == [WHERE]
    for kind, secret in secrets.items():
        assert list(leaks("here", f"x{secret}y", secrets)), kind
    token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzb21lYm9keSJ9."
    assert list(leaks("here", json.dumps({"authorization": f"Bearer {token}"}), {}))
    assert list(leaks("the answer of /api/v1/bank/connect", "link-sandbox-00000000-0000", {})) == []
