"""The contract of the port `HistoryMoves`: the same tests over the fake and over Firestore."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest

from shared.domain.audit import Actor
from shared.domain.errors import Conflict
from shared.domain.history_move import ArchivedTransaction, HistoryMove, MoveState
from shared.domain.kept_note import note_kept
from shared.domain.notification import NotificationKind, notification
from shared.domain.removal import Removal, RemovalReason
from shared.ports import ArchiveRow, DropRow, EndedMove, MovableRow, MoveNote, MoveStep, PutNotification, PutRemoval
from tests.contract.removal_ports import NOW, Ports, connect, fake, firestore
from tests.fakes import row

NOTE: dict[str, Any] = {"note": "n", "tags": ["a"]}


@pytest.fixture(params=["fake", "firestore"])
def ports(request: pytest.FixtureRequest) -> Ports:
    return fake() if request.param == "fake" else firestore(request.getfixturevalue("firestore_client"))


@pytest.fixture
def uid() -> str:
    """A new user per test, because contract tests share one store."""
    return f"contract-{uuid.uuid4().hex[:12]}"


def begun(ports: Ports, uid: str) -> HistoryMove:
    """Two connections with eight equal rows, of which the newer one replaces the older one."""
    connect(ports, uid, "-old")
    move = HistoryMove.new(
        connection_id=f"{uid}-new", from_connection_id=f"{uid}-old", app_user_id=uid, asked=False, now=NOW
    )
    connect(ports, uid, "-new", move=move)
    return move


def found(ports: Ports, uid: str) -> tuple[HistoryMove, object]:
    record = ports.moves.find(f"{uid}-new")
    assert record is not None
    return record


def rows(ports: Ports, connection_id: str) -> dict[str, MovableRow]:
    return {one.row.transaction_id: one for one in ports.moves.rows(connection_id)}


def archived(transaction_id: str, source: str) -> ArchivedTransaction:
    fields: Any = {**row(transaction_id), "user": NOTE, "archived_at": NOW, "from_connection_id": source}
    return cast("ArchivedTransaction", {**fields, "moved_to": None})


def ended(ports: Ports, uid: str, **changes: Any) -> EndedMove:
    move, version = found(ports, uid)
    news = notification(
        NotificationKind.HISTORY_MOVED,
        event_id=uid,
        connection_id=move.connection_id,
        bank=None,
        language=None,
        now=NOW,
        moved="1",
        archived="2",
    )
    fields = {"replaces": None, "history_moved": {"moved": 1, "archived": 2, "at": NOW}}
    plain = EndedMove(move=move, expected=version, fields=fields, audit=(move.ended(now=NOW),), notification=news)
    return replace(plain, **changes)


def test_move_is_created_with_its_connection_and_found_when_it_is_due(ports: Ports, uid: str) -> None:
    move = begun(ports, uid)
    assert found(ports, uid)[0] == move
    assert move.connection_id not in [one.connection_id for one, _ in ports.moves.due(NOW, limit=1000)]
    later = ports.moves.due(move.due_at + timedelta(seconds=1), limit=1000)
    assert move in [one for one, _ in later]
    assert ports.moves.find(f"{uid}-old") is None


def test_record_is_updated_only_if_it_is_unchanged(ports: Ports, uid: str) -> None:
    move = begun(ports, uid)
    _, version = found(ports, uid)
    ports.moves.update(move.queued(now=NOW), expected=version)
    with pytest.raises(Conflict):
        ports.moves.update(move, expected=version)
    assert found(ports, uid)[0].attempts == 1


def test_rows_have_the_compared_fields_and_the_note(ports: Ports, uid: str) -> None:
    begun(ports, uid)
    ports.write_note(f"{uid}-old", "t1", NOTE)
    ports.write_note(f"{uid}-old", "t2", {"hidden": False, "note": ""})
    there = rows(ports, f"{uid}-old")
    assert there.keys() == {f"t{n}" for n in range(8)}
    one = there["t1"].row
    assert (one.account_id, one.date, one.amount, one.currency, one.name) == (
        "checking",
        "2026-02-01",
        "12.34",
        "USD",
        "Coffee",
    )
    assert one.note == NOTE
    assert there["t2"].row.note is None
    full = ports.moves.full_rows(f"{uid}-old", ["t1", "unknown"])
    assert full.keys() == {"t1"}
    assert full["t1"][0]["user"] == NOTE
    assert full["t1"][1] == there["t1"].version


def test_one_commit_moves_archives_and_drops_rows(ports: Ports, uid: str) -> None:
    move = begun(ports, uid)
    old, new = f"{uid}-old", f"{uid}-new"
    ports.write_note(old, "t1", NOTE)
    there, theirs = rows(ports, old), rows(ports, new)
    steps: list[MoveStep] = [
        MoveNote(there["t1"], theirs["t3"]),
        ArchiveRow(archived("t2", old), there["t2"].version),
        DropRow(there["t4"]),
    ]
    _, version = found(ports, uid)
    ports.moves.transfer(move.progressed(moved=1, archived=1), expected=version, steps=steps)
    assert rows(ports, old).keys() == {"t0", "t3", "t5", "t6", "t7"}
    assert {i: one.row.note for i, one in rows(ports, new).items() if one.row.note} == {"t3": NOTE}
    [kept] = ports.moves.archive(new)
    assert kept.fields == {**archived("t2", old), "connection_id": new, "app_user_id": uid}
    assert ports.moves.archive(old) == []
    record = found(ports, uid)[0]
    assert (record.state, record.moved, record.archived) == (MoveState.MOVING, 1, 1)


@pytest.mark.parametrize("changed", ["old", "new"])
def test_step_is_refused_if_a_user_wrote_on_either_row(ports: Ports, uid: str, changed: str) -> None:
    move = begun(ports, uid)
    ports.write_note(f"{uid}-old", "t1", NOTE)
    there, theirs = rows(ports, f"{uid}-old"), rows(ports, f"{uid}-new")
    ports.write_note(f"{uid}-{changed}", "t1", {"note": "meanwhile"})
    _, version = found(ports, uid)
    refused: tuple[list[MoveStep], ...] = (
        [DropRow(there["t0"]), MoveNote(there["t1"], theirs["t1"])],
        [DropRow(there["t1"])] if changed == "old" else [MoveNote(there["t2"], theirs["t1"])],
    )
    for steps in refused:
        with pytest.raises(Conflict):
            ports.moves.transfer(move, expected=version, steps=steps)
    assert len(rows(ports, f"{uid}-old")) == 8
    assert found(ports, uid)[1] == version


def test_step_is_refused_if_the_record_changed_or_a_row_is_gone(ports: Ports, uid: str) -> None:
    move = begun(ports, uid)
    there, theirs = rows(ports, f"{uid}-old"), rows(ports, f"{uid}-new")
    _, version = found(ports, uid)
    newer = ports.moves.transfer(move.progressed(moved=0, archived=0), expected=version, steps=[DropRow(there["t0"])])
    with pytest.raises(Conflict):
        ports.moves.transfer(move, expected=version, steps=[DropRow(there["t1"])])
    for step in (DropRow(there["t0"]), MoveNote(there["t0"], theirs["t0"])):
        with pytest.raises(Conflict):
            ports.moves.transfer(move, expected=newer, steps=[step])


def test_archive_of_the_old_connection_moves_along(ports: Ports, uid: str) -> None:
    move = begun(ports, uid)
    first, second, third = f"{uid}-old", f"{uid}-new", f"{uid}-third"
    there = rows(ports, first)
    step = ArchiveRow(archived("t2", first), there["t2"].version)
    ports.moves.transfer(move, expected=found(ports, uid)[1], steps=[step])
    again = move.model_copy(update={"from_connection_id": second, "connection_id": third})
    connect(ports, uid, "-third", move=again)
    [kept] = ports.moves.archive(second)
    record = ports.moves.find(third)
    assert record is not None
    for wrong in (there["t2"].version, rows(ports, second)["t2"].version):
        with pytest.raises(Conflict):
            ports.moves.transfer(again, expected=record[1], steps=[ArchiveRow(kept.fields, wrong, from_archive=True)])
    carried = ArchiveRow(kept.fields, kept.version, from_archive=True)
    ports.moves.transfer(again, expected=record[1], steps=[carried])
    assert ports.moves.archive(second) == []
    [carried_over] = ports.moves.archive(third)
    assert carried_over.fields == {**kept.fields, "connection_id": third}


def test_notifications_that_hold_notes_survive_the_removal_of_the_old_connection(ports: Ports, uid: str) -> None:
    move = begun(ports, uid)
    old, loaded = ports.connections.find(f"{uid}-old"), ports.syncs.load(f"{uid}-old")
    assert old is not None
    assert loaded is not None
    version = found(ports, uid)[1]
    assert ports.moves.keep_saved_notes(move, expected=version) == version, "nothing to keep"
    news = note_kept(
        connection_id=old.connection_id, transaction_id=f"gone-{uid}", label="Coffee", notes={"note": "n"}, now=NOW
    )
    assert news is not None
    ports.syncs.save(loaded.state.touched(), expected=loaded.version, writes=[PutNotification(news)])
    move = move.queued(now=NOW)
    current = ports.moves.update(move, expected=version)
    with pytest.raises(Conflict):
        ports.moves.keep_saved_notes(move, expected=version)
    newer = ports.moves.keep_saved_notes(move, expected=current)
    assert found(ports, uid) == (move, newer)
    before = ports.notified(uid)
    ports.connection_data.purge(Removal.of(old, token=None, reason=RemovalReason.REPLACED, now=NOW))
    assert ports.notified(uid) == before - 1, "the old connection's other notification"
    assert ports.connections.was_told(uid, news.notification_id)


def test_connection_is_empty_without_rows_and_archive(ports: Ports, uid: str) -> None:
    move = begun(ports, uid)
    assert not ports.moves.is_empty(f"{uid}-old")
    assert ports.moves.is_empty(f"{uid}-unknown")
    _, version = found(ports, uid)
    steps = [DropRow(one) for one in ports.moves.rows(f"{uid}-old")]
    ports.moves.transfer(move, expected=version, steps=steps)
    assert ports.moves.is_empty(f"{uid}-old")


def test_last_commit_removes_the_old_connection_and_the_record(ports: Ports, uid: str) -> None:
    begun(ports, uid)
    old = ports.connections.find(f"{uid}-old")
    loaded = ports.syncs.load(f"{uid}-old")
    assert old is not None
    assert loaded is not None
    notified = ports.notified(uid)
    removal = Removal.of(old, token=None, reason=RemovalReason.REPLACED, now=NOW)
    audit = removal.started(by=Actor.BACKEND)
    ports.removals.begin(removal, audit=audit, move=ended(ports, uid), state=loaded.version)
    assert ports.moves.find(f"{uid}-new") is None
    assert ports.connections.find(f"{uid}-old") is None
    new = ports.connections.find(f"{uid}-new")
    assert new is not None
    assert new.history_moved is not None
    assert (new.replaces, new.history_moved.moved, new.history_moved.archived) == (None, 1, 2)
    assert ports.notified(uid) == notified + 1
    assert ports.audited(uid)[-2:] == ["removal_started", "history_moved"]


def test_last_commit_is_refused_if_the_record_or_the_old_sync_state_changed(ports: Ports, uid: str) -> None:
    move = begun(ports, uid)
    old, loaded = ports.connections.find(f"{uid}-old"), ports.syncs.load(f"{uid}-old")
    assert old is not None
    assert loaded is not None
    removal = Removal.of(old, token=None, reason=RemovalReason.REPLACED, now=NOW)
    audit = removal.started(by=Actor.BACKEND)
    stale = ended(ports, uid)
    ports.moves.update(move.queued(now=NOW), expected=stale.expected)
    with pytest.raises(Conflict):
        ports.removals.begin(removal, audit=audit, move=stale, state=loaded.version)
    ports.syncs.save(loaded.state.touched(), expected=loaded.version)
    with pytest.raises(Conflict):
        ports.removals.begin(removal, audit=audit, move=ended(ports, uid), state=loaded.version)
    assert ports.connections.find(f"{uid}-old") is not None
    assert ports.audited(uid)[-1] == "connection_created"


def test_move_ends_without_a_removal_or_continues_with_an_older_connection(ports: Ports, uid: str) -> None:
    move = begun(ports, uid)
    older = move.model_copy(update={"from_connection_id": "older"})
    ports.moves.end(ended(ports, uid, continues=older, fields={"replaces": "older"}))
    assert found(ports, uid)[0] == older
    ports.moves.end(ended(ports, uid))
    assert ports.moves.find(f"{uid}-new") is None
    new = ports.connections.find(f"{uid}-new")
    assert new is not None
    assert new.replaces is None
    assert ports.connections.find(f"{uid}-old") is not None


def test_removal_of_the_new_connection_deletes_the_record_at_once_and_the_archive_later(ports: Ports, uid: str) -> None:
    move = begun(ports, uid)
    there = rows(ports, f"{uid}-old")
    last, version = ended(ports, uid), found(ports, uid)[1]
    step = ArchiveRow(archived("t2", f"{uid}-old"), there["t2"].version)
    ports.moves.transfer(move, expected=version, steps=[step])
    _, version = found(ports, uid)
    new = ports.connections.find(f"{uid}-new")
    assert new is not None
    removal = Removal.of(new, token=None, reason=RemovalReason.USER, now=NOW)
    ports.removals.begin(removal, audit=removal.started(by=Actor.USER))
    assert ports.moves.find(f"{uid}-new") is None
    with pytest.raises(Conflict):
        ports.moves.transfer(move, expected=version, steps=[DropRow(there["t3"])])
    with pytest.raises(Conflict):
        ports.moves.end(replace(last, expected=version))
    ports.connection_data.purge(removal)
    assert ports.moves.archive(f"{uid}-new") == []


def test_revocation_of_the_new_connection_deletes_the_record_and_the_archive(ports: Ports, uid: str) -> None:
    move = begun(ports, uid)
    there = rows(ports, f"{uid}-old")
    step = ArchiveRow(archived("t2", f"{uid}-old"), there["t2"].version)
    ports.moves.transfer(move, expected=found(ports, uid)[1], steps=[step])
    new, loaded = ports.connections.find(f"{uid}-new"), ports.syncs.load(f"{uid}-new")
    assert new is not None
    assert loaded is not None
    removal = Removal.of(new, token=None, reason=RemovalReason.REVOKED, now=NOW)
    ports.syncs.save(loaded.state.touched(), expected=loaded.version, writes=[PutRemoval(removal)])
    assert ports.moves.find(f"{uid}-new") is None
    ports.connection_data.purge(removal)
    assert ports.moves.archive(f"{uid}-new") == []
