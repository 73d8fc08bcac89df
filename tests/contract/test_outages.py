"""The contract of the ports `OutageNotices` and `PublishedHealth`: the same tests over the fakes and over Firestore."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.firestore.connections import FirestoreConnections
from shared.adapters.firestore.institution_health import FirestorePublishedHealth
from shared.adapters.firestore.outage_notices import FirestoreOutageNotices
from shared.domain.connection import BankConnection
from shared.domain.institution_health.evidence import HealthState, OutageKind, Verdict
from shared.domain.institution_health.outage import Outage, Recipient, outage_news
from shared.domain.institution_health.published import InstitutionHealth
from shared.domain.notification import Notification, NotificationKind
from shared.ports import Connections, OutageNotices, PublishedHealth
from tests.fake_outages import FakeOutageNotices, FakePublishedHealth
from tests.fakes import FakeStore

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Ports:
    notices: OutageNotices
    published: PublishedHealth
    connections: Connections
    add: Callable[[BankConnection], Any]
    remove: Callable[[str], Any]
    read: Callable[[str, str], dict[str, Any] | None]  # a notification of a user


@pytest.fixture(params=["fake", "firestore"])
def ports(request: pytest.FixtureRequest) -> Ports:
    if request.param == "fake":
        store = FakeStore()

        def find(uid: str, name: str) -> dict[str, Any] | None:
            found = store.notifications.get(f"{uid}/{name}")
            return found.model_dump() if found is not None else None

        return Ports(
            notices=FakeOutageNotices(store),
            published=FakePublishedHealth(),
            connections=store,
            add=lambda one: store.connections.update({one.connection_id: one}),
            remove=store.connections.pop,
            read=find,
        )
    client = request.getfixturevalue("checked_client")
    audit = FirestoreAudit(client, function="test", retention=timedelta(days=1))
    of = client.collection("bank_connections")
    return Ports(
        notices=FirestoreOutageNotices(client),
        published=FirestorePublishedHealth(client),
        connections=FirestoreConnections(client, audit=audit),
        add=lambda one: of.document(one.connection_id).set(one.model_dump(exclude={"access_token", "cursor"})),
        remove=lambda name: of.document(name).delete(),
        read=lambda uid, name: client.document("users", uid, "bank_notifications", name).get().to_dict(),
    )


@pytest.fixture
def outage() -> Outage:
    return Outage(f"ins-{uuid.uuid4().hex[:12]}", since=NOW, next_check_at=NOW)


def connect(ports: Ports, outage: Outage, uid: str) -> Recipient:
    name = f"c-{uuid.uuid4().hex[:12]}"
    bank = outage.institution_id
    ports.add(
        BankConnection(
            connection_id=name, app_user_id=uid, institution_id=bank, item_id=name, created_at=NOW, updated_at=NOW
        )
    )
    return Recipient(uid, name)


def news(kind: NotificationKind, outage: Outage, to: Recipient) -> tuple[Recipient, Notification]:
    return to, outage_news(kind, outage, to, bank="Chase", language="en", now=NOW)


def down(outage: Outage, to: Recipient) -> tuple[Recipient, Notification]:
    return news(NotificationKind.BANK_DOWN, outage, to)


def back(outage: Outage, to: Recipient) -> tuple[Recipient, Notification]:
    return news(NotificationKind.BANK_BACK, outage, to)


def user() -> str:
    return f"u-{uuid.uuid4().hex[:12]}"


def test_who_was_notified_can_be_found_until_the_end_is_notified(ports: Ports, outage: Outage) -> None:
    ann, bob = (connect(ports, outage, user()) for _ in range(2))
    assert ports.notices.notified(outage) == []
    ports.notices.send([down(outage, ann), down(outage, bob)])
    assert {*ports.notices.notified(outage)} == {ann, bob}
    assert len(ports.notices.notified(outage, limit=1)) == 1
    ports.notices.answer(outage, [back(outage, ann)])
    assert ports.notices.notified(outage) == [bob]
    assert ports.notices.is_notified(outage, ann.app_user_id), "also after the end"
    assert not ports.notices.is_notified(outage, user())
    ended = ports.read(ann.app_user_id, f"bank_back-{outage.outage_id}")
    assert ended is not None
    assert (ended["kind"], ended["connection_id"], ended["title"]) == ("bank_back", ann.connection_id, "Chase is back")
    assert (ports.read(ann.app_user_id, f"bank_down-{outage.outage_id}") or {})["outage_id"] is None


def test_another_outage_of_the_bank_has_its_own_notifications(ports: Ports, outage: Outage) -> None:
    ann = connect(ports, outage, user())
    ports.notices.send([down(outage, ann)])
    later = Outage(outage.institution_id, since=NOW + timedelta(days=1), next_check_at=NOW)
    assert ports.notices.notified(later) == []
    assert not ports.notices.is_notified(later, ann.app_user_id)


def test_users_whose_connection_is_gone_get_nothing_and_the_others_get_theirs(ports: Ports, outage: Outage) -> None:
    ann, bob = (connect(ports, outage, user()) for _ in range(2))
    gone = Recipient(user(), "gone")
    ports.notices.send([down(outage, ann), down(outage, gone), down(outage, bob)])
    assert {*ports.notices.notified(outage)} == {ann, bob}
    assert ports.read(gone.app_user_id, f"bank_down-{outage.outage_id}") is None
    ports.remove(ann.connection_id)
    ports.notices.answer(outage, [back(outage, one) for one in (ann, gone, bob)])
    assert ports.read(ann.app_user_id, f"bank_back-{outage.outage_id}") is None
    assert ports.read(gone.app_user_id, f"bank_back-{outage.outage_id}") is None
    assert ports.read(bob.app_user_id, f"bank_back-{outage.outage_id}") is not None


def test_users_at_a_bank_are_counted_once_up_to_a_maximum(ports: Ports, outage: Outage) -> None:
    bank = outage.institution_id
    assert ports.connections.users_at(bank, most=5) == 0
    busy = user()
    mine = [connect(ports, outage, busy).connection_id for _ in range(60)]
    assert ports.connections.users_at(bank, most=5) == 1
    mine += [connect(ports, outage, user()).connection_id for _ in range(5)]
    assert ports.connections.users_at(bank, most=5) == 5
    assert ports.connections.users_at(bank, most=50) == 6
    assert {one.connection_id for one in ports.connections.of_institution(bank)} == {*mine}


def test_published_health_is_read_as_it_was_written_and_can_be_withdrawn(ports: Ports, outage: Outage) -> None:
    bank = outage.institution_id
    verdict = Verdict(HealthState.DOWN, OutageKind.LOGIN, NOW, share_failing=0.82)
    health = InstitutionHealth.of(bank, verdict, previous=None, now=NOW)
    assert ports.published.find(bank) is None
    ports.published.put(health)
    assert ports.published.find(bank) == health
    ports.published.withdraw(bank)
    ports.published.withdraw(bank)
    assert ports.published.find(bank) is None
