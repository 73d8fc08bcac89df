"""The contract of the port `Intents`: the same tests over the fake and over Firestore."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.firestore.exchange_intents import FirestoreIntents
from shared.domain import grace_periods, retention
from shared.domain.audit import Actor, AuditAction, AuditEntry
from shared.domain.connection import SealedToken
from shared.domain.errors import Conflict
from shared.domain.exchange import RESUMABLE_FOR, Intent
from shared.domain.notification import NotificationKind, notification
from shared.domain.region import Region
from shared.ports import Intents
from tests.fakes import FakeIntents, FakeStore

NOW = datetime(2001, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)  # long before other tests' documents
SEALED = SealedToken(ciphertext="c", key_id="k")


@dataclass
class Port:
    intents: Intents
    notified: Callable[[str, str], str | None]
    audited: Callable[[str], int]


def _fake() -> Port:
    store = FakeStore()

    def notified(_: str, notification_id: str) -> str | None:
        found = store.notifications.get(notification_id)
        return found.title if found else None

    return Port(FakeIntents(store), notified, lambda user: len(store.audit.get(user, [])))


def _firestore(client: Any) -> Port:
    def notified(user: str, notification_id: str) -> str | None:
        found = client.document("users", user, "bank_notifications", notification_id).get()
        return found.get("title") if found.exists else None

    def audited(user: str) -> int:
        return len(list(client.collection("bank_audit", user, "bank_audit_entries").stream()))

    return Port(
        FirestoreIntents(client, audit=FirestoreAudit(client, function="test", retention=timedelta(days=1))),
        notified,
        audited,
    )


@pytest.fixture(params=["fake", "firestore"])
def port(request: pytest.FixtureRequest) -> Port:
    return _fake() if request.param == "fake" else _firestore(request.getfixturevalue("firestore_client"))


@pytest.fixture
def intent() -> Intent:
    name = uuid.uuid4().hex
    return Intent.new(
        intent_id=f"intent-{name}",
        app_user_id=f"user-{name}",
        connection_id=name,
        attempt="a",
        region=Region.US,
        now=NOW,
    )


def test_every_stage_of_an_intent_is_found_as_it_was_written(port: Port, intent: Intent) -> None:
    _, version, _ = port.intents.begin(intent)
    exchanged = intent.exchanged(SEALED, item_id="item")
    for stage in (
        intent.released(),
        intent.taken_over(attempt="b", now=NOW),
        exchanged,
        exchanged.duplicate_of("other", now=NOW),
        exchanged.abandoned(now=NOW),
        exchanged.abandoned(now=NOW).postponed(now=NOW),
        exchanged.removed(),
        exchanged.connected({"connection_id": intent.connection_id, "account_ids": ["a"]}),
        intent.lost(),
    ):
        version = port.intents.update(stage, expected=version)
        found = port.intents.find(intent.intent_id)
        assert found is not None
        assert found[0] == stage
        assert found[1] == version


def test_only_one_of_many_concurrent_intents_begins(port: Port, intent: Intent) -> None:
    with ThreadPoolExecutor(8) as pool:
        begun = list(pool.map(lambda n: port.intents.begin(replace(intent, attempt=str(n))), range(8)))
    assert [new for _, _, new in begun].count(True) == 1
    assert len({stored.attempt for stored, _, _ in begun}) == 1


def test_only_due_intents_are_found_longest_due_first(port: Port, intent: Intent) -> None:
    def begin(number: int, changed: Intent) -> str:
        one = replace(changed, intent_id=f"{intent.intent_id}-{number}")
        port.intents.begin(one)
        return one.intent_id

    lost = begin(1, intent)
    begin(2, intent.lost())
    kept = begin(3, intent.exchanged(SEALED, item_id="i"))
    begin(4, intent.exchanged(SEALED, item_id="i").connected({"connection_id": "c"}))
    waiting = begin(5, intent.used_up(now=NOW))

    def due(at: timedelta, limit: int = 1000) -> list[str]:
        found = [one.intent_id for one, _ in port.intents.due(NOW + at, limit=limit)]
        return [i for i in found if i.startswith(intent.intent_id)]

    assert due(timedelta(0)) == [waiting]
    assert due(grace_periods.LOST_EXCHANGE) == [waiting, lost]
    assert due(RESUMABLE_FOR) == [waiting, lost, kept]
    assert len(port.intents.due(NOW + RESUMABLE_FOR, limit=2)) == 2
    ((found, version),) = [one for one in port.intents.due(NOW, limit=1000) if one[0].intent_id == waiting]
    port.intents.update(found.lost(), expected=version)
    assert due(RESUMABLE_FOR) == [lost, kept]


def test_intent_changes_together_with_audit_entry_and_notification_or_not_at_all(port: Port, intent: Intent) -> None:
    user = intent.app_user_id
    _, version, _ = port.intents.begin(intent)
    tells = notification(
        NotificationKind.LINK_AGAIN,
        event_id=intent.connection_id,
        connection_id=intent.connection_id,
        bank=None,
        language=None,
        now=NOW,
    )
    entry = AuditEntry(app_user_id=user, action=AuditAction.LINK_LOST, actor=Actor.BACKEND, at=NOW)
    newer = port.intents.update(intent.released(), expected=version)
    with pytest.raises(Conflict):
        port.intents.update(intent.lost(), expected=version, audit=entry, tells=tells)
    assert (port.notified(user, tells.notification_id), port.audited(user)) == (None, 0)
    port.intents.update(intent.lost(), expected=newer, audit=entry, tells=tells)
    assert (port.notified(user, tells.notification_id), port.audited(user)) == (tells.title, 1)


def test_removed_intent_is_neither_changed_nor_removed_again(port: Port, intent: Intent) -> None:
    _, version, _ = port.intents.begin(intent)
    port.intents.forget(intent.intent_id, expected=version)
    with pytest.raises(Conflict):
        port.intents.forget(intent.intent_id, expected=version)
    with pytest.raises(Conflict):
        port.intents.update(intent.lost(), expected=version)
    assert port.intents.find(intent.intent_id) is None


@pytest.mark.parametrize("region", Region)
def test_region_of_an_exchange_is_stored_with_the_intent_and_with_its_token(
    port: Port, intent: Intent, region: Region
) -> None:
    _, version, _ = port.intents.begin(replace(intent, region=region))
    found = port.intents.find(intent.intent_id)
    assert found is not None
    assert found[0].region is region
    sealed = SEALED.model_copy(update={"region": region})
    port.intents.update(found[0].exchanged(sealed, item_id="item"), expected=version)
    found = port.intents.find(intent.intent_id)
    assert found is not None
    assert found[0].access_token == sealed


def test_intent_that_was_stored_without_a_region_is_of_the_first_pair(firestore_client: Any, intent: Intent) -> None:
    port = _firestore(firestore_client)
    port.intents.begin(replace(intent, region=Region.EU))
    document = firestore_client.document("bank_exchange_intents", intent.intent_id)
    fields = document.get().to_dict()
    document.set({name: value for name, value in fields.items() if name != "region"})
    found = port.intents.find(intent.intent_id)
    assert found is not None
    assert found[0].region is Region.US


def test_only_settled_intents_expire(firestore_client: Any, intent: Intent) -> None:
    intents = FirestoreIntents(
        firestore_client, audit=FirestoreAudit(firestore_client, function="test", retention=timedelta(days=1))
    )
    _, version, _ = intents.begin(intent)
    duplicate = intent.exchanged(SEALED, item_id="i").duplicate_of("c", now=NOW)

    def expires() -> datetime | None:
        found: datetime | None = (
            firestore_client.document("bank_exchange_intents", intent.intent_id).get().get("expires_at")
        )
        return found

    assert expires() is None
    version = intents.update(duplicate, expected=version)
    assert expires() is None, "it holds the only token of an item"
    version = intents.update(duplicate.removed(), expected=version)
    assert expires() == NOW + retention.ANSWERED_EXCHANGE
    intents.update(intent.lost(), expected=version)
    assert expires() == NOW + retention.ANSWERED_EXCHANGE
