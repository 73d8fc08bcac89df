"""The contract of the port `Credentials`: the same tests over the fake and over Firestore."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.firestore.connections import FirestoreConnections
from shared.adapters.firestore.credentials import FirestoreCredentials
from shared.adapters.firestore.exchange_intents import FirestoreIntents
from shared.adapters.firestore.syncs import FirestoreSyncs
from shared.domain.audit import Actor, AuditAction, AuditEntry
from shared.domain.connection import BankConnection, SealedToken
from shared.domain.credentials import StoredAccessToken
from shared.domain.errors import Conflict
from shared.domain.exchange import Intent
from shared.domain.region import Region
from shared.domain.removal import Removal, RemovalReason
from shared.domain.sync_state import SyncState
from shared.ports import Connections, Credentials, Intents, PutCredentials, PutRemoval, Syncs, Version
from tests.fakes import FakeCredentials, FakeIntents, FakeStore

NOW = datetime(2001, 4, 1, 12, 0, 0, 123456, tzinfo=UTC)  # long before other tests' documents
NEVER = datetime(2100, 1, 1, tzinfo=UTC)  # not due for any scheduler run of another test
OLD, NEW = SealedToken(ciphertext="old", key_id="k1"), SealedToken(ciphertext="new", key_id="k2")


@dataclass
class Ports:
    credentials: Credentials
    connections: Connections
    syncs: Syncs
    intents: Intents
    buried: Callable[[str], Any]


def _fake() -> Ports:
    store = FakeStore()
    return Ports(FakeCredentials(store), store, store, FakeIntents(store), lambda c: _in(store.tombstones[c]))


def _in(removal: Removal) -> Any:
    return removal.model_dump(include={"access_token", "token_settles_at", "due_at", "item_id"})


def _firestore(client: Any) -> Ports:
    audit = FirestoreAudit(client, function="test", retention=timedelta(days=1))
    return Ports(
        FirestoreCredentials(client, audit=audit),
        FirestoreConnections(client, audit=audit),
        FirestoreSyncs(client, audit=audit),
        FirestoreIntents(client, audit=audit),
        lambda c: _in(Removal.model_validate(client.document("bank_removals", c).get().to_dict())),
    )


@pytest.fixture(params=["fake", "firestore"])
def ports(request: pytest.FixtureRequest) -> Ports:
    return _fake() if request.param == "fake" else _firestore(request.getfixturevalue("firestore_client"))


@pytest.fixture
def name() -> str:
    return f"kept-{uuid.uuid4().hex[:12]}"


def entry(name: str, action: AuditAction = AuditAction.TOKEN_ROTATED) -> AuditEntry:
    return AuditEntry(app_user_id=name, connection_id=name, action=action, actor=Actor.OPERATOR, at=NOW)


def connect(
    ports: Ports, name: str, *, owner: str | None = None, at: datetime = NOW
) -> tuple[StoredAccessToken, Version]:
    """A connection, and its token as stored with it."""
    intent = Intent(f"intent-{name}", owner or name, name, at, "a")
    connection = BankConnection(
        connection_id=name,
        app_user_id=owner or name,
        institution_id=None,
        item_id=f"item-{name}",
        created_at=at,
        updated_at=at,
    )
    ports.connections.create(
        connection,
        token=OLD,
        accounts=[],
        state=SyncState.new(connection_id=name, app_user_id=owner or name, now=NEVER),
        settles=(intent, ports.intents.begin(intent)[1]),
        audit=entry(owner or name, AuditAction.CONNECTION_CREATED),
        guards=ports.connections.guards(owner or name, institution_id=None),
    )
    found = ports.credentials.load(name)
    assert found is not None
    assert found[0] == StoredAccessToken.new(connection, OLD)
    return found


def test_token_exists_from_the_commit_of_its_connection_on(ports: Ports, name: str) -> None:
    assert ports.credentials.load(name) is None
    connect(ports, name)
    assert ports.connections.credentials(name) == OLD


def test_token_is_read_as_written_at_every_stage_of_a_rotation(ports: Ports, name: str) -> None:
    kept, version = connect(ports, name)
    for after in (
        kept.wanted(by=Actor.OPERATOR, now=NOW),
        kept.wanted(by=Actor.OPERATOR, now=NOW).begun(now=NOW),
        kept.replaced(NEW, now=NOW),
    ):
        version = ports.credentials.save(after, expected=version)
        assert ports.credentials.load(name) == (after, version)
    assert ports.connections.credentials(name) == NEW


def test_region_of_a_token_is_stored_and_belongs_to_the_first_pair_if_it_is_absent(
    request: pytest.FixtureRequest, ports: Ports, name: str
) -> None:
    kept, version = connect(ports, name)
    european = NEW.model_copy(update={"region": Region.EU})
    ports.credentials.save(kept.replaced(european, now=NOW), expected=version)
    assert ports.connections.credentials(name) == european
    if "firestore" in request.node.name:
        document = request.getfixturevalue("firestore_client").document("bank_credentials", name)
        fields = document.get().to_dict()
        assert fields["region"] == "eu"
        document.set({field: value for field, value in fields.items() if field != "region"})
        assert ports.connections.credentials(name) == NEW


def test_token_is_written_only_if_unchanged_and_with_all_related_writes(ports: Ports, name: str) -> None:
    kept, version = connect(ports, name)
    begun = kept.begun(now=NOW)
    newer = ports.credentials.save(begun, expected=version, audit=[entry(name)])
    with pytest.raises(Conflict):
        ports.credentials.save(kept.given_up(), expected=version, audit=[entry(name)])
    assert ports.credentials.load(name) == (begun, newer)
    ports.credentials.save(kept.replaced(NEW, now=NOW), expected=newer, audit=[entry(name)])


def test_a_sync_s_commit_may_hold_the_credentials_and_compares_them_too(ports: Ports, name: str) -> None:
    kept, version = connect(ports, name)
    loaded = ports.syncs.load(name)
    assert loaded is not None
    marked = kept.begun(now=NOW)
    newer = ports.credentials.save(marked, expected=version)
    state = loaded.state.request(now=NEVER)
    with pytest.raises(Conflict):
        ports.syncs.save(state, expected=loaded.version, writes=[PutCredentials(kept, version)])
    assert ports.syncs.load(name) == loaded
    ports.syncs.save(state, expected=loaded.version, writes=[PutCredentials(marked.given_up(), newer)])
    found = ports.credentials.load(name)
    assert found is not None
    assert found[0] == marked.given_up()


def test_due_rotations_are_found_longest_due_first(ports: Ports, name: str) -> None:
    for number in (1, 0, 2):
        kept, version = connect(ports, f"{name}-{number}")
        ports.credentials.save(kept.wanted(by=Actor.OPERATOR, now=NOW + timedelta(seconds=number)), expected=version)
    due = NOW + timedelta(minutes=1, seconds=1)
    found = [kept.connection_id for kept, _ in ports.credentials.due(due, limit=300)]
    assert [c for c in found if c.startswith(name)] == [f"{name}-0", f"{name}-1"]
    assert len(ports.credentials.due(due, limit=1)) == 1
    for number in range(3):
        found_one = ports.credentials.load(f"{name}-{number}")
        assert found_one is not None
        ports.credentials.save(found_one[0].given_up(), expected=found_one[1])
    assert not [k for k, _ in ports.credentials.due(due, limit=300) if k.connection_id.startswith(name)]


def test_old_tokens_are_found_oldest_first(ports: Ports, name: str) -> None:
    for number in (1, 0, 2):
        connect(ports, f"{name}-{number}", at=NOW + timedelta(seconds=number))
    found = [kept.connection_id for kept in ports.credentials.issued_before(NOW + timedelta(seconds=2))]
    assert [c for c in found if c.startswith(name)] == [f"{name}-0", f"{name}-1"]


def test_a_user_s_tokens_are_those_of_all_their_connections(ports: Ports, name: str) -> None:
    for number in range(2):
        connect(ports, f"{name}-{number}", owner=name)
    connect(ports, f"{name}-x", owner=f"{name}-other")
    assert {kept.connection_id for kept in ports.credentials.of_user(name)} == {f"{name}-0", f"{name}-1"}


def test_token_moves_into_an_existing_tombstone_only(ports: Ports, name: str) -> None:
    connect(ports, name)
    with pytest.raises(Conflict):
        ports.credentials.bury(name, NEW, now=NOW)
    connection, loaded = ports.connections.find(name), ports.syncs.load(name)
    assert connection is not None
    assert loaded is not None
    removal = Removal.of(connection, token=None, reason=RemovalReason.USER, now=NOW).with_token(OLD, settles_at=NOW)
    ports.syncs.save(loaded.state, expected=loaded.version, writes=[PutRemoval(removal)])
    ports.credentials.bury(name, NEW, now=NEVER)
    left = {"access_token": NEW.model_dump(), "token_settles_at": None, "due_at": NEVER, "item_id": f"item-{name}"}
    assert ports.buried(name) == left
