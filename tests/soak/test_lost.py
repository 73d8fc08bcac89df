"""Lost events are found by the scheduler alone: a trigger, a task, a webhook, a bank outage of hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from tests.e2e.bank import Bank
from tests.soak.ground import LONG_AGO, SYNC, Connected, Log, deliver, wait

pytestmark = pytest.mark.timeout(240)

ROWS = [{"amount": 4.2, "name": "Coffee"}, {"amount": 7, "name": "Tea", "pending": True}]


@pytest.fixture(scope="module")
def at_rest(bank: Bank) -> Connected:
    """A connection with complete history and a known institution."""
    made = Connected.new(bank, rows=120)
    made.settle(within=120)

    def welcomed() -> bool:
        known = bool(made.connection().get("institution")) and made.state()["welcomed"]
        return bool(known and made.webhooks_delivered() and made.settled())

    wait(made.state, welcomed, within=90)
    return made


@pytest.fixture
def connected(at_rest: Connected) -> Connected:
    """The connection at rest, after changes at its bank that no webhook reported."""
    at_rest.settle(within=120)
    at_rest.look_at_the_bank()
    at_rest.change(add=ROWS, post=at_rest.pending[:1], remove=at_rest.rows[:3], notify=False)
    assert at_rest.differences()
    return at_rest


def found_by_the_schedule(of: Connected) -> None:
    """One scheduler run is enough."""
    of.bank.run_schedule()
    of.settle(within=90)
    assert of.differences() == []


def test_a_lost_trigger_is_found(connected: Connected) -> None:
    bank = connected.bank
    nothing = {"institution": None, "institution_name": None, "consent_expiration_time": None}
    bank.backend.update(connected.root, nothing).raise_for_status()
    connected.put_state(welcomed=False, status="pending", stage="queued", due_at=LONG_AGO)
    found_by_the_schedule(connected)
    known = connected.connection()
    assert known["institution_name"] == "First Platypus Bank"
    assert known["institution"]["primary_color"]
    assert connected.state()["welcomed"]


def test_a_lost_task_is_found(connected: Connected) -> None:
    requested = connected.state()["requested"]
    connected.put_state(status="pending", stage="queued", requested=requested + 1, due_at=LONG_AGO)
    found_by_the_schedule(connected)
    state = connected.state()
    assert (state["requested"], state["served"]) == (requested + 1, requested + 1)


def test_a_lost_webhook_is_found(connected: Connected) -> None:
    assert connected.state()["due_at"] - datetime.now(UTC) <= timedelta(hours=12)
    connected.put_state(due_at=LONG_AGO)
    found_by_the_schedule(connected)


def test_a_run_that_died_is_found(connected: Connected) -> None:
    state = connected.state()
    dead = {"lease_owner": "a task#of a dead process", "lease_expires_at": LONG_AGO}
    connected.put_state(
        status="in_progress", run=state["run"] + 1, requested=state["requested"] + 1, due_at=LONG_AGO, **dead
    )
    found_by_the_schedule(connected)
    assert connected.state()["run"] == state["run"] + 2


def retried_and_failed(of: Connected, times: int) -> bool:
    """Retry by hand, faster than the queue; returns whether that many attempts have failed."""
    deliver(of.bank, of.connection_id, f"{of.connection_id}-by-hand")
    return bool(of.state()["failures"] == times)


def test_a_bank_that_is_down_for_hours_changes_no_status_and_recovers_by_the_schedule(
    connected: Connected, log: Log
) -> None:
    attempts, tries = 4, 3
    down = {"kind": "error", "error_code": "INSTITUTION_DOWN", "endpoint": SYNC, "item_id": connected.item_id}
    connected.bank.control("POST", "faults", **down, times=attempts * tries)
    delays: list[float] = []
    for attempt in range(1, attempts + 1):
        connected.put_state(due_at=LONG_AGO)
        connected.bank.run_schedule()
        wait(connected.state, partial(retried_and_failed, connected, attempt), within=90)
        state = connected.state()
        assert (state["status"], state["attempt"]) == ("failed", attempt)
        assert state["error"]["code"] == "INSTITUTION_DOWN"
        assert state["error"]["retryable"]
        assert state["error"].get("action") is None
        assert connected.connection()["status"] == "good"
        assert state["due_at"] == state["next_retry_at"]
        delays.append((state["next_retry_at"] - state["updated_at"]).total_seconds())
    for delay, longest in zip(delays, (60, 300, 900, 3600), strict=True):
        assert 0.74 * longest <= delay <= longest
    refused = partial(log.lines, connected.connection_id, "sync.provider_error")
    wait(refused, lambda: len(refused()) >= attempts * tries, within=30)  # a log line is written after the store
    assert len(refused()) == attempts * tries
    connected.put_state(due_at=LONG_AGO)
    found_by_the_schedule(connected)
    assert connected.state()["failures"] == 0
    assert connected.connection()["status"] == "good"
