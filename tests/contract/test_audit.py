"""Signing and checking audit logs: the same tests over the fake and over Firestore, with real signatures."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared import request_context, trace
from shared.adapters.firestore.audit import FirestoreAudit
from shared.adapters.firestore.commit import Batch
from shared.adapters.vault.audit_signer import TinkSigner, new_keyset
from shared.domain.audit import Actor, AuditAction, AuditEntry, AuditHead
from shared.domain.audit_chain import Checkpoint
from shared.domain.errors import Conflict, Unavailable
from shared.ports import AuditLog
from shared.usecases.audit.check_audit import CheckAudit
from shared.usecases.audit.drop_audit import DropAudit
from shared.usecases.audit.repair_audit_end import RepairAuditEnd
from shared.usecases.audit.sign_audit import SignAudit
from tests.fakes import FakeClock, FakeStore

NOW = datetime(2001, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)  # long before the logs of other tests
RETENTION = timedelta(days=400)


@dataclass
class World:
    audit: AuditLog
    write: Callable[[str, int], None]  # the number of a user's entries
    clock: FakeClock
    signer: TinkSigner

    def sign(self) -> int:
        return SignAudit(audit=self.audit, signer=self.signer, clock=self.clock)()

    def check(self, user: str) -> tuple[int, list[str]]:
        count, found = CheckAudit(audit=self.audit, signer=self.signer, clock=self.clock, retention=RETENTION)(user)
        return count, [str(damage) for damage in found]


def entry(user: str) -> AuditEntry:
    return AuditEntry(
        app_user_id=user, action=AuditAction.STATUS_CHANGED, actor=Actor.BACKEND, details={"a": "b"}, at=NOW
    )


@pytest.fixture(params=["fake", "firestore"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "fake":
        store = FakeStore()
        write: Callable[[str, int], None] = lambda user, count: store._append([entry(user)] * count)  # noqa: E731
        return World(store, write, FakeClock(NOW), TinkSigner(new_keyset()))
    made: World = request.getfixturevalue("on_firestore")
    return made


@pytest.fixture
def on_firestore(firestore_client: Any) -> World:
    client, clock = firestore_client, FakeClock(NOW)
    audit = FirestoreAudit(client, function="test", retention=RETENTION)

    def write(user: str, count: int) -> None:
        batch = Batch(client)
        audit.append(batch, [entry(user)] * count)
        batch.commit()

    return World(audit, write, clock, TinkSigner(new_keyset()))


@pytest.fixture
def user() -> str:
    return f"contract-{uuid.uuid4().hex[:12]}"


def test_a_log_is_signed_once_its_time_has_come_and_again_only_when_it_has_grown(world: World, user: str) -> None:
    world.write(user, 3)
    assert world.sign() == 0
    world.clock.move(timedelta(hours=25))
    assert world.sign() == 1
    assert world.sign() == 0
    assert [c.seq for c in world.audit.checkpoints(user)] == [3]
    assert world.check(user) == (3, [])
    world.write(user, 2)
    assert world.sign() == 1
    assert sorted(c.seq for c in world.audit.checkpoints(user)) == [3, 5]
    assert world.check(user) == (5, [])


def test_single_entry_joins_the_chain_like_any_other(world: World, user: str) -> None:
    world.audit.write_down(entry(user))
    world.write(user, 1)
    world.audit.write_down(entry(user))
    assert [number for number, _ in sorted(world.audit.entries(user), key=lambda found: found[0])] == [1, 2, 3]
    assert world.check(user) == (3, [])


def test_entry_names_its_function_and_app(firestore_client: Any, user: str) -> None:
    audit = FirestoreAudit(firestore_client, function="remove_connection", retention=RETENTION)
    token = request_context.app.set("1:1:web:1")
    try:
        batch = Batch(firestore_client)
        audit.append(batch, [entry(user)])
        batch.commit()
    finally:
        request_context.app.reset(token)
    ((_, written),) = audit.entries(user)
    assert written is not None
    assert (written.function, written.app) == ("remove_connection", "1:1:web:1")
    assert written.digest() == written.hash


def test_entry_names_its_trace(firestore_client: Any, user: str) -> None:
    audit = FirestoreAudit(firestore_client, function="remove_connection", retention=RETENTION)
    with trace.within(trace.Trace("1" * 32, "2" * 16)):
        audit.write_down(entry(user))
    ((_, written),) = audit.entries(user)
    assert written is not None
    assert written.details["trace"] == "1" * 32
    assert written.digest() == written.hash


def test_unreadable_entry_is_reported(on_firestore: World, firestore_client: Any, user: str) -> None:
    on_firestore.write(user, 3)
    firestore_client.document("bank_audit", user, "bank_audit_entries", f"{2:010d}").update(
        {"action": "status_chanxed"}
    )
    assert on_firestore.check(user) == (3, ["entry 2: cannot be read"])


def test_unreadable_checkpoint_is_rejected(on_firestore: World, firestore_client: Any, user: str) -> None:
    on_firestore.write(user, 1)
    on_firestore.clock.move(timedelta(hours=25))
    on_firestore.sign()
    firestore_client.document("bank_audit", user, "bank_audit_checkpoints", f"{1:010d}").update({"at": "yesterday"})
    assert on_firestore.check(user) == (1, ["entry 1: has a checkpoint with an invalid signature"])


def test_expired_entries_may_be_missing_only_before_a_later_checkpoint(
    on_firestore: World, firestore_client: Any, user: str
) -> None:
    """Firestore may drop an entry as soon as it has expired; the daily checkpoint was signed up to two days later."""
    on_firestore.write(user, 1)
    on_firestore.clock.move(timedelta(hours=47))
    on_firestore.sign()
    stored = firestore_client.document("bank_audit", user, "bank_audit_entries", f"{1:010d}")
    on_firestore.clock.at = stored.get().get("expires_at")
    stored.delete()
    assert on_firestore.check(user) == (0, [])


def test_log_with_a_restored_head_refuses_entries_until_it_continues_after_its_last_entry(
    world: World, user: str
) -> None:
    """As after a restore over existing documents."""
    world.write(user, 3)
    first = dict(world.audit.entries(user))[1]
    assert first is not None
    world.audit.move_end(user, first.head(), expected=world.audit.head(user)[1])
    with pytest.raises(Conflict):
        world.write(user, 1)
    with pytest.raises(Unavailable):
        world.audit.write_down(entry(user))
    assert world.check(user)[1] == [
        "entry 2: is beyond the end of the chain",
        "entry 3: is beyond the end of the chain",
    ]
    assert RepairAuditEnd(audit=world.audit)(user) == 3
    world.write(user, 1)
    assert world.check(user) == (4, [])
    assert RepairAuditEnd(audit=world.audit)(user) is None


def test_log_continues_after_an_unreadable_entry(on_firestore: World, firestore_client: Any, user: str) -> None:
    on_firestore.write(user, 1)
    firestore_client.document("bank_audit", user, "bank_audit_entries", f"{2:010d}").set({"action": "none"})
    assert RepairAuditEnd(audit=on_firestore.audit)(user) == 2
    on_firestore.write(user, 1)
    assert on_firestore.check(user) == (3, ["entry 2: cannot be read"])


def test_missing_log_has_no_damage(world: World, user: str) -> None:
    assert world.check(user) == (0, [])


def test_checkpoint_of_another_key_is_rejected(world: World, user: str) -> None:
    world.write(user, 1)
    world.clock.move(timedelta(hours=25))
    world.sign()
    world.signer = TinkSigner(new_keyset())
    assert world.check(user) == (1, ["entry 1: has a checkpoint with an invalid signature"])


def test_a_signature_covers_everything_in_its_checkpoint() -> None:
    signer = TinkSigner(new_keyset())
    signed = signer.sign(Checkpoint(app_user_id="u", seq=1, hash="h", at=NOW))
    assert signer.is_signed(signed)
    for change in ({"app_user_id": "v"}, {"seq": 2}, {"hash": "i"}, {"at": NOW + timedelta(seconds=1)}):
        assert not signer.is_signed(signed.model_copy(update=change))
    assert not signer.is_signed(signed.model_copy(update={"signature": "not base64!"}))


def test_every_kind_of_damage_in_a_stored_log_of_500_entries_is_reported(firestore_client: Any, user: str) -> None:
    audit, signer = FirestoreAudit(firestore_client, function="test", retention=RETENTION), TinkSigner(new_keyset())
    clock = FakeClock(NOW)
    for day in range(10):
        batch = Batch(firestore_client)
        audit.append(batch, [entry(user).model_copy(update={"at": NOW + timedelta(days=day)})] * 50)
        batch.commit()
        clock.at = NOW + timedelta(days=day + 1, hours=1)
        SignAudit(audit=audit, signer=signer, clock=clock)()
    stored = firestore_client.collection("bank_audit", user, "bank_audit_entries")

    def damages() -> list[str]:
        count, found = CheckAudit(audit=audit, signer=signer, clock=clock, retention=RETENTION)(user)
        assert count <= 500
        return [str(damage) for damage in found]

    def fields(seq: int) -> Any:
        return stored.document(f"{seq:010d}").get().to_dict()

    assert damages() == []
    assert len(audit.checkpoints(user)) == 10
    whole = fields(250), fields(300)

    stored.document(f"{250:010d}").update({"details": {"a": "c"}})  # one byte
    assert damages() == ["entry 250: was changed"]
    stored.document(f"{250:010d}").set(whole[0])
    assert damages() == []

    stored.document(f"{250:010d}").delete()
    assert damages() == ["entry 250: is missing"]

    stored.document(f"{250:010d}").set(whole[1])
    stored.document(f"{300:010d}").set(whole[0])
    assert {
        "entry 250: was moved: it is entry 300",
        "entry 300: was moved: it is entry 250",
    } <= set(damages())
    for seq, as_written in zip((250, 300), whole, strict=True):
        stored.document(f"{seq:010d}").set(as_written)
    assert damages() == []

    clock.at = NOW + RETENTION + timedelta(days=5, hours=2)  # entries signed in the first five days are old enough
    for seq in range(1, 201):
        stored.document(f"{seq:010d}").delete()
    assert damages() == []


def test_a_log_whose_signing_is_postponed_is_due_again_later(world: World) -> None:
    user = uuid.uuid4().hex
    world.write(user, 1)
    at = NOW + timedelta(days=3)
    assert user in world.audit.unsigned(at, limit=10_000)
    world.audit.postpone_signing(user, until=at + timedelta(days=1))
    assert user not in world.audit.unsigned(at, limit=10_000)
    assert user in world.audit.unsigned(at + timedelta(days=1), limit=10_000)


OLD = datetime(1991, 3, 1, 12, tzinfo=UTC)  # earlier than the end of any other test's log


def test_log_and_checkpoints_are_removed_after_the_retention_of_the_last_entry(world: World, user: str) -> None:
    def dropped(days: float) -> int:
        world.clock.at = OLD + timedelta(days=days)
        return DropAudit(audit=world.audit, clock=world.clock)()

    old = entry(user).model_copy(update={"at": OLD})
    later = entry(user).model_copy(update={"at": OLD + timedelta(days=100)})
    other = entry(f"{user}-2").model_copy(update={"at": OLD + timedelta(days=300)})
    for one in (old, old, other):
        world.audit.write_down(one)
    world.clock.at = OLD + timedelta(days=2)
    assert world.sign() == 1
    world.audit.write_down(later)
    assert dropped(100 + 400) == 0, "one of its entries is still stored"
    assert world.audit.head(user)[0].seq == 3
    with pytest.raises(Conflict):
        world.audit.drop(user, now=world.clock.at)
    assert dropped(100 + 430) == 1
    assert world.audit.head(user) == (AuditHead(), None)
    assert (list(world.audit.entries(user)), world.audit.checkpoints(user)) == ([], [])
    assert world.audit.head(f"{user}-2")[0].seq == 1
    assert dropped(100 + 431) == 0
    world.audit.write_down(entry(user).model_copy(update={"at": world.clock.at}))
    assert world.check(user) == (1, [])
    assert dropped(300 + 430) == 1
    assert dropped(3000) == 1, "the log that was started again"
