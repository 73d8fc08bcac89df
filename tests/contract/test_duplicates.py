"""The port contract for marking duplicates: the same tests over the fakes and over Firestore."""

from __future__ import annotations

import uuid

import pytest

from shared.domain.account import DuplicateOf
from shared.domain.audit import Actor
from shared.domain.errors import Conflict
from shared.domain.removal import Removal, RemovalReason
from shared.ports import DeleteAccount, Mark, PutAccount, PutMark
from tests.contract.removal_ports import NOW, Ports, connect, fake, firestore
from tests.fakes import account

ORIGINAL = DuplicateOf(connection_id="another", account_id="a")


@pytest.fixture(params=["fake", "firestore"])
def ports(request: pytest.FixtureRequest) -> Ports:
    return fake() if request.param == "fake" else firestore(request.getfixturevalue("firestore_client"))


@pytest.fixture
def uid() -> str:
    return f"contract-{uuid.uuid4().hex[:12]}"


def mark(ports: Ports, uid: str, connection_id: str, duplicate_of: DuplicateOf | None = ORIGINAL) -> Mark:
    """A mark of a connection's only account in its current version."""
    (one,) = (o for o in ports.connections.accounts_owned_by(uid) if o.connection_id == connection_id)
    return Mark(connection_id, one.account["account_id"], duplicate_of, one.version)


def duplicate_of(ports: Ports, connection_id: str) -> DuplicateOf | None:
    (one,) = ports.connections.accounts_of(connection_id)
    return one["duplicate_of"]


def test_a_user_s_accounts_of_all_connections_are_found_with_their_connections(ports: Ports, uid: str) -> None:
    connect(ports, uid)
    connect(ports, uid, "-other")
    connect(ports, f"{uid}-another-user")
    found = ports.connections.accounts_owned_by(uid)
    assert sorted(one.connection_id for one in found) == [uid, f"{uid}-other"]
    assert [one.account for one in found] == [account(), account()]


def test_an_account_is_marked_and_unmarked_and_keeps_everything_else(ports: Ports, uid: str) -> None:
    connect(ports, uid)
    ports.connections.mark([mark(ports, uid, uid)])
    assert ports.connections.accounts_of(uid) == [{**account(), "duplicate_of": ORIGINAL}]
    ports.connections.mark([mark(ports, uid, uid, None)])
    assert ports.connections.accounts_of(uid) == [account()]


def test_marks_are_made_together_or_not_at_all(ports: Ports, uid: str) -> None:
    connect(ports, uid)
    connect(ports, uid, "-other")
    outdated, current = mark(ports, uid, uid), mark(ports, uid, f"{uid}-other")
    loaded = ports.syncs.load(uid)
    assert loaded is not None
    ports.syncs.save(loaded.state.touched(), expected=loaded.version, writes=[PutAccount(account(name="Renamed"))])
    with pytest.raises(Conflict):
        ports.connections.mark([current, outdated])
    assert duplicate_of(ports, uid) is duplicate_of(ports, f"{uid}-other") is None


def test_mark_does_not_recreate_a_removed_account(ports: Ports, uid: str) -> None:
    connect(ports, uid)
    gone = mark(ports, uid, uid)
    loaded = ports.syncs.load(uid)
    assert loaded is not None
    ports.syncs.save(loaded.state.touched(), expected=loaded.version, writes=[DeleteAccount(account()["account_id"])])
    with pytest.raises(Conflict):
        ports.connections.mark([gone])
    assert ports.connections.accounts_of(uid) == []


def test_a_run_marks_other_connections_accounts_in_its_own_commit(ports: Ports, uid: str) -> None:
    connect(ports, uid)
    other = connect(ports, uid, "-other").connection_id
    marks = (mark(ports, uid, other),)
    loaded = ports.syncs.load(uid)
    assert loaded is not None
    ports.syncs.save(loaded.state.touched(), expected=loaded.version, writes=[*(PutMark(one) for one in marks)])
    assert duplicate_of(ports, other) == ORIGINAL
    again = ports.syncs.load(uid)
    assert again is not None
    with pytest.raises(Conflict):
        ports.syncs.save(again.state.touched(), expected=again.version, writes=[*(PutMark(one) for one in marks)])
    unchanged = ports.syncs.load(uid)
    assert unchanged is not None
    assert unchanged.state == again.state


def test_a_removal_marks_other_connections_accounts_in_its_first_commit(ports: Ports, uid: str) -> None:
    connection = connect(ports, uid)
    other = connect(ports, uid, "-other").connection_id
    removal = Removal.of(connection, token=None, reason=RemovalReason.USER, now=NOW)
    outdated = mark(ports, uid, other)
    ports.connections.mark([outdated])
    with pytest.raises(Conflict):
        ports.removals.begin(removal, audit=removal.started(by=Actor.USER), marks=[outdated])
    assert ports.connections.find(uid) is not None
    ports.removals.begin(removal, audit=removal.started(by=Actor.USER), marks=[mark(ports, uid, other, None)])
    assert ports.connections.find(uid) is None
    assert duplicate_of(ports, other) is None
