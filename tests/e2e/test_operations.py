"""Operator commands for a connection and a user, on the running stack."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest

from emulators.client import User
from shared.adapters.firestore.cached_pauses import CACHED_FOR
from tests.e2e.bank import Bank, wait_until
from tests.e2e.logs import Log
from tests.e2e.test_rotation import done, operate
from tests.e2e.traces import audit_of, traces_of

pytestmark = pytest.mark.timeout(300)  # each command is its own process, which loads the whole backend
ELSEWHERE = "ins_109511"


def test_an_institution_is_paused_and_resumed_without_a_loss(bank: Bank, user: User) -> None:
    login = json.dumps({"transactions": 5})
    made = bank.connect(user, username="user_generated", password=login, institution_id=ELSEWHERE)
    connection_id = made["connection_id"]
    before = bank.wait_until_synced(user, connection_id)
    bank.rests(connection_id)
    done(bank, "pause", "--institution", ELSEWHERE, "--reason", "its data make no sense")
    seen_everywhere = time.monotonic() + CACHED_FOR.total_seconds()
    try:
        assert ELSEWHERE in done(bank, "pauses")
        wait_until("every worker has seen it", lambda: time.monotonic() > seen_everywhere)
        item_id = (bank.admin.get(f"bank_connections/{connection_id}") or {})["item_id"]
        log, state = Log(bank), f"bank_sync_state/{connection_id}"
        bank.control("POST", f"items/{item_id}/transactions", add=[{"name": "meanwhile", "amount": 1.23}])
        wait_until("the hold", lambda: log.lines("sync.held", connection_id=connection_id))
        log.wait_for_tasks(connection_id)
        held, enqueued = bank.admin.get(state) or {}, log.tasks(connection_id)
        assert (held["status"], held["due_at"] > datetime.now(UTC)) == ("pending", True)
        bank.backend.update(state, {"due_at": datetime.now(UTC)}).raise_for_status()
        bank.run_schedule()  # which defers it again, and enqueues nothing
        assert (bank.admin.get(state) or {})["due_at"] > datetime.now(UTC)
        assert log.tasks(connection_id) == enqueued
        assert bank.progress(user, connection_id)["status"] == "pending"
        assert not any(row["name"] == "meanwhile" for row in bank.transactions(user))
        history = done(bank, "history", "--connection", connection_id)
        assert "paused since" in history.splitlines()[0]
    finally:
        done(bank, "resume", "--institution", ELSEWHERE)
    assert done(bank, "resync", "--institution", ELSEWHERE).startswith("resync: ")
    bank.wait_until_synced(user, connection_id, after=before["completed_at"])
    assert bank.differences(user, connection_id) == []
    history = done(bank, "history", "--connection", connection_id)
    assert "webhook  TRANSACTIONS SYNC_UPDATES_AVAILABLE" in history
    assert "+1 ~0 -0 on 1 pages" in history


def test_operator_erases_a_user_after_confirmation(bank: Bank, user: User) -> None:
    made = bank.connect(user)
    bank.wait_until_synced(user, made["connection_id"])
    assert operate(bank, "erase", "--user", user.uid).returncode == 1
    assert bank.progress(user, made["connection_id"])
    done(bank, "erase", "--user", user.uid, "--yes")
    wait_until("the end", lambda: traces_of(bank, user, [made["connection_id"]]) == [])
    trail = [(entry["action"], entry["actor"]) for entry in audit_of(bank, user)]
    assert ("operation", "operator") in trail
    assert trail[-1] == ("erasure_done", "backend")
    assert "erasure_done by backend" in done(bank, "history", "--user", user.uid)
    assert done(bank, "check-audit", "--user", user.uid).endswith("all intact\n")
