"""An erasure removes all of a user's bank data except the audit log, and keeps what the user links afterwards."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.domain.errors import BankError, ErrorClass, Unavailable
from shared.domain.exchange import Intent
from shared.domain.notification import NotificationKind, notification
from shared.domain.plaid_token import PlaidToken
from shared.domain.region import Region
from shared.domain.removal import RemovalReason
from tests.fakes import Crash, problem, row
from tests.usecases.conftest import ALICE, World
from tests.usecases.linking_ground import sweep
from tests.usecases.removal.removal_ground import exchange, rows

DOWN = problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR")


def erase(world: World, owner: str = ALICE) -> None:
    world.eraser.begin(owner, reason=RemovalReason.ERASURE)


def left(world: World, owner: str = ALICE) -> list[str]:
    """All remaining documents of a user."""
    store = world.store
    found = [c.connection_id for c in store.connections.values() if c.app_user_id == owner]
    found += [f"intent {i.intent_id}" for i, _ in store.intents.values() if i.app_user_id == owner]
    found += [f"guard {institution}" for uid, institution in store.institution_guards if uid == owner]
    found += [f"tombstone {r.connection_id}" for r in store.tombstones.values() if r.app_user_id == owner]
    found += [f"erasure {uid}" for uid in world.erasures.kept if uid == owner]
    return found


@pytest.fixture
def connected(world: World) -> World:
    """Alice has three connections, Bob has one; all are in sync."""
    for name in ("1", "2", "3"):
        world.connected(name, *rows(4))
    world.connected("bob", *rows(2), owner="bob")
    world.settle()
    return world


def test_erasure_removes_everything_except_the_audit_log(connected: World) -> None:
    world = connected
    erase(world)
    assert not {"1", "2", "3"} & world.store.connections.keys(), "they are removed before the answer"
    world.clean_up()
    assert left(world) == []
    assert [world.left_of(name) for name in ("1", "2", "3")] == [[], [], []]
    assert sorted(world.plaid.removed) == ["item-1", "item-2", "item-3"]
    trail = world.audited()
    assert trail[3] == "erasure_started"
    assert trail[-1] == "erasure_done"
    assert trail.count("removal_started") == trail.count("removal_done") == 3
    reasons = {e.details["reason"] for e in world.store.audit[ALICE] if e.action == "removal_done"}
    assert reasons == {"erasure"}


def test_erasure_keeps_the_data_of_other_users(connected: World) -> None:
    world = connected
    before = world.left_of("bob")
    erase(world)
    world.clean_up()
    assert world.left_of("bob") == before
    assert world.equals_truth("bob")


def test_erasure_completes_when_plaid_has_removed_the_last_item(connected: World) -> None:
    world = connected
    world.plaid.fail("remove", *[DOWN] * 20)
    erase(world)
    world.clean_up()
    assert left(world) == []
    assert world.audited()[-2:] == ["removal_done", "erasure_done"]
    assert len(world.plaid.removed) == 3


def test_last_removal_completes_the_erasure_without_the_scheduler(connected: World) -> None:
    world = connected
    erase(world)
    began = world.clock.at
    world.clean_up(turns=1)
    assert world.clock.at - began < timedelta(minutes=1)


def test_connection_linked_during_an_erasure_is_kept(connected: World) -> None:
    world = connected
    world.plaid.fail("remove", *[DOWN] * 20)
    erase(world)
    world.connected("new", *rows(5))
    world.sync("new")
    world.clean_up()
    assert world.equals_truth("new")
    assert left(world) == ["new", "intent intent-new", "guard ins_1"]
    assert any(told.connection_id == "new" for told in world.store.notifications.values())
    assert world.audited()[-1] == "erasure_done"


def test_second_erasure_during_the_first_removes_new_connections_too(connected: World) -> None:
    world = connected
    world.plaid.fail("remove", *[DOWN] * 20)
    erase(world)
    world.connected("new", *rows(5))
    erase(world)
    world.clean_up()
    assert left(world) == []
    assert world.audited().count("erasure_started") == world.audited().count("erasure_done") == 1


@pytest.mark.parametrize("reason", list(RemovalReason))
def test_erasing_nothing_writes_nothing(world: World, reason: RemovalReason) -> None:
    world.eraser.begin("unknown", reason=reason)
    assert world.store.audit == {}
    assert world.erasures.kept == {}
    assert world.queue.others == []


def test_a_second_erasure_writes_nothing_either(connected: World) -> None:
    world = connected
    erase(world)
    world.clean_up()
    before = world.audited()
    erase(world)
    assert world.audited() == before
    assert left(world) == []
    assert world.queue.others == []


def test_erasure_without_connections_removes_notifications(world: World) -> None:
    told = notification(
        NotificationKind.LINK_AGAIN,
        event_id="lost",
        connection_id="lost",
        bank=None,
        language=None,
        now=world.clock.now(),
    )
    world.store.notifications[told.notification_id] = told
    erase(world)
    assert world.store.notifications == {}
    assert world.store.audit == {}


# -- unfinished exchanges --


def unfinished(world: World, answer: dict[str, object] | None = None) -> None:
    item = world.plaid.new_item("half")
    token = world.vault.seal(PlaidToken("token-half", Region.US), app_user_id=ALICE, connection_id="half")
    intent = Intent("i-half", ALICE, "half", world.clock.now(), "a", item.item_id, token, answer)
    world.intents.begin(intent)


@pytest.mark.parametrize(
    ("answer", "reason"), [(None, RemovalReason.ABANDONED), ({"duplicate_of": "1"}, RemovalReason.DUPLICATE)]
)
def test_item_of_an_interrupted_exchange_is_removed_too(
    world: World, answer: dict[str, object] | None, reason: RemovalReason
) -> None:
    unfinished(world, answer)
    erase(world)
    assert world.store.tombstones["half"].reason is reason
    world.clean_up()
    assert world.plaid.removed == ["item-half"]
    assert left(world) == []
    assert world.audited() == ["erasure_started", "removal_started", "removal_done", "erasure_done"]


def test_an_exchange_that_began_afterwards_stays(world: World) -> None:
    world.plaid.fail("remove", *[DOWN] * 4)
    world.connected("1")
    erase(world)
    unfinished(world)
    world.clean_up()
    assert left(world) == ["intent i-half"]
    assert world.plaid.removed == ["item-1"]


def test_exchange_interleaved_with_an_erasure_is_complete_or_rolled_back() -> None:
    undisturbed = World()
    undisturbed.plaid.new_item("1").add(row("t1"))
    exchange(undisturbed, "public-1")
    for number in range(len(undisturbed.calls.log)):
        world = World()
        world.plaid.new_item("1").add(row("t1"))

        def erased(name: str, at: int = number, world: World = world) -> None:
            if len(world.calls.log) > at:
                world.calls.before = None
                erase(world)
                world.clean_up()

        world.calls.before = erased
        try:
            made = str(exchange(world, "public-1")["connection_id"])
        except BankError:
            made = None
        world.clean_up()
        at = f"{number}: {world.calls.log[number]}"
        if made is not None:
            assert {made} == world.store.connections.keys() == world.store.tokens.keys(), at
            assert world.plaid.removed == [], at
        else:
            held = [i for i, _ in world.store.intents.values() if i.access_token is not None]
            exchanged = "public-1" not in world.plaid.public_tokens
            assert held == [], at
            assert world.store.connections == {}, at
            assert world.plaid.removed == (["item-1"] if exchanged else []), at


def steps_of_an_exchange() -> int:
    world = World()
    world.plaid.new_item("1").add(row("t1"))
    exchange(world, "public-1")
    return len(world.calls.log)


def erased_during_exchange(*, erased_at: int, dies_at: int | None = None) -> World:
    """An erasure before one outside call of an exchange, whose process may die before the same call or a later one."""
    world = World()
    world.plaid.new_item("1").add(row("t1"))
    step, erasing = -1, False

    def before(_: str) -> None:
        nonlocal step, erasing
        if erasing:
            return
        step += 1
        if step == erased_at:
            erasing = True
            erase(world)
            erasing = False
        if step == dies_at:
            world.calls.before = None
            raise Crash

    world.calls.before = before
    with suppress(BankError, Crash):
        exchange(world, "public-1")
    world.calls.before = None
    return world


def test_exchange_that_dies_during_an_erasure_leaves_no_item_unreported() -> None:
    steps = steps_of_an_exchange()
    lost = 0
    for erased_at in range(1, steps):
        for dies_at in range(erased_at, steps + 8):
            world = erased_during_exchange(erased_at=erased_at, dies_at=dies_at)
            world.clean_up()
            exists = "public-1" not in world.plaid.public_tokens and world.plaid.removed == []
            reported = [e.details["reason"] for e in world.store.audit[ALICE] if e.action == "link_lost"]
            if exists and not world.store.connections:
                assert reported == ["lost"], (erased_at, dies_at)
                lost += 1
            assert not [line for line in left(world) if line.startswith("erasure")]
    assert lost > 0


def test_exchange_that_survives_an_erasure_is_not_reported_as_lost() -> None:
    for erased_at in range(1, steps_of_an_exchange()):
        world = erased_during_exchange(erased_at=erased_at)
        world.clean_up()
        assert "link_lost" not in world.audited(), erased_at
        if not world.store.connections:
            assert left(world) == [], erased_at
        world.clock.move(timedelta(hours=1))
        assert sweep(world).lost == 0, erased_at


def test_lost_exchange_of_an_erased_user_is_reported_to_operators_alone() -> None:
    world = erased_during_exchange(erased_at=3, dies_at=3)
    began = world.clock.at
    world.clean_up()
    assert world.clock.at - began < timedelta(hours=1)
    assert left(world) == []
    assert world.store.notifications == {}


# -- deleted owners --


def test_a_user_whose_document_is_deleted_is_erased(connected: World) -> None:
    world = connected
    world.eraser.user_deleted(ALICE, at=world.clock.now())
    world.clean_up()
    assert left(world) == []
    started = next(e for e in world.store.audit[ALICE] if e.action == "erasure_started")
    assert (started.actor, started.details["reason"]) == ("backend", "owner_gone")


def test_late_event_keeps_connections_linked_since(world: World) -> None:
    world.connected("old")
    deleted = world.clock.now()
    world.connected("new")
    world.eraser.user_deleted(ALICE, at=deleted)
    world.clean_up()
    assert set(world.store.connections) == {"new"}


def test_nothing_is_recorded_for_users_without_bank_data(world: World) -> None:
    world.eraser.user_deleted("unknown", at=world.clock.now())
    assert world.store.audit == {}
    assert world.erasures.kept == {}
    assert world.queue.others == []


def test_owners_deleted_in_auth_are_erased(connected: World) -> None:
    world = connected
    world.owners.missing = {ALICE, "carol"}
    world.erase_missing_owners([ALICE, "bob", ALICE])
    world.clean_up()
    assert left(world) == []
    assert "carol" not in world.store.audit, "only users that were asked about"
    assert set(world.store.connections) == {"bob"}


def test_auth_outage_erases_no_user(connected: World) -> None:
    connected.owners.missing, connected.owners.down = {ALICE, "bob"}, True
    connected.erase_missing_owners([ALICE, "bob"])
    assert len(connected.store.connections) == 4
    assert connected.erasures.kept == {}


def test_answer_that_most_users_are_deleted_is_not_trusted(connected: World) -> None:
    everybody = [ALICE, "bob", *(f"user-{n}" for n in range(10))]
    connected.owners.missing = {ALICE, "bob", *(f"user-{n}" for n in range(5))}
    connected.erase_missing_owners(everybody)
    assert connected.erasures.kept == {}
    connected.owners.missing = {ALICE}
    connected.erase_missing_owners(everybody)
    assert set(connected.erasures.kept) == {ALICE}


def test_with_made_up_users_all_of_them_may_be_deleted(connected: World) -> None:
    everybody = [ALICE, "bob", *(f"user-{n}" for n in range(10))]
    connected.owners.missing = set(everybody)
    replace(connected.erase_missing_owners, max_missing_share=1.0)(everybody)
    assert set(connected.erasures.kept) == {ALICE, "bob"}, "only users with bank data"


# -- failures of queue and store --


def test_scheduler_finds_work_that_the_queue_refused(connected: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world = connected

    def refuse(*args: object, **kwargs: object) -> None:
        raise Unavailable("the queue did not take the task", code="queue_unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(world.queue, "add", refuse)
        erase(world)
    assert world.queue.others == []
    world.clean_up()
    assert left(world) == []


def test_store_outage_after_the_first_commit_only_delays_the_erasure(connected: World) -> None:
    world = connected

    def away(name: str) -> None:
        if name == "removals.begin":
            raise Unavailable("the store did not answer", code="store_unavailable")

    world.calls.before = away
    erase(world)
    assert len(world.store.connections) == 4
    world.calls.before = None
    world.clean_up()
    assert left(world) == []


def test_store_outage_at_the_first_commit_is_reported_to_the_caller(connected: World) -> None:
    world = connected

    def away(name: str) -> None:
        raise Unavailable("the store did not answer", code="store_unavailable")

    world.calls.before = away
    with pytest.raises(Unavailable):
        erase(world)
    assert len(world.store.connections) == 4
    assert world.erasures.kept == {}


def test_task_names_contain_no_uid(connected: World) -> None:
    erase(connected)
    names = [name for name in connected.queue.names if name.startswith(f"e{hashlib.sha256(b'alice').hexdigest()[:32]}")]
    assert names
    assert not any(ALICE in name for name in connected.queue.names)
