"""The contract of the port `Inbox`: the same tests over the fake and over Firestore."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.firestore.webhook_inbox import FirestoreInbox
from shared.domain.errors import Conflict
from shared.ports import Delivery, Inbox
from tests.fakes import FakeInbox

NOW = datetime(2001, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)  # long before other tests' documents


@pytest.fixture(params=["fake", "firestore"])
def inbox(request: pytest.FixtureRequest) -> Inbox:
    return FakeInbox() if request.param == "fake" else FirestoreInbox(request.getfixturevalue("firestore_client"))


@pytest.fixture
def name() -> str:
    return uuid.uuid4().hex


def delivery(name: str, *, connection: str = "c", after: int = 0, due: bool = True) -> Delivery:
    at = NOW + timedelta(seconds=after)
    return Delivery(
        delivery_id=name,
        body={"webhook_type": "ITEM", "nested": [{"deep": None}]},
        received_at=at,
        connection_id=connection,
        due_at=at + timedelta(minutes=1) if due else None,
        trace=f"trace-{name}",
    )


def test_delivery_is_stored_once_and_unchanged(inbox: Inbox, name: str) -> None:
    assert inbox.find(name) is None
    first = delivery(name)
    assert inbox.record(first)
    assert not inbox.record(delivery(name, after=5))
    assert inbox.find(name) == first
    inbox.settle(name)


def test_unsettled_deliveries_of_a_connection_are_read_in_order(inbox: Inbox, name: str) -> None:
    for number in (2, 0, 1):
        inbox.record(delivery(f"{name}-{number}", connection=name, after=number))
    inbox.record(delivery(f"{name}-quiet", connection=name, due=False))
    inbox.record(delivery(f"{name}-other", connection=f"{name}-other", after=1))
    assert [d.delivery_id for d in inbox.waiting(name)] == [f"{name}-{n}" for n in range(3)]
    inbox.settle(f"{name}-1")
    assert [d.delivery_id for d in inbox.waiting(name)] == [f"{name}-0", f"{name}-2"]
    for left in ("0", "2", "other"):
        inbox.settle(f"{name}-{left}")
    assert inbox.waiting(name) == []
    assert [d.delivery_id for d in inbox.of_connection(name)] == [f"{name}-{n}" for n in ("0", "quiet", "1", "2")], (
        "handled or not"
    )


def test_only_what_is_due_is_found_longest_due_first(inbox: Inbox, name: str) -> None:
    for number in range(3):
        inbox.record(delivery(f"{name}-{number}", after=number))
    found = inbox.due(NOW + timedelta(minutes=1, seconds=1), limit=10)
    assert [d.delivery_id for d, _ in found if d.delivery_id.startswith(name)] == [f"{name}-0", f"{name}-1"]
    for number in range(3):
        inbox.settle(f"{name}-{number}")


def test_deliveries_since_a_moment_are_read_in_arrival_order(inbox: Inbox, name: str) -> None:
    for number in (1, 2, 0):
        inbox.record(delivery(f"{name}-{number}", after=number, due=False))
    found = [d.delivery_id for d in inbox.since(NOW + timedelta(seconds=1)) if d.delivery_id.startswith(name)]
    assert found == [f"{name}-1", f"{name}-2"]


def test_settling_a_removed_delivery_is_harmless(inbox: Inbox, name: str) -> None:
    inbox.settle(name)


def test_a_postponed_delivery_is_due_later_unless_it_was_settled_meanwhile(inbox: Inbox, name: str) -> None:
    inbox.record(delivery(name))
    now = NOW + timedelta(hours=1)
    [(found, version)] = [one for one in inbox.due(now, limit=10) if one[0].delivery_id == name]
    postponed = found.swept(now=now)
    inbox.postpone(postponed, expected=version)
    assert inbox.find(name) == postponed
    assert postponed.sweeps == 1
    assert name not in [d.delivery_id for d, _ in inbox.due(now, limit=10)]
    later = now + timedelta(days=1)
    [(found, version)] = [one for one in inbox.due(later, limit=10) if one[0].delivery_id == name]
    inbox.settle(name)
    with pytest.raises(Conflict):
        inbox.postpone(found.swept(now=later), expected=version)
    kept = inbox.find(name)
    assert kept is not None
    assert kept.due_at is None
