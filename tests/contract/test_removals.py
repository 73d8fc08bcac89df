"""The contract of the ports `Removals` and `ConnectionData`: the same tests over the fakes and over Firestore."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.firestore import purge
from shared.domain.audit import Actor
from shared.domain.connection import BankConnection, SealedToken
from shared.domain.errors import Conflict
from shared.domain.exchange import Intent
from shared.domain.removal import Removal, RemovalOutcome, RemovalReason
from shared.ports import Delivery, PutAccount, PutRemoval, UpsertTransactions
from tests.contract.removal_ports import NOW, TOKEN, Ports, connect, fake, firestore
from tests.fakes import account, row

NEWER = SealedToken(ciphertext="newer", key_id="k")


@pytest.fixture(params=["fake", "firestore"])
def ports(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Ports:
    monkeypatch.setattr(purge, "DELETES_AT_ONCE", 3)
    return fake() if request.param == "fake" else firestore(request.getfixturevalue("firestore_client"))


@pytest.fixture
def uid() -> str:
    """A new user per test, because contract tests share one store."""
    return f"contract-{uuid.uuid4().hex[:12]}"


def of(connection: BankConnection, reason: RemovalReason = RemovalReason.USER, **changes: Any) -> Removal:
    return Removal.of(connection, token=None, reason=reason, now=NOW).model_copy(update=changes)


def begin(ports: Ports, connection: BankConnection, **changes: Any) -> Removal:
    removal = of(connection, **changes)
    return ports.removals.begin(removal, audit=removal.started(by=Actor.USER))


def found(ports: Ports, connection_id: str) -> tuple[Removal, object]:
    tombstone = ports.removals.find(connection_id)
    assert tombstone is not None
    return tombstone


def test_one_commit_removes_the_connection_and_moves_its_token_into_the_tombstone(ports: Ports, uid: str) -> None:
    connection = connect(ports, uid)
    begun = begin(ports, connection)
    assert begun.access_token == TOKEN
    assert found(ports, uid)[0] == begun
    assert ports.connections.find(uid) is None
    assert ports.connections.credentials(uid) is None
    assert ports.syncs.load(uid) is None
    assert ports.syncs.handover(uid) is None
    assert ports.audited(uid) == ["connection_created", "removal_started"]


def test_commit_of_a_run_is_refused_after_the_removal(ports: Ports, uid: str) -> None:
    connection = connect(ports, uid)
    loaded = ports.syncs.load(uid)
    assert loaded is not None
    begin(ports, connection)
    with pytest.raises(Conflict):
        ports.syncs.save(loaded.state, expected=loaded.version, writes=[UpsertTransactions((row("late"),))])
    ports.connection_data.purge(found(ports, uid)[0])
    with pytest.raises(Conflict):
        ports.syncs.save(loaded.state, expected=loaded.version, writes=[PutAccount(account("late"))])
    assert not ports.connections.describe(uid, {"institution_name": "late"})
    assert ports.syncs.transaction_ids(uid) == set()
    assert ports.connections.accounts_of(uid) == []
    assert ports.connections.find(uid) is None


def test_removal_begins_once(ports: Ports, uid: str) -> None:
    connection = connect(ports, uid)
    begin(ports, connection)
    with pytest.raises(Conflict):
        begin(ports, connection)
    removal, version = found(ports, uid)
    ports.removals.finish(removal, expected=version, audit=removal.finished(RemovalOutcome.REMOVED, now=NOW))
    assert ports.removals.find(uid) is None
    with pytest.raises(Conflict):
        begin(ports, connection)
    assert ports.audited(uid) == ["connection_created", "removal_started", "removal_done"]


def test_all_data_of_the_connection_and_no_other_are_removed(ports: Ports, uid: str) -> None:
    connection, other = connect(ports, uid), connect(ports, uid, "-other")
    begin(ports, connection)
    removal, _ = found(ports, uid)
    for _ in range(2):  # idempotent
        ports.connection_data.purge(removal)
    assert ports.syncs.transaction_ids(uid) == set()
    assert ports.connections.accounts_of(uid) == []
    assert ports.inbox.find(f"delivery-{uid}") is None
    assert ports.intents.find(f"intent-{uid}") is None
    assert ports.notified(uid) == 1
    assert ports.connections.guards(uid, institution_id="ins_1").institution is not None
    kept = other.connection_id
    assert len(ports.syncs.transaction_ids(kept)) == 8
    assert ports.connections.accounts_of(kept) == [account()]
    assert ports.inbox.find(f"delivery-{kept}") is not None
    assert ports.intents.find(f"intent-{kept}") is not None
    begin(ports, other)
    ports.connection_data.purge(found(ports, kept)[0])
    assert ports.notified(uid) == 0
    assert ports.connections.guards(uid, institution_id="ins_1").institution is None


def test_intent_that_still_holds_a_token_is_kept(ports: Ports, uid: str) -> None:
    connection = connect(ports, uid)
    held = Intent(f"held-{uid}", uid, f"{uid}-x", NOW, "a", access_token=TOKEN, answer={"duplicate_of": uid})
    done = Intent(f"done-{uid}", uid, f"{uid}-y", NOW, "a", answer={"duplicate_of": uid})
    for intent in (held, done):
        ports.intents.begin(intent)
    begin(ports, connection)
    ports.connection_data.purge(found(ports, uid)[0])
    assert ports.intents.find(held.intent_id) is not None
    assert ports.intents.find(done.intent_id) is None


def test_a_revoked_connection_stays_without_its_data(ports: Ports, uid: str) -> None:
    connection = connect(ports, uid)
    removal = of(connection, RemovalReason.REVOKED, access_token=TOKEN)
    loaded = ports.syncs.load(uid)
    assert loaded is not None
    ports.syncs.save(loaded.state, expected=loaded.version, writes=[PutRemoval(removal)])
    ports.replace_token(uid, NEWER)
    taken, version = ports.removals.take_credentials(removal, expected=found(ports, uid)[1])
    assert taken.access_token == NEWER
    assert found(ports, uid) == (taken, version)
    assert ports.connections.credentials(uid) is None
    assert ports.removals.take_credentials(taken, expected=version) == (taken, version)
    ports.connection_data.purge(taken)
    assert ports.syncs.transaction_ids(uid) == set()
    assert ports.connections.accounts_of(uid) == []
    assert ports.syncs.handover(uid) is None
    stays = ports.connections.find(uid)
    assert stays is not None
    assert stays.account_ids == ()
    assert ports.notified(uid) == 1
    assert ports.connections.guards(uid, institution_id="ins_1").institution is not None
    assert ports.intents.find(f"intent-{uid}") is not None


def test_revoked_connection_can_be_removed_while_its_data_are_deleted(ports: Ports, uid: str) -> None:
    connection = connect(ports, uid)
    loaded = ports.syncs.load(uid)
    assert loaded is not None
    revoked = of(connection, RemovalReason.REVOKED, access_token=TOKEN, purged=True)
    ports.syncs.save(loaded.state, expected=loaded.version, writes=[PutRemoval(revoked)])
    taken, version = ports.removals.take_credentials(revoked, expected=found(ports, uid)[1])
    begun = begin(ports, connection)
    assert (begun.reason, begun.access_token, begun.purged) == (RemovalReason.USER, TOKEN, False)
    with pytest.raises(Conflict):
        ports.removals.update(taken, expected=version)
    assert ports.connections.find(uid) is None


def test_tombstone_is_changed_only_by_its_last_reader(ports: Ports, uid: str) -> None:
    connection = connect(ports, uid)
    begin(ports, connection)
    removal, version = found(ports, uid)
    newer = ports.removals.update(removal.postponed(now=NOW), expected=version)
    with pytest.raises(Conflict):
        ports.removals.update(removal.emptied(), expected=version)
    with pytest.raises(Conflict):
        ports.removals.finish(removal, expected=version, audit=removal.finished(RemovalOutcome.REMOVED, now=NOW))
    assert found(ports, uid) == (removal.postponed(now=NOW), newer)
    assert ports.audited(uid) == ["connection_created", "removal_started"]


def test_only_what_is_due_is_found_longest_due_first(ports: Ports, uid: str) -> None:
    long_ago = NOW - timedelta(days=3650)
    names = ["a", "b", "c"]
    for n, name in enumerate(names):
        connection = connect(ports, uid, name)
        begin(ports, connection, due_at=[long_ago + timedelta(seconds=5), long_ago, NOW][n])
    theirs = [r.connection_id for r, _ in ports.removals.due(long_ago + timedelta(seconds=10), limit=10)]
    assert theirs == [f"{uid}b", f"{uid}a"]
    for name in names:  # leave nothing due for the scheduler runs of other tests
        removal, version = found(ports, f"{uid}{name}")
        ports.removals.finish(removal, expected=version, audit=removal.finished(RemovalOutcome.REMOVED, now=NOW))


def test_deleting_a_delivery_is_idempotent(ports: Ports, uid: str) -> None:
    ports.inbox.record(Delivery(f"d-{uid}", {}, NOW, uid))
    for _ in range(2):
        ports.inbox.forget(f"d-{uid}")
    assert ports.inbox.find(f"d-{uid}") is None


def test_an_exchange_that_became_no_connection_leaves_its_token_in_a_tombstone(ports: Ports, uid: str) -> None:
    intent = Intent(f"i-{uid}", uid, uid, NOW, "a", item_id="item", access_token=TOKEN)
    held = ports.intents.begin(intent)[:2]
    removal = Removal.of_exchange(intent, now=NOW)
    intent = replace(intent, attempt="b")
    newer = (intent, ports.intents.update(intent, expected=held[1]))
    with pytest.raises(Conflict):
        ports.removals.begin_exchange(removal, held, audit=removal.started(by=Actor.BACKEND))
    assert ports.removals.find(uid) is None
    ports.removals.begin_exchange(removal, newer, audit=removal.started(by=Actor.BACKEND))
    assert found(ports, uid)[0] == removal
    assert (removal.access_token, removal.reason) == (TOKEN, RemovalReason.ABANDONED)
    assert ports.intents.find(intent.intent_id) is None
    assert ports.intents.of_user(uid) == []
    assert ports.audited(uid) == ["removal_started"]


def test_removals_and_connections_are_found_by_their_user(ports: Ports, uid: str) -> None:
    for name in ("a", "b"):
        connect(ports, uid, name)
    connect(ports, f"{uid}-other")
    assert {c.connection_id for c in ports.connections.owned_by(uid)} == {f"{uid}a", f"{uid}b"}
    assert {i.intent_id for i, _ in ports.intents.of_user(uid)} == {f"intent-{uid}a", f"intent-{uid}b"}
    assert ports.removals.of_user(uid) == []
    begun = begin(ports, ports.connections.owned_by(uid)[0])
    assert ports.removals.of_user(uid) == [begun]
    assert len(ports.connections.owned_by(uid)) == 1
