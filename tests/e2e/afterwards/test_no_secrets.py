"""Nothing that the backend wrote during the other tests contains a token, key or secret.

This test runs last. It searches every document that is left (tests/e2e/left_behind.py searches the others), every line
of the functions' logs at DEBUG (with the payloads of all tasks) and every answer that a test received.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e.bank import Bank
from tests.e2e.left_behind import Secrets, all_documents, leaks, secrets_of

pytestmark = pytest.mark.usefixtures("used_stack")

WHERE, PLANTED = "bank_planted/one", "access-sandbox-00000000-dead-beef-0000-000000000000"


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
def secrets(bank: Bank) -> Secrets:
    return secrets_of(bank)


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
