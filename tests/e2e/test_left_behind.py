"""The documents of a module are checked, and deleted while nothing runs that could store further ones."""

from __future__ import annotations

import pytest

from emulators.client import User
from tests.e2e.bank import Bank, wait_until
from tests.e2e.left_behind import all_documents, check_and_delete, unfinished, wait_until_idle

PLANTED = "access-sandbox-00000000-dead-beef-0000-000000000000"


def test_work_is_named_until_it_has_ended(bank: Bank, user: User) -> None:
    bank.control("POST", "faults", kind="latency", endpoint="/transactions/sync", seconds=2, times=1)
    made = bank.connect(user)
    named: set[str] = set()

    def both() -> bool:
        named.update(kind for kind, _, what in map(_parts, unfinished(bank)) if "synctransactions" in what)
        return named >= {"request", "task"}

    wait_until("the sync is named", both, shown=lambda: named)
    wait_until_idle(bank)
    assert unfinished(bank) == []
    assert bank.progress(user, made["connection_id"])["status"] == "completed"


def _parts(work: str) -> tuple[str, str, str]:
    return work.partition(" ")


def test_nothing_is_left_although_deleted_users_start_erasures(bank: Bank, user: User) -> None:
    bank.backend.seed({f"users/{user.uid}": {"language": "en"}})
    made = bank.connect(user)
    bank.wait_until_synced(user, made["connection_id"])
    check_and_delete(bank)
    wait_until_idle(bank)
    assert list(all_documents(bank)) == []


def test_a_document_with_a_secret_is_reported_and_deleted(bank: Bank) -> None:
    bank.backend.create("bank_planted/one", {"deep": [PLANTED]}).raise_for_status()
    with pytest.raises(AssertionError, match="bank_planted/one: a access token"):
        check_and_delete(bank)
    assert list(all_documents(bank)) == []
