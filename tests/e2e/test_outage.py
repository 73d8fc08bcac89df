"""An outage of a bank with thirty connections, on the running stack, until all are caught up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from emulators.client import User, sign_up
from tests.e2e.bank import Bank, documents, wait_until
from tests.e2e.left_behind import wait_until_idle
from tests.firestore_rest import Json

pytestmark = pytest.mark.timeout(900)  # thirty banks are linked first
HOUNDSTOOTH = "ins_109512"
RECORD = f"bank_institution_evidence/{HOUNDSTOOTH}"
HEALTH = f"institutions/{HOUNDSTOOTH}/health"
BROKEN = {"success": 0.02, "error_institution": 0.98, "refresh_interval": "STOPPED", "lag_seconds": 0}
WORKS = {"success": 0.99, "error_institution": 0.01, "refresh_interval": "NORMAL", "lag_seconds": 0}
USERS, EACH = 10, 3


@pytest.fixture(scope="module")
def customers(bank: Bank) -> list[tuple[User, list[str]]]:
    """Users with their synced connections to the bank."""
    found: list[tuple[User, list[str]]] = []
    for number in range(USERS):
        user = sign_up(bank.http, bank.stack.ports)
        made = [_connect(bank, user, number * EACH + one) for one in range(EACH)]
        found.append((user, made))
    for user, made in found:
        for connection_id in made:
            bank.wait_until_synced(user, connection_id)
    return found


def _connect(bank: Bank, user: User, seed: int) -> str:
    login = f'{{"transactions": 2, "seed": {seed}}}'
    made = bank.connect(user, username="user_generated", password=login, institution_id=HOUNDSTOOTH)
    return str(made["connection_id"])


def state(bank: Bank) -> str:
    """The state of the bank, according to the backend."""
    recovery = (bank.admin.get(RECORD) or {}).get("recovery") or {}
    return str(recovery.get("state"))


def judged(bank: Bank) -> None:
    """A scheduler run with all judgements that follow, fifteen minutes after the latest one."""
    _age(bank)
    bank.run_schedule()
    wait_until_idle(bank)


def _age(bank: Bank) -> None:
    """Makes the latest judgement fifteen minutes older."""
    record = bank.admin.get(RECORD)
    if record is not None:
        moved = {name: _moved(record[name]) for name in ("recovery", "verdict", "plaid")}
        bank.backend.update(RECORD, moved).raise_for_status()


def _moved(fields: Json | None) -> Json | None:
    def earlier(name: str, value: object) -> object:
        waits = name in ("next_step_at", "next_probe_at", "calm_since", "at") and isinstance(value, datetime)
        return value - timedelta(minutes=15) if waits and isinstance(value, datetime) else value

    return fields and {name: earlier(name, value) for name, value in fields.items()}


def _make_due(bank: Bank, connection_ids: list[str]) -> None:
    """Makes due what the next scheduler run would find: a sync whose deferral met a conflict is due a minute later."""
    for path in (f"bank_sync_state/{one}" for one in connection_ids):
        if (bank.admin.get(path) or {})["status"] == "pending":
            bank.backend.update(path, {"due_at": datetime.now(UTC)}).raise_for_status()


def test_an_outage_is_detected_explained_and_recovered_from(
    bank: Bank, customers: list[tuple[User, list[str]]]
) -> None:
    everything = [(user, connection_id) for user, made in customers for connection_id in made]
    bank.control("POST", HEALTH, scope=["data", "live"], **BROKEN)
    for _ in range(2):
        judged(bank)
        if state(bank) == "down":
            break
    assert state(bank) == "down", "within two scheduler runs"

    assert {(bank.admin.get(f"bank_connections/{one}") or {})["status"] for _, one in everything} == {"good"}
    asked, other = customers[0][0], customers[1][0]
    published = bank.store(other).get(f"bank_institution_health/{HOUNDSTOOTH}") or {}
    assert (published["state"], published["message_key"]) == ("down", "bank_down")

    answer = bank.rest("POST", f"connections/{customers[0][1][0]}/sync", asked, json={})
    assert answer.status_code == 202, answer.text
    progress = answer.json()["sync_progress"]
    assert (progress["status"], progress["error"]["code"], progress["error"]["retryable"]) == (
        "pending",
        "INSTITUTION_DOWN",
        True,
    )
    assert datetime.fromisoformat(progress["next_retry_at"]) > datetime.now(UTC)

    for user, _ in customers[1:]:
        assert kinds(bank, user) == []
    assert kinds(bank, asked) == ["bank_down"]

    bank.control("POST", HEALTH, **WORKS)
    for _ in range(12):
        judged(bank)
        if state(bank) == "healthy":
            break
    assert state(bank) == "healthy"
    bank.run_schedule()
    wait_until_idle(bank)
    _make_due(bank, [connection_id for _, connection_id in everything])
    bank.run_schedule()
    for user, connection_id in everything:
        wait_until("all are caught up", partial(is_completed, bank, user, connection_id))
        assert bank.differences(user, connection_id) == []
    wait_until("the news of the end", lambda: sorted(kinds(bank, asked)) == ["bank_back", "bank_down"])
    assert all(kinds(bank, user) == [] for user, _ in customers[1:])
    assert {(bank.admin.get(f"bank_connections/{one}") or {})["status"] for _, one in everything} == {"good"}


def is_completed(bank: Bank, user: User, connection_id: str) -> bool:
    return bool(bank.progress(user, connection_id)["status"] == "completed")


def kinds(bank: Bank, user: User) -> list[str]:
    """The kinds of a user's notifications about the bank."""
    found = documents(bank.backend.query("bank_notifications", parent=f"users/{user.uid}"))
    return [one["kind"] for one in found if one["kind"].startswith("bank_") or one["kind"] == "needs_repair"]
