"""One item, one connection, in the store: the same tests over the fakes and over Firestore."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest

from shared.adapters.firestore.item_holders import FirestoreItems
from shared.domain.audit import Actor, AuditAction, AuditEntry
from shared.domain.connection import BankConnection
from shared.domain.errors import Conflict
from shared.domain.exchange import Intent
from shared.domain.item import ItemHolder
from shared.domain.region import Region
from shared.domain.removal import Removal, RemovalOutcome, RemovalReason
from shared.domain.sync_state import SyncState
from shared.ports import Items, Version
from tests.contract.removal_ports import NOW, TOKEN, Ports, connect, fake, firestore
from tests.fakes import FakeItems


@dataclass
class Ground:
    ports: Ports
    items: Items


@pytest.fixture(params=["fake", "firestore"])
def ground(request: pytest.FixtureRequest) -> Ground:
    if request.param == "fake":
        ports = fake()
        return Ground(ports, FakeItems(ports.removals.store))  # type: ignore[attr-defined]
    client: Any = request.getfixturevalue("firestore_client")
    return Ground(firestore(client), FirestoreItems(client))


@pytest.fixture
def uid() -> str:
    return f"contract-{uuid.uuid4().hex[:12]}"


def holder(uid: str, name: str, *, intent_id: str | None = None) -> ItemHolder:
    return ItemHolder(f"item/{uid}", f"{uid}{name}", uid, intent_id)


def exchanging(uid: str, name: str) -> Intent:
    intent = Intent.new(
        intent_id=f"i-{uid}{name}",
        app_user_id=uid,
        connection_id=f"{uid}{name}",
        attempt="a",
        region=Region.US,
        now=NOW,
    )
    return intent.exchanged(TOKEN, item_id=f"item/{uid}")


def begun(ground: Ground, intent: Intent) -> Version:
    return ground.ports.intents.begin(replace(intent, access_token=None, item_id=None))[1]


def create(ground: Ground, intent: Intent, version: Version, *, held: Version | None) -> None:
    connection = BankConnection(
        connection_id=intent.connection_id,
        app_user_id=intent.app_user_id,
        institution_id=None,
        item_id=intent.item_id or "",
        created_at=NOW,
        updated_at=NOW,
    )
    ground.ports.connections.create(
        connection,
        token=TOKEN,
        accounts=[],
        state=SyncState.new(connection_id=intent.connection_id, app_user_id=intent.app_user_id, now=NOW),
        settles=(intent.connected({"connection_id": intent.connection_id}), version),
        audit=AuditEntry(
            app_user_id=intent.app_user_id, action=AuditAction.CONNECTION_CREATED, actor=Actor.USER, at=NOW
        ),
        guards=ground.ports.connections.guards(intent.app_user_id, institution_id=None),
        held=held,
    )


def finish(ground: Ground, connection_id: str) -> None:
    found = ground.ports.removals.find(connection_id)
    assert found is not None
    removal, version = found
    entry = removal.finished(RemovalOutcome.REMOVED, now=NOW)
    ground.ports.removals.finish(removal, expected=version, audit=entry)


def test_the_first_to_claim_an_item_holds_it_until_it_is_released(ground: Ground, uid: str) -> None:
    first, second = holder(uid, "1", intent_id="i"), holder(uid, "2")
    held, version = ground.items.claim(first, now=NOW)
    assert held == first
    assert ground.items.claim(second, now=NOW) == (first, version)
    assert ground.items.claim(first, now=NOW) == (first, version)
    ground.items.release(second)
    assert ground.items.claim(second, now=NOW)[0] == first, "only its holder releases it"
    ground.items.release(first)
    assert ground.items.claim(second, now=NOW)[0] == second
    ground.items.release(holder(f"{uid}-unknown", "3"))


def test_of_many_claims_at_once_one_holds_the_item(ground: Ground, uid: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        held = list(pool.map(lambda n: ground.items.claim(holder(uid, str(n)), now=NOW)[0], range(6)))
    assert len(set(held)) == 1


def test_a_stored_token_holds_its_item_and_a_second_one_is_refused_as_a_whole(ground: Ground, uid: str) -> None:
    first, second = exchanging(uid, "1"), exchanging(uid, "2")
    versions = begun(ground, first), begun(ground, second)
    stored, held = ground.ports.intents.store_token(first, expected=versions[0], holder=first.holder())
    assert ground.ports.intents.find(first.intent_id) == (first, stored)
    assert ground.items.claim(second.holder(), now=NOW) == (first.holder(), held)
    with pytest.raises(Conflict):
        ground.ports.intents.store_token(second, expected=versions[1], holder=second.holder())
    found = ground.ports.intents.find(second.intent_id)
    assert found is not None
    assert found[0].access_token is None
    again = ground.ports.intents.store_token(first.released(), expected=stored, holder=first.holder(), held=held)
    assert ground.ports.intents.find(first.intent_id) == (first.released(), again[0])


def test_no_second_connection_is_made_to_an_item(ground: Ground, uid: str) -> None:
    connection = connect(ground.ports, uid)
    second = replace(exchanging(uid, "2"), item_id=connection.item_id)
    version = begun(ground, second)
    with pytest.raises(Conflict):
        create(ground, second, version, held=None)
    assert ground.ports.connections.find(second.connection_id) is None
    assert [one.connection_id for one in ground.ports.connections.of_item(connection.item_id)] == [uid]
    mine = ItemHolder(connection.item_id, uid, uid)
    assert ground.items.claim(second.holder(), now=NOW)[0] == mine


def test_connection_replaces_its_exchange_only_while_the_exchange_holds_the_item(ground: Ground, uid: str) -> None:
    intent = exchanging(uid, "1")
    stored, held = ground.ports.intents.store_token(intent, expected=begun(ground, intent), holder=intent.holder())
    ground.items.release(intent.holder())
    with pytest.raises(Conflict):
        create(ground, intent, stored, held=held)
    _, held = ground.items.claim(intent.holder(), now=NOW)
    create(ground, intent, stored, held=held)
    assert ground.items.claim(holder(uid, "2"), now=NOW)[0] == holder(uid, "1")


@pytest.mark.parametrize("reason", [RemovalReason.USER, RemovalReason.REVOKED])
def test_removal_holds_the_item_until_it_completes_and_while_its_connection_stays(
    ground: Ground, uid: str, reason: RemovalReason
) -> None:
    connection = connect(ground.ports, uid)
    removal = Removal.of(connection, token=None, reason=reason, now=NOW)
    ground.ports.removals.begin(removal, audit=removal.started(by=Actor.USER))
    mine, other = ItemHolder(connection.item_id, uid, uid), ItemHolder(connection.item_id, "other", uid)
    assert ground.items.claim(other, now=NOW)[0] == mine
    finish(ground, uid)
    expected = mine if reason is RemovalReason.REVOKED else other
    assert ground.items.claim(other, now=NOW)[0] == expected


def test_removal_keeps_a_holder_that_is_not_its_own(ground: Ground, uid: str) -> None:
    connection = connect(ground.ports, uid)
    mine, other = ItemHolder(connection.item_id, uid, uid), ItemHolder(connection.item_id, "other", uid)
    ground.items.release(mine)
    ground.items.claim(other, now=NOW)
    removal = Removal.of(connection, token=None, reason=RemovalReason.USER, now=NOW)
    ground.ports.removals.begin(removal, audit=removal.started(by=Actor.USER))
    finish(ground, uid)
    assert ground.items.claim(mine, now=NOW)[0] == other
