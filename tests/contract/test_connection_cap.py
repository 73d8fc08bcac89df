"""No commit exceeds a user's connection limit, however many run concurrently: over the fake and Firestore."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.domain.audit import Actor, AuditAction, AuditEntry
from shared.domain.connection import BankConnection
from shared.domain.errors import Conflict
from shared.domain.exchange import Intent
from shared.domain.sync_state import SyncState
from shared.ports import Guards
from tests.contract.removal_ports import NOW, TOKEN, Ports, fake, firestore

AT_ONCE = 8


@pytest.fixture(params=["fake", "firestore"])
def ports(request: pytest.FixtureRequest) -> Ports:
    return fake() if request.param == "fake" else firestore(request.getfixturevalue("firestore_client"))


@pytest.fixture
def uid() -> str:
    return f"cap-{uuid.uuid4().hex[:12]}"


def create(ports: Ports, uid: str, number: int, guards: Guards, *, institution_id: str | None) -> bool:
    """One commit of an exchange; returns whether it succeeded."""
    connection_id = f"{uid}-{number}"
    intent = Intent(f"intent-{connection_id}", uid, connection_id, NOW, "a")
    _, version, _ = ports.intents.begin(intent)
    connection = BankConnection(
        connection_id=connection_id,
        app_user_id=uid,
        institution_id=institution_id,
        item_id=f"item-{connection_id}",
        created_at=NOW,
        updated_at=NOW,
    )
    details: dict[str, Any] = {"app_user_id": uid, "connection_id": connection_id, "actor": Actor.USER, "at": NOW}
    try:
        ports.connections.create(
            connection,
            token=TOKEN,
            accounts=[],
            state=SyncState.new(connection_id=connection_id, app_user_id=uid, now=NOW),
            settles=(intent, version),
            audit=AuditEntry(action=AuditAction.CONNECTION_CREATED, **details),
            guards=guards,
        )
    except Conflict:
        return False
    return True


@pytest.mark.parametrize("known", [True, False], ids=["each at a bank of its own", "at unknown banks"])
@pytest.mark.parametrize("already", [0, 1])
def test_only_one_of_several_connections_counted_at_once_is_created(
    ports: Ports, uid: str, known: bool, already: int
) -> None:
    """Each exchange has counted `already`, so each assumes that there is room for one."""
    for number in range(already):
        assert create(ports, uid, 100 + number, ports.connections.guards(uid, institution_id="x"), institution_id="x")
    together = threading.Barrier(AT_ONCE)

    def exchange(number: int) -> bool:
        institution_id = f"ins_{number}" if known else None
        guards = ports.connections.guards(uid, institution_id=institution_id)
        together.wait()
        return create(ports, uid, number, guards, institution_id=institution_id)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        made = list(pool.map(exchange, range(AT_ONCE)))
    assert sum(made) == 1
    assert len(ports.connections.owned_by(uid)) == already + 1


def test_connection_of_another_user_does_not_conflict(ports: Ports, uid: str) -> None:
    guards = ports.connections.guards(uid, institution_id="ins_1")
    other = f"{uid}-other"
    assert create(ports, other, 1, ports.connections.guards(other, institution_id="ins_1"), institution_id="ins_1")
    assert create(ports, uid, 1, guards, institution_id="ins_1")
