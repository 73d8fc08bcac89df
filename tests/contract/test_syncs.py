"""The contract of the port `Syncs`: the same tests over the fake and over Firestore."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.firestore.connections import FirestoreConnections
from shared.adapters.firestore.exchange_intents import FirestoreIntents
from shared.adapters.firestore.syncs import FirestoreSyncs
from shared.domain.audit import Actor, AuditAction, AuditEntry, ChainedEntry
from shared.domain.connection import BankConnection, SealedToken
from shared.domain.errors import CommitTooLarge, Conflict
from shared.domain.exchange import Intent
from shared.domain.notification import Notification, NotificationKind
from shared.domain.progress import Stage, SyncCounts
from shared.domain.removal import Removal, RemovalReason
from shared.domain.set_aside import SetAsideRow
from shared.domain.sync_state import SyncState
from shared.ports import (
    AppendAudit,
    Connections,
    DeleteAccount,
    DeleteHandover,
    DeleteSetAside,
    Guards,
    Handover,
    Intents,
    Loaded,
    PutAccount,
    PutHandover,
    PutInstitutionGuard,
    PutNotification,
    PutRemoval,
    PutSetAside,
    RecordRun,
    Syncs,
    UpdateConnection,
    UpsertTransactions,
    Write,
)
from shared.usecases.sync.remove_rows import RowRemovals
from tests.fakes import FakeIntents, FakeStore, account, row

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@dataclass
class Ports:
    syncs: Syncs
    connections: Connections
    intents: Intents
    write_user: Callable[[str, str, dict[str, Any]], None]
    row: Callable[[str, str], dict[str, Any] | None]
    audit: Callable[[str], list[ChainedEntry]]  # of a user
    notification: Callable[[str], Any]  # by its id, which is the connection's here
    mark_read: Callable[[str], None]


def _fake() -> Ports:
    store = FakeStore()

    def write_user(connection_id: str, transaction_id: str, user: dict[str, Any]) -> None:
        fields = store.rows[connection_id][transaction_id]
        store.put_row(connection_id, transaction_id, {**fields, "user": user})

    def notification(name: str) -> Any:
        stored = store.notifications.get(name)
        return stored and {"title": stored.title, "read": stored.read_at is not None}

    def mark_read(name: str) -> None:
        store.notifications[name] = store.notifications[name].model_copy(update={"read_at": NOW})

    return Ports(
        store,
        store,
        FakeIntents(store),
        write_user,
        lambda c, t: store.rows[c].get(t),
        lambda user: store.audit.get(user, []),
        notification,
        mark_read,
    )


def _firestore(client: Any) -> Ports:
    def document(connection_id: str, transaction_id: str) -> Any:
        return client.document("bank_connections", connection_id, "bank_transactions", transaction_id)

    def entries(user: str) -> list[ChainedEntry]:
        found = client.collection("bank_audit", user, "bank_audit_entries").order_by("seq").stream()
        return [ChainedEntry.model_validate(snapshot.to_dict()) for snapshot in found]

    def stored(name: str) -> Any:
        return client.document("users", "alice", "bank_notifications", name)

    def notification(name: str) -> Any:
        fields = stored(name).get().to_dict()
        return fields and {"title": fields["title"], "read": fields.get("read_at") is not None}

    audit = FirestoreAudit(client, function="test", retention=timedelta(days=1))
    return Ports(
        FirestoreSyncs(client, audit=audit),
        FirestoreConnections(client, audit=audit),
        FirestoreIntents(client, audit=audit),
        lambda c, t, user: document(c, t).update({"user": user}) and None,
        lambda c, t: document(c, t).get().to_dict(),
        entries,
        notification,
        lambda name: stored(name).update({"read_at": NOW}) and None,
    )


@pytest.fixture(params=["fake", "firestore"])
def ports(request: pytest.FixtureRequest) -> Ports:
    return _fake() if request.param == "fake" else _firestore(request.getfixturevalue("firestore_client"))


@pytest.fixture
def name() -> str:
    return f"contract-{uuid.uuid4().hex[:12]}"


def repaired_notification(name: str) -> Notification:
    return Notification(
        notification_id=name,
        kind=NotificationKind.REPAIRED,
        connection_id=name,
        title="a title",
        body="a body",
        created_at=NOW,
    )


def created(connection_id: str) -> AuditEntry:
    return AuditEntry(
        app_user_id="alice",
        connection_id=connection_id,
        action=AuditAction.CONNECTION_CREATED,
        actor=Actor.USER,
        at=NOW,
    )


def connect(ports: Ports, name: str) -> Loaded:
    intent = Intent(f"intent-{name}", "alice", name, NOW, "a")
    _, version, new = ports.intents.begin(intent)
    assert new
    ports.connections.create(
        BankConnection(
            connection_id=name,
            app_user_id="alice",
            institution_id="ins_1",
            item_id=f"item-{name}",
            created_at=NOW,
            updated_at=NOW,
        ),
        token=SealedToken(ciphertext="c", key_id="k"),
        accounts=[account()],
        state=SyncState.new(connection_id=name, app_user_id="alice", now=NOW),
        settles=(intent, version),
        audit=created(name),
        guards=ports.connections.guards("alice", institution_id="ins_1"),
    )
    return loaded(ports, name)


def loaded(ports: Ports, name: str) -> Loaded:
    found = ports.syncs.load(name)
    assert found is not None
    return found


def test_connection_and_all_related_documents_exist_after_one_commit(ports: Ports, name: str) -> None:
    before = connect(ports, name)
    assert before.state == SyncState.new(connection_id=name, app_user_id="alice", now=NOW)
    assert ports.connections.of_item(f"item-{name}") == [ports.connections.find(name)]
    assert name in {one.connection_id for one in ports.connections.owned_by("alice")}
    assert ports.connections.accounts_of(name) == [account()]
    assert ports.connections.credentials(name) == SealedToken(ciphertext="c", key_id="k")


def test_missing_documents_are_none(ports: Ports, name: str) -> None:
    assert ports.syncs.load(name) is None
    assert ports.connections.find(name) is None
    assert ports.connections.of_item(name) == []
    assert ports.connections.credentials(name) is None
    assert not ports.connections.describe(name, {"institution_name": "x"})


def test_intent_is_stored_once_and_changed_only_by_its_last_reader(ports: Ports, name: str) -> None:
    intent = Intent(f"intent-{name}", "alice", name, NOW, "a")
    _, version, _ = ports.intents.begin(intent)
    stored, again, new = ports.intents.begin(Intent(f"intent-{name}", "bob", "x", NOW, "b"))
    assert (stored, new) == (intent, False)
    changed = Intent(f"intent-{name}", "alice", name, NOW, "", answer={"connection_id": name})
    newer = ports.intents.update(changed, expected=again)
    with pytest.raises(Conflict):
        ports.intents.update(intent, expected=version)
    with pytest.raises(Conflict):
        ports.intents.forget(intent.intent_id, expected=version)
    found = ports.intents.find(intent.intent_id)
    assert found is not None
    assert found[0] == changed
    ports.intents.forget(intent.intent_id, expected=newer)
    assert ports.intents.find(intent.intent_id) is None


def test_a_connection_is_not_created_under_an_intent_that_changed(ports: Ports, name: str) -> None:
    connect(ports, name)
    intent = Intent(f"intent-{name}", "alice", name, NOW, "a")
    _, version, _ = ports.intents.begin(intent)
    connection = ports.connections.find(name)
    assert connection is not None
    token = SealedToken(ciphertext="other", key_id="k")
    state = SyncState.new(connection_id=name, app_user_id="alice", now=NOW)
    with pytest.raises(Conflict):
        ports.connections.create(
            connection,
            token=token,
            accounts=[],
            state=state,
            settles=(intent, version),
            audit=created(name),
            guards=ports.connections.guards("alice", institution_id="ins_1"),
        )
    assert ports.connections.credentials(name) != token


def test_concurrent_connections_to_one_bank_conflict(ports: Ports, name: str) -> None:
    assert ports.connections.guards(name, institution_id="ins_1").institution is None

    def create(number: int, guards: Guards) -> None:
        one = f"{name}-{number}"
        intent = Intent(f"intent-{one}", name, one, NOW, "a")
        _, version, _ = ports.intents.begin(intent)
        ports.connections.create(
            BankConnection(
                connection_id=one,
                app_user_id=name,
                institution_id="ins_1",
                item_id=f"item-{one}",
                created_at=NOW,
                updated_at=NOW,
            ),
            token=SealedToken(ciphertext="c", key_id="k"),
            accounts=[],
            state=SyncState.new(connection_id=one, app_user_id=name, now=NOW),
            settles=(intent, version),
            audit=created(one).model_copy(update={"app_user_id": name}),
            guards=guards,
        )

    none_yet = ports.connections.guards(name, institution_id="ins_1")
    create(1, none_yet)
    with pytest.raises(Conflict):
        create(2, none_yet)
    create(3, ports.connections.guards(name, institution_id="ins_1"))
    assert len(ports.connections.owned_by(name)) == 2


def test_connection_that_moves_to_another_bank_conflicts_with_exchanges_there(ports: Ports, name: str) -> None:
    before = connect(ports, name)
    bank = f"ins/{name}"  # an institution that only this test knows
    assert ports.connections.guards("alice", institution_id=bank).institution is None
    moved = before.state.moved_to(bank, now=NOW)
    changes = {"institution_id": bank, "institution_name": "New", "institution": None}
    ports.syncs.save(moved, expected=before.version, writes=[UpdateConnection(changes), PutInstitutionGuard(bank)])
    first = ports.connections.guards("alice", institution_id=bank).institution
    assert first is not None
    found = ports.connections.find(name)
    assert found is not None
    assert found.institution_id == bank
    again = loaded(ports, name)
    assert again.state == moved
    later = again.state.moved_to(bank, now=NOW + timedelta(minutes=1))
    ports.syncs.save(later, expected=again.version, writes=[PutInstitutionGuard(bank)])
    assert ports.connections.guards("alice", institution_id=bank).institution != first


def test_a_state_is_read_as_it_was_written(ports: Ports, name: str) -> None:
    before = connect(ports, name)
    state = before.state.claim(now=NOW, owner="me").advance(
        now=NOW, stage=Stage.WRITING, counts=SyncCounts(added=3), streaming=True
    )
    ports.syncs.save(state, expected=before.version)
    assert loaded(ports, name).state == state


def test_second_writer_is_refused_and_writes_nothing(ports: Ports, name: str) -> None:
    before = connect(ports, name)
    first = before.state.claim(now=NOW, owner="first")
    second = before.state.claim(now=NOW, owner="second")
    ports.syncs.save(first, expected=before.version)
    with pytest.raises(Conflict):
        ports.syncs.save(second, expected=before.version, writes=[UpsertTransactions((row("t1"),))])
    assert loaded(ports, name).state == first
    assert ports.row(name, "t1") is None


def test_each_commit_answers_with_the_version_that_the_next_one_compares(ports: Ports, name: str) -> None:
    before = connect(ports, name)
    version, state = before.version, before.state.claim(now=NOW, owner="me")
    for _ in range(3):
        version = ports.syncs.save(state, expected=version)
        state = state.advance(now=NOW, stage=Stage.FETCHING)
    with pytest.raises(Conflict):
        ports.syncs.save(state, expected=before.version)


def test_rows_are_written_marked_and_removed(ports: Ports, name: str) -> None:
    before = connect(ports, name)
    state = before.state.claim(now=NOW, owner="me")
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    special = row("t2", datetime=at, counterparties=[{"name": "Bob", "confidence": 0.5}], location={"lat": 1.5})
    version = ports.syncs.save(
        state, expected=before.version, writes=[UpsertTransactions((row("t1"), special), marked=frozenset({"t1"}))]
    )
    stored = ports.row(name, "t2")
    assert stored is not None
    assert {k: stored[k] for k in special} == special
    assert ports.syncs.marked(name, [1]) == {"t1"}
    assert ports.syncs.marked(name, [2, *range(5, 50)]) == set()
    assert ports.syncs.transaction_ids(name) == {"t1", "t2"}
    state = state.advance(now=NOW, stage=Stage.WRITING)
    going = RowRemovals.plan(name, ["t2", "never-there"], successors={}, syncs=ports.syncs)
    ports.syncs.save(state, expected=version, writes=going.writes(UpsertTransactions((row("t1"),))))
    assert ports.syncs.marked(name, [1]) == set(), "a row that is sent again unmarked loses its mark"
    assert ports.syncs.transaction_ids(name) == {"t1"}


def test_what_users_write_is_never_touched_by_an_upsert(ports: Ports, name: str) -> None:
    before = connect(ports, name)
    state = before.state.claim(now=NOW, owner="me")
    version = ports.syncs.save(state, expected=before.version, writes=[UpsertTransactions((row("t1"),))])
    ports.write_user(name, "t1", {"note": "mine"})
    state = state.advance(now=NOW, stage=Stage.WRITING)
    ports.syncs.save(state, expected=version, writes=[UpsertTransactions((row("t1", name="changed"),))])
    stored = ports.row(name, "t1")
    assert stored is not None
    assert (stored["name"], stored["user"]) == ("changed", {"note": "mine"})


def test_note_is_inherited_unless_it_is_written_at_that_moment(ports: Ports, name: str) -> None:
    before = connect(ports, name)
    state = before.state.claim(now=NOW, owner="me")
    pending = (row("p1", pending=True), row("p2", pending=True), row("p3", pending=True), row("t3"))
    version = ports.syncs.save(state, expected=before.version, writes=[UpsertTransactions(pending)])
    ports.write_user(name, "p1", {"note": "old"})
    ports.write_user(name, "p3", {"note": "pending"})
    ports.write_user(name, "t3", {"note": "posted"})
    successors = {"p1": "t1", "p2": "t2", "p3": "t3", "unknown": "t4"}
    going = RowRemovals.plan(name, successors, successors=successors, syncs=ports.syncs)
    assert {i: (stored.note, going.heirs.get(i)) for i, stored in going.rows.items()} == {
        "p1": ({"note": "old"}, "t1"),
        "p2": (None, None),  # there is no note to inherit
        "p3": ({"note": "pending"}, None),  # the replacing row has a note of its own
    }
    assert [i for i, _ in going.lost_notes()] == ["p3"]
    upserts = UpsertTransactions((row("t1"), row("t2")))
    posted = going.writes(upserts)
    ports.write_user(name, "p1", {"note": "new"})
    state = state.advance(now=NOW, stage=Stage.WRITING)
    with pytest.raises(Conflict):
        ports.syncs.save(state, expected=version, writes=posted)
    assert ports.row(name, "t1") is None
    going = RowRemovals.plan(name, successors, successors=successors, syncs=ports.syncs)
    ports.syncs.save(state, expected=version, writes=going.writes(upserts))
    found = {i: (ports.row(name, i) or {}).get("user") for i in ("t1", "t2", "t3")}
    assert found == {"t1": {"note": "new"}, "t2": None, "t3": {"note": "posted"}}
    assert ports.syncs.transaction_ids(name) == {"t1", "t2", "t3"}


def test_late_note_on_the_replacing_row_is_not_overwritten(ports: Ports, name: str) -> None:
    before = connect(ports, name)
    state = before.state.claim(now=NOW, owner="me")
    there = (row("p1", pending=True), row("t1"))
    version = ports.syncs.save(state, expected=before.version, writes=[UpsertTransactions(there)])
    ports.write_user(name, "p1", {"note": "old"})
    going = RowRemovals.plan(name, ["p1"], successors={"p1": "t1"}, syncs=ports.syncs)
    ports.write_user(name, "t1", {"note": "late"})
    state = state.advance(now=NOW, stage=Stage.WRITING)
    again = going.writes(UpsertTransactions((row("t1", name="booked"),)))
    with pytest.raises(Conflict):
        ports.syncs.save(state, expected=version, writes=again)
    assert (ports.row(name, "t1") or {})["user"] == {"note": "late"}
    assert ports.row(name, "p1") is not None


def test_note_creates_no_row(ports: Ports, name: str) -> None:
    """The row that would get the note was skipped at the last moment, because its account was removed."""
    before = connect(ports, name)
    state = before.state.claim(now=NOW, owner="me")
    version = ports.syncs.save(state, expected=before.version, writes=[UpsertTransactions((row("p1", pending=True),))])
    ports.write_user(name, "p1", {"note": "mine"})
    going = RowRemovals.plan(name, ["p1"], successors={"p1": "t1"}, syncs=ports.syncs)
    ports.syncs.save(state.advance(now=NOW, stage=Stage.WRITING), expected=version, writes=going.writes())
    assert ports.syncs.transaction_ids(name) == set()


def test_row_inherits_the_notes_of_one_row_even_while_it_changes(ports: Ports, name: str) -> None:
    before = connect(ports, name)
    state = before.state.claim(now=NOW, owner="me")
    there = (row("p1", pending=True), row("p2", pending=True), row("t1"))
    version = ports.syncs.save(state, expected=before.version, writes=[UpsertTransactions(there)])
    ports.write_user(name, "p1", {"note": "first"})
    ports.write_user(name, "p2", {"note": "second"})
    going = RowRemovals.plan(name, ["p1", "p2"], successors={"p1": "t1", "p2": "t1"}, syncs=ports.syncs)
    assert going.heirs == {"p1": "t1"}
    assert [(i, stored.note) for i, stored in going.lost_notes()] == [("p2", {"note": "second"})]
    state = state.advance(now=NOW, stage=Stage.WRITING)
    ports.syncs.save(state, expected=version, writes=going.writes(UpsertTransactions((row("t1", name="booked"),))))
    stored = ports.row(name, "t1")
    assert stored is not None
    assert (stored["name"], stored["user"]) == ("booked", {"note": "first"})
    assert ports.syncs.transaction_ids(name) == {"t1"}


def test_unchanged_stored_rows_are_recognized(ports: Ports, name: str) -> None:
    before = connect(ports, name)
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    full = row("t1", datetime=at, counterparties=[{"name": "Bob", "confidence": 0.1}], location={"lat": 40.740352})
    rows = (full, row("t2"), row("t3"))
    state = before.state.claim(now=NOW, owner="me")
    ports.syncs.save(state, expected=before.version, writes=[UpsertTransactions(rows, marked=frozenset({"t3"}))])
    ports.write_user(name, "t1", {"note": "mine"})
    asked = [full, row("t2", name="changed"), row("t3"), row("t4")]
    dirty = [state.run]
    assert ports.syncs.unchanged(name, asked, dirty=dirty) == {"t1"}, "changed, suspect and missing ones are written"
    assert ports.syncs.unchanged(name, asked, dirty=[]) == {"t1", "t3"}, "a completed run leaves no mark"


def test_row_treated_as_new_keeps_its_users_note(ports: Ports, name: str) -> None:
    before = connect(ports, name)
    state = before.state.claim(now=NOW, owner="me")
    writes: list[Write] = [UpsertTransactions((row("t1"),), marked=frozenset({"t1"}), new=frozenset({"t1"}))]
    version = ports.syncs.save(state, expected=before.version, writes=writes)
    ports.write_user(name, "t1", {"note": "mine"})
    rows = (row("t1", name="changed"), row("t2"))
    state = state.advance(now=NOW, stage=Stage.WRITING)
    again: list[Write] = [UpsertTransactions(rows, new=frozenset({"t1", "t2"}))]
    ports.syncs.save(state, expected=version, writes=again)
    stored = ports.row(name, "t1") or {}
    assert (stored["name"], stored["user"], stored.get("run")) == ("changed", {"note": "mine"}, None)
    assert ports.syncs.transaction_ids(name) == {"t1", "t2"}
    with pytest.raises(Conflict):
        ports.syncs.save(state, expected=version, writes=again)


def test_a_handover_is_kept_until_it_ends(ports: Ports, name: str) -> None:
    before = connect(ports, name)
    assert ports.syncs.handover(name) is None
    left = Handover(removed=("t1",), successors={"p1": "t2"}, cursors=bytes(range(16)))
    state = before.state.claim(now=NOW, owner="me")
    version = ports.syncs.save(state, expected=before.version, writes=[PutHandover(left)])
    assert ports.syncs.handover(name) == left
    state = state.advance(now=NOW, stage=Stage.FETCHING)
    ports.syncs.save(state, expected=version, writes=[DeleteHandover()])
    assert ports.syncs.handover(name) is None


def test_unusable_rows_stay_recorded_until_they_are_removed(ports: Ports, name: str) -> None:
    before = connect(ports, name)
    other = f"{name}-other"
    connect(ports, other)
    run = before.state.claim(now=NOW, owner="me")
    odd = [SetAsideRow.of({"transaction_id": i, "account_id": "checking"}, field="amount") for i in ("t1", "a/b", "")]
    version = ports.syncs.save(run, expected=before.version, writes=[*(PutSetAside(one) for one in tuple(odd))])
    kept = ports.syncs.set_aside(name)
    assert kept == sorted((replace(one, run=run.run) for one in odd), key=lambda one: one.key)
    assert ports.syncs.set_aside(other) == []
    again: list[Write] = [PutSetAside(odd[0]), DeleteSetAside(odd[1].key), DeleteSetAside("never there")]
    ports.syncs.save(run.restart(now=NOW), expected=version, writes=again)
    assert {(one.transaction_id, one.run) for one in ports.syncs.set_aside(name)} == {("t1", 2), (None, 1)}


def test_missing_accounts_are_removed(ports: Ports, name: str) -> None:
    before = connect(ports, name)
    state = before.state.claim(now=NOW, owner="me")
    writes: list[Write] = [PutAccount(account("savings")), DeleteAccount("checking")]
    ports.syncs.save(state, expected=before.version, writes=writes)
    assert [a["account_id"] for a in ports.connections.accounts_of(name)] == ["savings"]


def test_the_connection_is_described_in_the_same_commit(ports: Ports, name: str) -> None:
    before = connect(ports, name)
    state = before.state.claim(now=NOW, owner="me")
    writes: list[Write] = [
        PutAccount(account("savings")),
        UpdateConnection({"last_sync": NOW, "account_ids": ["savings"]}),
    ]
    ports.syncs.save(state, expected=before.version, writes=writes)
    connection = ports.connections.find(name)
    assert connection is not None
    assert (connection.last_sync, connection.account_ids) == (NOW, ("savings",))
    assert connection.item_id == f"item-{name}"


def test_status_and_all_related_writes_are_one_commit(ports: Ports, name: str) -> None:
    before = connect(ports, name)
    entry = created(name).model_copy(update={"action": AuditAction.STATUS_CHANGED, "app_user_id": name})
    connection = ports.connections.find(name)
    assert connection is not None
    writes: list[Write] = [
        PutNotification(repaired_notification(name)),
        UpdateConnection({"status": "error", "error_code": "USER_PERMISSION_REVOKED"}),
        PutRemoval(Removal.of(connection, token=None, reason=RemovalReason.REVOKED, now=NOW)),
        AppendAudit((entry, entry)),
    ]
    ports.syncs.save(before.state.touched(), expected=before.version)
    with pytest.raises(Conflict):
        ports.syncs.save(before.state, expected=before.version, writes=writes)
    assert ports.audit(name) == []
    assert ports.notification(name) is None
    ports.syncs.save(before.state, expected=loaded(ports, name).version, writes=writes)
    changed = ports.connections.find(name)
    assert changed is not None
    assert changed.status == "error"
    assert ports.notification(name) == {"title": "a title", "read": False}
    first, second = ports.audit(name)
    assert (first.seq, second.seq, second.previous) == (1, 2, first.hash)
    assert (first.digest(), second.digest()) == (first.hash, second.hash)


def test_a_state_that_does_not_change_keeps_its_version(ports: Ports, name: str) -> None:
    before = connect(ports, name)
    ports.syncs.save(before.state, expected=before.version)
    assert loaded(ports, name).version == before.version


def test_repeated_notification_keeps_its_read_mark(ports: Ports, name: str) -> None:
    before = connect(ports, name)
    put = PutNotification(repaired_notification(name))
    version = ports.syncs.save(before.state, expected=before.version, writes=[put])
    ports.mark_read(name)
    ports.syncs.save(before.state, expected=version, writes=[put])
    assert ports.notification(name) == {"title": "a title", "read": True}


def test_existing_notifications_are_found(ports: Ports, name: str) -> None:
    before = connect(ports, name)
    news = repaired_notification(name)
    assert not ports.connections.was_told("alice", news.notification_id)
    ports.syncs.save(before.state, expected=before.version, writes=[PutNotification(news)])
    assert ports.connections.was_told("alice", news.notification_id)
    assert not ports.connections.was_told("alice", "another")


def test_the_rows_of_an_account_are_found(ports: Ports, name: str) -> None:
    before = connect(ports, name)
    rows = (row("t1"), row("t2", account_id="savings"), row("t3", account_id="savings"))
    ports.syncs.save(before.state, expected=before.version, writes=[UpsertTransactions(rows)])
    assert ports.syncs.rows_of(name, "savings") == {"t2", "t3"}
    assert ports.syncs.rows_of(name, "nothing") == set()


def test_completed_runs_are_recorded_once_and_in_order(ports: Ports, name: str) -> None:
    loaded_, version = connect(ports, name).state, loaded(ports, name).version
    for run in (1, 2):
        state = loaded_.claim(now=NOW, owner="me").advance(now=NOW, stage=Stage.WRITING, counts=SyncCounts(added=run))
        loaded_ = state.complete(now=NOW, cursor="c", history_complete=True).request(now=NOW, trace=f"trace-{run}")
        done = state.complete(now=NOW, cursor="c", history_complete=True)
        version = ports.syncs.save(done, expected=version, writes=[RecordRun()])
        version = ports.syncs.save(done.touched(), expected=version, writes=[RecordRun()])
        version = ports.syncs.save(loaded_, expected=version)
    first, second = ports.syncs.runs(name)
    assert (first.run, first.status, first.added, first.trace) == (1, "completed", 1, None)
    assert (second.run, second.added, second.trace) == (2, 2, "trace-1")
    assert ports.syncs.runs(f"{name}-other") == []


def test_connections_to_an_institution_are_found(ports: Ports, name: str) -> None:
    connect(ports, name)
    found = ports.connections.find(name)
    assert found is not None
    ports.connections.describe(name, {"institution_id": f"ins-{name}"})
    assert ports.connections.at_institution(f"ins-{name}") == [name]
    assert ports.connections.at_institution(f"ins-{name}-other") == []


def test_connections_are_read_in_pages(ports: Ports, name: str) -> None:
    for number in range(3):
        connect(ports, f"{name}-{number}")
    first = ports.connections.page(after=f"{name}-", limit=2)
    assert first == [(f"{name}-0", "alice"), (f"{name}-1", "alice")]
    assert ports.connections.page(after=f"{name}-1", limit=1) == [(f"{name}-2", "alice")]


def test_only_what_is_due_is_found_longest_due_first(ports: Ports, name: str) -> None:
    long_ago = NOW - timedelta(days=3650)
    names = [f"{name}-{n}" for n in range(3)]
    for n, one in enumerate(names):
        before = connect(ports, one)
        due_at = [long_ago + timedelta(seconds=9), long_ago, None][n]
        ports.syncs.save(before.state.model_copy(update={"due_at": due_at}), expected=before.version)
    found = ports.syncs.due(long_ago + timedelta(seconds=10), limit=10)
    assert [f.state.connection_id for f in found if f.state.connection_id in names] == [names[1], names[0]]
    assert len(ports.syncs.due(long_ago + timedelta(seconds=10), limit=1)) == 1
    for one in names[:2]:  # leave nothing due for the scheduler runs of other tests
        now = loaded(ports, one)
        ports.syncs.save(now.state.model_copy(update={"due_at": None}), expected=now.version)


def test_a_commit_that_is_too_large_is_refused_before_anything_is_written(firestore_client: Any, name: str) -> None:
    ports = _firestore(firestore_client)
    before = connect(ports, name)
    rows = tuple(row(f"t{n}", name="x" * 10_000) for n in range(450))
    with pytest.raises(CommitTooLarge):
        ports.syncs.save(
            before.state.claim(now=NOW, owner="me"), expected=before.version, writes=[UpsertTransactions(rows)]
        )
    assert loaded(ports, name) == before
