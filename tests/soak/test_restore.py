"""The restore drill: a backup, later changes, a disaster, the restore, and the procedure of docs/operations.md.

The emulator's export and import stand for those of a project; both take the whole database.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from emulators.client import User, sign_up
from emulators.environment import folder
from emulators.ports import PROJECT
from tests.e2e.bank import Bank, wait_until
from tests.e2e.test_rotation import Connected, done, operate
from tests.firestore_rest import BACKEND, Json

pytestmark = pytest.mark.timeout(300)
DATABASE = f"projects/{PROJECT}/databases/(default)"


class Backup:
    """A backup of the whole store at one moment, on disk."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._folder = folder("drill", str(bank.stack.ports.offset))
        shutil.rmtree(self._folder)
        self._folder.mkdir()
        self._call(":export", {"export_directory": str(self._folder), "export_name": "backup"})

    def restore(self) -> None:
        """Restore into an empty database, as required."""
        answer = self._bank.http.delete(f"{self._url}/databases/(default)/documents", timeout=120)
        answer.raise_for_status()
        assert self._bank.admin.get("bank_audit/anybody") is None
        metadata = next(self._folder.rglob("*.overall_export_metadata"))
        self._call(":import", {"export_directory": str(metadata)})

    @property
    def _url(self) -> str:
        return f"{self._bank.stack.ports.url('firestore')}/emulator/v1/projects/{PROJECT}"

    def _call(self, verb: str, body: dict[str, Any]) -> None:
        answer = self._bank.http.post(
            f"{self._url}{verb}", json={"database": DATABASE, **body}, headers=BACKEND, timeout=120
        )
        assert answer.is_success, answer.text


def connected(bank: Bank, transactions: int = 20) -> Connected:
    one = Connected(bank, sign_up(bank.http, bank.stack.ports), transactions)
    bank.wait_until_synced(one.user, one.connection_id)
    return one


def row_of(bank: Bank, user: User, connection_id: str) -> str:
    rows = bank.transactions(user, parent=f"bank_connections/{connection_id}")
    return f"bank_connections/{connection_id}/bank_transactions/{rows[0]['transaction_id']}"


@contextmanager
def _syncs_paused(bank: Bank) -> Iterator[None]:
    done(bank, "pause", "--all", "--reason", "a restore")
    yield
    done(bank, "resume", "--all")


def test_store_equals_the_bank_after_a_disaster_and_the_documented_restore(bank: Bank) -> None:
    stays, goes, turns = (connected(bank) for _ in range(3))
    note = row_of(bank, stays.user, stays.connection_id)
    bank.writer(stays.user).update(note, {"user": {"note": "from before"}}).raise_for_status()
    backup = Backup(bank)

    # After the backup: data change, a bank is removed, a token is rotated, another bank is linked.
    others = [t["transaction_id"] for t in bank.truth(stays.item_id)["transactions"] if t["transaction_id"] not in note]
    began = datetime.now(UTC)
    bank.control(
        "POST",
        f"items/{stays.item_id}/transactions",
        add=[{"name": "after the backup", "amount": 12.34}],
        remove=others[:1],
    )
    bank.wait_until_synced(stays.user, stays.connection_id, after=began)
    bank.wait_until_equal(stays.user, stays.connection_id)
    gone_item = goes.item_id
    bank.rest("DELETE", f"connections/{goes.connection_id}", goes.user).raise_for_status()
    wait_until("the removal", lambda: bank.control("GET", f"items/{gone_item}")["state"] == "removed")
    done(bank, "rotate", "--connection", turns.connection_id)
    wait_until("the new token", lambda: not turns.kept().get("wanted_by"))
    late = connected(bank, 3)

    backup.restore()
    assert bank.admin.get(f"bank_connections/{late.connection_id}") is None
    assert goes.document()["item_id"] == gone_item  # the restore brought it back, and it must be removed again
    assert bank.differences(stays.user, stays.connection_id)

    with _syncs_paused(bank):
        look = operate(bank, "after-restore", "--user", turns.user.uid)
        assert (look.returncode, look.stderr) == (
            1,
            "after-restore: 1 token lost: confirm with --yes (not_confirmed)\n",
        )
        began = datetime.now(UTC)
        settled = [done(bank, "after-restore", "--user", one.user.uid, "--yes") for one in (stays, goes, turns)]
    assert [said.splitlines()[-1].removeprefix("after-restore: ") for said in settled] == [
        "1 read again",
        "1 removed",
        "1 token lost",
    ]
    done(bank, "resync", "--connection", stays.connection_id)

    bank.wait_until_synced(stays.user, stays.connection_id, after=began)
    bank.wait_until_equal(stays.user, stays.connection_id)
    restored: Json = bank.admin.get(note) or {}
    assert restored["user"] == {"note": "from before"}
    wait_until("the removal", lambda: bank.traces(goes.user) == {})
    wait_until("its end", lambda: bank.admin.get(f"bank_removals/{goes.connection_id}") is None)
    lost = turns.document()
    assert (lost["status"], lost["action"], lost["error_code"]) == ("error", "relink", "ACCESS_TOKEN_LOST")

    # A user whose connection was lost links the bank again; so does a user who linked one after the backup.
    for user in (turns.user, late.user):
        again = bank.connect(user, username="user_generated", password='{"transactions": 5}')["connection_id"]
        bank.wait_until_synced(user, again)
        assert bank.differences(user, again) == []
    for user in (stays.user, goes.user):
        assert "all intact" in done(bank, "check-audit", "--user", user.uid)
