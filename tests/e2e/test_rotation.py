"""An operator's command rotates an access token on the running stack, with concurrent syncs and lost answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulators.client import User
from emulators.setup import ROOT
from tests.e2e.bank import Bank, documents, wait_until
from tests.firestore_rest import Json

pytestmark = pytest.mark.timeout(300)  # each command is its own process, which loads the whole backend
INVALIDATE = "/item/access_token/invalidate"


def operate(bank: Bank, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run an operator command on the stack."""
    return subprocess.run(
        [sys.executable, "-m", "operations", "--local", *arguments],
        cwd=ROOT,
        env={**os.environ, "PORT_OFFSET": str(bank.stack.ports.offset)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def done(bank: Bank, *arguments: str) -> str:
    """The command's output after success."""
    command = operate(bank, *arguments)
    assert command.returncode == 0, command.stderr
    return command.stdout


class Connected:
    """A connection with its documents and its item at the simulator."""

    def __init__(self, bank: Bank, user: User, transactions: int) -> None:
        self.bank, self.user = bank, user
        login = json.dumps({"transactions": transactions})
        made = bank.connect(user, username="user_generated", password=login)
        self.connection_id = made["connection_id"]

    @property
    def item_id(self) -> str:
        return str(self.document()["item_id"])

    def document(self) -> Json:
        return self.bank.store(self.user).get(f"bank_connections/{self.connection_id}") or {}

    def kept(self) -> Json:
        return self.bank.admin.get(f"bank_credentials/{self.connection_id}") or {}

    def state(self) -> Json:
        return self.bank.admin.get(f"bank_sync_state/{self.connection_id}") or {}

    def token(self) -> str:
        """The access token that works, as the simulator knows it."""
        return str(self.bank.control("GET", f"items/{self.item_id}")["access_token"])

    def answers(self, token: str) -> str | None:
        """Plaid's error code for a token, or nothing."""
        url, headers = f"{self.bank.stack.plaid.base_url}/item/get", self.bank.plaid_keys()
        answer: Json = self.bank.http.post(url, json={"access_token": token}, headers=headers).json()
        return answer.get("error_code")

    def at_rest(self) -> bool:
        kept = self.kept()
        return kept["due_at"] is None and kept["rotating_since"] is None

    def rotated(self, before: str) -> str:
        """Wait until the stored token is a new one that works."""
        wait_until("a new token", lambda: self.token() != before and self.at_rest())
        return self.token()

    def interrupt(self) -> None:
        """Let time pass, so that the owner of the rotation counts as dead."""
        kept = self.kept()
        assert kept["rotating_since"] is not None
        long_ago = datetime.now(UTC) - timedelta(hours=1)
        path = f"bank_credentials/{self.connection_id}"
        self.bank.backend.seed({path: kept | {"rotating_since": long_ago, "due_at": long_ago}})

    def notified(self) -> set[str]:
        """The kinds of the user's notifications."""
        answer = self.bank.writer(self.user).query("bank_notifications", parent=f"users/{self.user.uid}")
        return {one["kind"] for one in documents(answer)}

    def audited(self) -> list[tuple[str, str]]:
        """The user's audit log: action and actor."""
        parent = f"bank_audit/{self.user.uid}"
        answer = self.bank.backend.query("bank_audit_entries", parent=parent)
        entries = sorted(documents(answer), key=lambda entry: entry["seq"])
        return [(entry["action"], entry["actor"]) for entry in entries]


@pytest.fixture
def fault(bank: Bank) -> Iterator[Any]:
    yield lambda **order: bank.control("POST", "faults", **order)
    bank.control("DELETE", "faults")


def test_rotated_token_is_dead_at_plaid_and_the_next_sync_uses_the_new_one(bank: Bank, user: User) -> None:
    mine = Connected(bank, user, 30)
    bank.rests(mine.connection_id)
    old, cursor, runs = mine.token(), mine.state()["cursor"], mine.state()["run"]
    said = done(bank, "rotate", "--connection", mine.connection_id)
    assert "1 requested" in said
    new = mine.rotated(old)
    assert mine.answers(old) == "INVALID_ACCESS_TOKEN"
    assert mine.answers(new) is None
    assert mine.audited()[-1] == ("token_rotated", "operator")
    assert mine.state()["cursor"] == cursor
    bank.control("POST", f"items/{mine.item_id}/transactions", add=[{"amount": 4.2, "name": "Coffee"}])
    bank.wait_until_equal(user, mine.connection_id)
    state = mine.state()
    assert state["run"] > runs
    assert (state["added"], state["failures"], state["rebuilding"]) == (1, 0, False), "it continued from its cursor"
    assert mine.document()["status"] == "good"


def test_rotation_during_a_sync_does_not_disturb_it(bank: Bank, user: User, fault: Any) -> None:
    mine = Connected(bank, user, 1800)
    fault(kind="latency", seconds=1.5, endpoint="/transactions/sync", item_id=mine.item_id, times=None)
    wait_until("the run", lambda: mine.state()["status"] == "in_progress")
    old = mine.token()
    done(bank, "rotate", "--user", user.uid)
    mine.rotated(old)
    assert mine.answers(old) == "INVALID_ACCESS_TOKEN"
    bank.control("DELETE", "faults")
    bank.wait_until_equal(user, mine.connection_id)
    assert (mine.document()["status"], mine.state()["failures"]) == ("good", 0)
    assert mine.notified() <= {"first_sync_done"}


def test_a_request_that_plaid_never_got_is_sent_again(bank: Bank, user: User, fault: Any) -> None:
    mine = Connected(bank, user, 10)
    bank.wait_until_synced(user, mine.connection_id)
    old = mine.token()
    fault(kind="reset", endpoint=INVALIDATE, item_id=mine.item_id)
    done(bank, "rotate", "--connection", mine.connection_id)
    wait_until("the mark", lambda: mine.kept()["rotating_since"])
    wait_until("the fault", lambda: mine.kept()["attempts"] == 1)
    assert mine.answers(old) is None
    assert f"{mine.connection_id}  requested by operator" in done(bank, "rotations")
    mine.interrupt()
    bank.run_schedule()
    mine.rotated(old)
    assert mine.document()["status"] == "good"


def test_lost_rotation_answer_is_detected_and_the_user_is_asked_to_link_again(
    bank: Bank, user: User, fault: Any
) -> None:
    mine = Connected(bank, user, 10)
    bank.wait_until_synced(user, mine.connection_id)
    old = mine.token()
    fault(kind="reset", endpoint=INVALIDATE, item_id=mine.item_id, after=True)
    done(bank, "rotate", "--connection", mine.connection_id)
    wait_until("the answer is lost", lambda: mine.token() != old)
    bank.rest("POST", f"connections/{mine.connection_id}/sync", user, json={})
    wait_until("the sync waits", lambda: mine.state()["stage"] == "waiting_for_bank")
    assert mine.document()["status"] == "good", "no error is set while a process may own the rotation"
    mine.interrupt()
    bank.run_schedule()
    wait_until("the error status", lambda: mine.document()["status"] == "error")
    assert mine.document()["action"] == "relink"
    assert [action for action, _ in mine.audited()[-2:]] == ["token_lost", "status_changed"]
    assert "needs_relink" in mine.notified()
    assert bank.progress(user, mine.connection_id)["error"]["action"] == "relink"


def test_webhooks_are_replayed_and_a_connection_is_reconciled_by_hand(bank: Bank, user: User) -> None:
    mine = Connected(bank, user, 10)
    bank.wait_until_synced(user, mine.connection_id)
    webhook = {"webhook_type": "TRANSACTIONS", "webhook_code": "SYNC_UPDATES_AVAILABLE"}
    bank.control("POST", f"items/{mine.item_id}/webhook", **webhook)  # the others may have come before the connection
    bank.rests(mine.connection_id)
    rows = bank.transactions(user, parent=f"bank_connections/{mine.connection_id}")
    path = f"bank_connections/{mine.connection_id}/bank_transactions/{rows[0]['transaction_id']}"
    bank.backend.delete(path).raise_for_status()
    assert bank.differences(user, mine.connection_id)
    assert f"{mine.connection_id} is queued" in done(bank, "reconcile", "--connection", mine.connection_id)
    bank.wait_until_equal(user, mine.connection_id)
    since = (datetime.now(UTC) - timedelta(minutes=10)).isoformat()
    replay = ("replay-webhooks", "--since", since, "--connection", mine.connection_id)
    assert done(bank, *replay).startswith("replay-webhooks: 0 processed, "), "all of them were handled on arrival"
    said = done(bank, *replay, "--handled")
    assert "processed" in said
    assert not said.startswith("replay-webhooks: 0 ")
    assert done(bank, "intents").endswith("pending\n")
    refused = operate(bank, "reconcile", "--connection", "unknown")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "no such connection" in refused.stderr
