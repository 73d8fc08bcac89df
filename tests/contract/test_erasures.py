"""The contract of `Erasures`, `ConnectionData` and `Owners`: over the fakes, Firestore, and Firebase Auth."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from shared.adapters.firestore import purge
from shared.adapters.firestore.budgets import FirestoreBudgets
from shared.adapters.firestore.limits import FirestoreLimits
from shared.adapters.firestore.link_sessions import FirestoreLinks
from shared.adapters.firestore.purge import FirestoreConnectionData
from shared.adapters.threads import ThreadExecutor
from shared.domain.ceilings import Budget
from shared.domain.connection import SealedToken
from shared.domain.erasure import Erasure
from shared.domain.errors import Conflict, Unavailable
from shared.domain.hosted_link import LinkOutcome, LinkResult, LinkSession
from shared.domain.removal import Removal, RemovalReason
from tests.contract.removal_ports import NOW, Ports, connect, fake, firestore
from tests.firebase import callers_of

TOKEN = SealedToken(ciphertext="c", key_id="k")


@pytest.fixture(params=["fake", "firestore"])
def ports(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Ports:
    monkeypatch.setattr(purge, "DELETES_AT_ONCE", 3)
    return fake() if request.param == "fake" else firestore(request.getfixturevalue("firestore_client"))


@pytest.fixture
def uid() -> str:
    """A new user per test, because contract tests share one store."""
    return f"contract-{uuid.uuid4().hex[:12]}"


def wanted(uid: str, **changes: Any) -> Erasure:
    erasure = Erasure.of(uid, reason=RemovalReason.ERASURE, before=NOW, now=NOW)
    return erasure.model_copy(update=changes)


def begin(ports: Ports, erasure: Erasure) -> Erasure:
    return ports.erasures.begin(erasure, audit=erasure.started(now=NOW))


def test_an_erasure_is_stored_with_its_entry_and_extended_without(ports: Ports, uid: str) -> None:
    assert ports.erasures.find(uid) is None
    first = begin(ports, wanted(uid))
    later = NOW + timedelta(minutes=5)
    again = begin(ports, wanted(uid, before=later, due_at=later))
    begin(ports, wanted(uid, before=NOW - timedelta(days=1), due_at=later))
    found = ports.erasures.find(uid)
    assert found is not None
    assert first == wanted(uid)
    assert found[0] == again == wanted(uid, before=later, due_at=later)
    assert ports.audited(uid) == ["erasure_started"]


def test_erasure_is_changed_and_ended_only_by_its_last_reader(ports: Ports, uid: str) -> None:
    begin(ports, wanted(uid))
    found = ports.erasures.find(uid)
    assert found is not None
    erasure, version = found
    newer = ports.erasures.update(erasure.postponed(now=NOW), expected=version)
    with pytest.raises(Conflict):
        ports.erasures.update(erasure, expected=version)
    with pytest.raises(Conflict):
        ports.erasures.finish(erasure, expected=version, audit=erasure.finished(now=NOW))
    ports.erasures.finish(erasure, expected=newer, audit=erasure.finished(now=NOW))
    assert ports.erasures.find(uid) is None
    assert ports.audited(uid) == ["erasure_started", "erasure_done"]


def test_only_what_is_due_is_found(ports: Ports, uid: str) -> None:
    long_ago = NOW - timedelta(days=3650)
    begin(ports, wanted(f"{uid}-a", due_at=long_ago))
    begin(ports, wanted(f"{uid}-b"))
    assert [e.app_user_id for e, _ in ports.erasures.due(long_ago, limit=10)] == [f"{uid}-a"]
    for name in ("a", "b"):  # leave nothing due for the scheduler runs of other tests
        found = ports.erasures.find(f"{uid}-{name}")
        assert found is not None
        ports.erasures.finish(found[0], expected=found[1], audit=found[0].finished(now=NOW))


def test_only_the_users_notifications_up_to_the_moment_are_removed(ports: Ports, uid: str) -> None:
    for name in ("a", "b", "c", "d"):
        connect(ports, uid, name)
    ports.connection_data.purge_user(f"{uid}-other", before=NOW)
    ports.connection_data.purge_user(uid, before=NOW - timedelta(seconds=1))
    assert ports.notified(uid) == 4
    ports.connection_data.purge_user(uid, before=NOW)
    assert ports.notified(uid) == 0


def test_guard_without_connections_is_removed(ports: Ports, uid: str) -> None:
    connection = connect(ports, uid)
    ports.connection_data.purge_user(uid, before=NOW)
    assert ports.connections.guards(uid, institution_id="ins_1").institution is not None
    removal = Removal.of(connection, token=None, reason=RemovalReason.ERASURE, now=NOW)
    ports.removals.begin(removal, audit=removal.started(by=wanted(uid).by))
    ports.connection_data.purge_user(uid, before=NOW)
    assert ports.connections.guards(uid, institution_id="ins_1").institution is None


# -- only in the real store --


@pytest.fixture
def connection_data(firestore_client: Any) -> FirestoreConnectionData:
    return FirestoreConnectionData(firestore_client, executors=ThreadExecutor)


def test_rate_limits_and_budgets_survive_an_erasure(
    firestore_client: Any, connection_data: FirestoreConnectionData, uid: str
) -> None:
    limits, budgets = FirestoreLimits(firestore_client), FirestoreBudgets(firestore_client)
    budget = Budget.of_user(uid, "refresh", most=1, within=timedelta(days=1))
    for action in ("sync", "erasure"):
        assert limits.spend(uid, action, per_minute=1, now=NOW) is None
    assert budgets.spend(budget, now=NOW) is None
    connection_data.purge_user(uid, before=NOW + timedelta(days=2))
    for action in ("sync", "erasure"):
        assert limits.spend(uid, action, per_minute=1, now=NOW) is not None
    assert budgets.spend(budget, now=NOW) is budget


def test_link_sessions_and_their_results_are_removed(
    firestore_client: Any, connection_data: FirestoreConnectionData, uid: str
) -> None:
    links = FirestoreLinks(firestore_client)
    for who in (uid, f"{uid}-other"):
        links.remember(f"link-{who}", LinkSession(who, NOW + timedelta(hours=4)), now=NOW)
        links.keep(LinkResult(f"r-{who}", who, TOKEN, NOW))
    links.keep(LinkResult(f"later-{uid}", uid, TOKEN, NOW + timedelta(seconds=1)))
    connection_data.purge_user(uid, before=NOW)
    assert links.session(f"link-{uid}") is None
    assert links.result(f"r-{uid}") is None
    assert links.result(f"later-{uid}") is not None
    kept = links.session(f"link-{uid}-other")
    assert kept is not None
    assert kept.app_user_id == f"{uid}-other"
    assert links.result(f"r-{uid}-other") is not None


def test_link_result_is_removed_with_its_connection(
    firestore_client: Any, connection_data: FirestoreConnectionData, uid: str
) -> None:
    ports, links = firestore(firestore_client), FirestoreLinks(firestore_client)
    connection = connect(ports, uid)
    links.keep(LinkResult(f"r-{uid}", uid, TOKEN, NOW))
    links.settle(f"r-{uid}", LinkOutcome.CONNECTED, connection_id=uid)
    removal = Removal.of(connection, token=None, reason=RemovalReason.USER, now=NOW)
    connection_data.purge(removal.model_copy(update={"reason": RemovalReason.REVOKED}))
    assert links.result(f"r-{uid}") is not None
    connection_data.purge(removal)
    assert links.result(f"r-{uid}") is None


# -- Firebase Auth --


def test_auth_outage_reports_no_deleted_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:9")
    with callers_of("demo-bank") as owners, pytest.raises(Unavailable):
        owners.gone(["anybody"])
