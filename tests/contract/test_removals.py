"""What the stories rely on in the ports `Removals` and `Remains`: the same tests over the fakes and over Firestore."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulators.stack import Stack
from shared.adapters import firestore_remains
from shared.adapters.firestore_audit import FirestoreAudit
from shared.adapters.firestore_connections import FirestoreConnections
from shared.adapters.firestore_inbox import FirestoreInbox
from shared.adapters.firestore_intents import FirestoreIntents
from shared.adapters.firestore_remains import FirestoreRemains
from shared.adapters.firestore_removals import FirestoreRemovals
from shared.adapters.firestore_syncs import FirestoreSyncs
from shared.domain.audit import Actor, AuditAction, AuditEntry
from shared.domain.connection import BankConnection, SealedToken
from shared.domain.errors import Conflict
from shared.domain.exchange import Intent
from shared.domain.notification import NotificationKind, notification
from shared.domain.removal import Parting, Removal, RemovalReason
from shared.domain.sync_state import SyncState
from shared.ports import Connections, Delivery, Handover, Inbox, Intents, Remains, Removals, Syncs, Writes
from tests.fake_removals import FakeRemains, FakeRemovals
from tests.fakes import FakeInbox, FakeIntents, FakeStore, account, row

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
TOKEN = SealedToken(ciphertext="c", key_id="k")
NEWER = SealedToken(ciphertext="newer", key_id="k")


@dataclass
class Ports:
    removals: Removals
    remains: Remains
    connections: Connections
    syncs: Syncs
    intents: Intents
    inbox: Inbox
    replace_token: Callable[[str, SealedToken], object]
    notified: Callable[[str], int]
    audited: Callable[[str], list[str]]


def _fake() -> Ports:
    store = FakeStore()
    return Ports(
        FakeRemovals(store),
        FakeRemains(store),
        store,
        store,
        FakeIntents(store),
        FakeInbox(store),
        lambda connection_id, token: store.put_kept(store.kept[connection_id][0].replaced(token, now=NOW)),
        lambda uid: len(store.notifications),
        lambda uid: [str(entry.action) for entry in store.audit[uid]],
    )


def _firestore(client: Any) -> Ports:
    audit = FirestoreAudit(client, function="test", retention=timedelta(days=1))

    def entries(uid: str) -> list[str]:
        found = client.collection("bank_audit", uid, "bank_audit_entries").order_by("seq").stream()
        return [entry.get("action") for entry in found]

    return Ports(
        FirestoreRemovals(client, audit=audit),
        FirestoreRemains(client),
        FirestoreConnections(client, audit=audit),
        FirestoreSyncs(client, audit=audit),
        FirestoreIntents(client, audit=audit),
        FirestoreInbox(client),
        lambda connection_id, token: client.document("bank_credentials", connection_id).update(token.model_dump()),
        lambda uid: len(list(client.collection("users", uid, "bank_notifications").stream())),
        entries,
    )


@pytest.fixture(scope="module")
def firestore_client(stack: Stack) -> Iterator[Any]:
    from google.cloud import firestore

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", f"127.0.0.1:{stack.ports.firestore}")
        client = firestore.Client(project="demo-bank")
    yield client
    client.close()  # type: ignore[no-untyped-call]


@pytest.fixture(params=["fake", "firestore"])
def ports(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Ports:
    monkeypatch.setattr(firestore_remains, "DELETES_AT_ONCE", 3)
    return _fake() if request.param == "fake" else _firestore(request.getfixturevalue("firestore_client"))


@pytest.fixture
def uid() -> str:
    """Somebody of their own: contract tests share one store."""
    return f"contract-{uuid.uuid4().hex[:12]}"


def connect(ports: Ports, uid: str, name: str = "", *, institution_id: str = "ins_1") -> BankConnection:
    """A connection with something of everything."""
    connection_id = f"{uid}{name}"
    connection = BankConnection(
        connection_id=connection_id,
        app_user_id=uid,
        institution_id=institution_id,
        item_id=f"item-{connection_id}",
        account_ids=("checking",),
        created_at=NOW,
        updated_at=NOW,
    )
    intent = Intent(f"intent-{connection_id}", uid, connection_id, NOW, "a")
    _, version, _ = ports.intents.begin(intent)
    state = SyncState.new(connection_id=connection_id, app_user_id=uid, now=NOW)
    ports.connections.create(
        connection,
        token=TOKEN,
        accounts=[account()],
        state=state,
        settles=(Intent(**{**_fields(intent), "answer": {"connection_id": connection_id}}), version),
        audit=AuditEntry(app_user_id=uid, action=AuditAction.CONNECTION_CREATED, actor=Actor.USER, at=NOW),
        guard=ports.connections.guard(uid, institution_id=institution_id),
    )
    told = notification(
        NotificationKind.FIRST_SYNC_DONE,
        event_id=connection_id,
        connection_id=connection_id,
        bank=None,
        language=None,
        now=NOW,
    )
    writes = Writes(
        upserts=tuple(row(f"t{n}") for n in range(8)),
        notifications=(told,),
        handover=Handover(removed=(), successors={}),
    )
    loaded = ports.syncs.load(connection_id)
    assert loaded is not None
    ports.syncs.save(state.claim(now=NOW, owner="me"), expected=loaded.version, writes=writes)
    ports.inbox.record(Delivery(f"delivery-{connection_id}", {"x": 1}, NOW, connection_id, None))
    return connection


def _fields(intent: Intent) -> dict[str, Any]:
    return {name: getattr(intent, name) for name in Intent.__dataclass_fields__}


def of(connection: BankConnection, reason: RemovalReason = RemovalReason.USER, **changes: Any) -> Removal:
    return Removal.of(connection, token=None, reason=reason, now=NOW).model_copy(update=changes)


def begin(ports: Ports, connection: BankConnection, **changes: Any) -> Removal:
    removal = of(connection, **changes)
    return ports.removals.begin(removal, audit=removal.started(by=Actor.USER))


def found(ports: Ports, connection_id: str) -> tuple[Removal, object]:
    tombstone = ports.removals.find(connection_id)
    assert tombstone is not None
    return tombstone


def test_one_commit_takes_the_connection_away_and_keeps_its_token_in_the_tombstone(ports: Ports, uid: str) -> None:
    connection = connect(ports, uid)
    begun = begin(ports, connection)
    assert begun.access_token == TOKEN
    assert found(ports, uid)[0] == begun
    assert ports.connections.find(uid) is None
    assert ports.connections.credentials(uid) is None
    assert ports.syncs.load(uid) is None
    assert ports.syncs.handover(uid) is None
    assert ports.audited(uid) == ["connection_created", "removal_started"]


def test_no_commit_of_a_run_is_taken_any_more(ports: Ports, uid: str) -> None:
    connection = connect(ports, uid)
    loaded = ports.syncs.load(uid)
    assert loaded is not None
    begin(ports, connection)
    with pytest.raises(Conflict):
        ports.syncs.save(loaded.state, expected=loaded.version, writes=Writes(upserts=(row("late"),)))
    ports.remains.purge(found(ports, uid)[0])
    with pytest.raises(Conflict):
        ports.syncs.save(loaded.state, expected=loaded.version, writes=Writes(accounts=(account("late"),)))
    assert not ports.connections.describe(uid, {"institution_name": "late"})
    assert ports.syncs.transaction_ids(uid) == set()
    assert ports.connections.accounts_of(uid) == []
    assert ports.connections.find(uid) is None


def test_it_begins_once(ports: Ports, uid: str) -> None:
    connection = connect(ports, uid)
    begin(ports, connection)
    with pytest.raises(Conflict):
        begin(ports, connection)
    removal, version = found(ports, uid)
    ports.removals.finish(removal, expected=version, audit=removal.finished(Parting.REMOVED, now=NOW))
    assert ports.removals.find(uid) is None
    with pytest.raises(Conflict):
        begin(ports, connection)
    assert ports.audited(uid) == ["connection_created", "removal_started", "removal_done"]


def test_everything_of_the_connection_goes_and_nothing_else(ports: Ports, uid: str) -> None:
    connection, other = connect(ports, uid), connect(ports, uid, "-other")
    begin(ports, connection)
    removal, _ = found(ports, uid)
    for _ in range(2):  # twice is harmless
        ports.remains.purge(removal)
    assert ports.syncs.transaction_ids(uid) == set()
    assert ports.connections.accounts_of(uid) == []
    assert ports.inbox.find(f"delivery-{uid}") is None
    assert ports.intents.find(f"intent-{uid}") is None
    assert ports.notified(uid) == 1
    assert ports.connections.guard(uid, institution_id="ins_1") is not None
    kept = other.connection_id
    assert len(ports.syncs.transaction_ids(kept)) == 8
    assert ports.connections.accounts_of(kept) == [account()]
    assert ports.inbox.find(f"delivery-{kept}") is not None
    assert ports.intents.find(f"intent-{kept}") is not None
    begin(ports, other)
    ports.remains.purge(found(ports, kept)[0])
    assert ports.notified(uid) == 0
    assert ports.connections.guard(uid, institution_id="ins_1") is None


def test_an_answer_that_still_holds_a_token_stays(ports: Ports, uid: str) -> None:
    connection = connect(ports, uid)
    held = Intent(f"held-{uid}", uid, f"{uid}-x", NOW, "a", access_token=TOKEN, answer={"duplicate_of": uid})
    done = Intent(f"done-{uid}", uid, f"{uid}-y", NOW, "a", answer={"duplicate_of": uid})
    for intent in (held, done):
        ports.intents.begin(intent)
    begin(ports, connection)
    ports.remains.purge(found(ports, uid)[0])
    assert ports.intents.find(held.intent_id) is not None
    assert ports.intents.find(done.intent_id) is None


def test_a_revoked_connection_stays_without_its_data(ports: Ports, uid: str) -> None:
    connection = connect(ports, uid)
    removal = of(connection, RemovalReason.REVOKED, access_token=TOKEN)
    loaded = ports.syncs.load(uid)
    assert loaded is not None
    ports.syncs.save(loaded.state, expected=loaded.version, writes=Writes(removal=removal))
    ports.replace_token(uid, NEWER)
    taken, version = ports.removals.take_credentials(removal, expected=found(ports, uid)[1])
    assert taken.access_token == NEWER
    assert found(ports, uid) == (taken, version)
    assert ports.connections.credentials(uid) is None
    assert ports.removals.take_credentials(taken, expected=version) == (taken, version)
    ports.remains.purge(taken)
    assert ports.syncs.transaction_ids(uid) == set()
    assert ports.connections.accounts_of(uid) == []
    assert ports.syncs.handover(uid) is None
    stays = ports.connections.find(uid)
    assert stays is not None
    assert stays.account_ids == ()
    assert ports.notified(uid) == 1
    assert ports.connections.guard(uid, institution_id="ins_1") is not None
    assert ports.intents.find(f"intent-{uid}") is not None


def test_a_revoked_connection_can_be_removed_while_its_data_go(ports: Ports, uid: str) -> None:
    connection = connect(ports, uid)
    loaded = ports.syncs.load(uid)
    assert loaded is not None
    revoked = of(connection, RemovalReason.REVOKED, access_token=TOKEN, purged=True)
    ports.syncs.save(loaded.state, expected=loaded.version, writes=Writes(removal=revoked))
    taken, version = ports.removals.take_credentials(revoked, expected=found(ports, uid)[1])
    begun = begin(ports, connection)
    assert (begun.reason, begun.access_token, begun.purged) == (RemovalReason.USER, TOKEN, False)
    with pytest.raises(Conflict):
        ports.removals.update(taken, expected=version)
    assert ports.connections.find(uid) is None


def test_a_tombstone_is_changed_only_by_whoever_read_it_last(ports: Ports, uid: str) -> None:
    connection = connect(ports, uid)
    begin(ports, connection)
    removal, version = found(ports, uid)
    newer = ports.removals.update(removal.postponed(now=NOW), expected=version)
    with pytest.raises(Conflict):
        ports.removals.update(removal.emptied(), expected=version)
    with pytest.raises(Conflict):
        ports.removals.finish(removal, expected=version, audit=removal.finished(Parting.REMOVED, now=NOW))
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
    for name in names:  # leave nothing due for the schedule of other tests
        removal, version = found(ports, f"{uid}{name}")
        ports.removals.finish(removal, expected=version, audit=removal.finished(Parting.REMOVED, now=NOW))


def test_a_delivery_is_forgotten_there_or_not(ports: Ports, uid: str) -> None:
    ports.inbox.record(Delivery(f"d-{uid}", {}, NOW, uid))
    for _ in range(2):
        ports.inbox.forget(f"d-{uid}")
    assert ports.inbox.find(f"d-{uid}") is None
