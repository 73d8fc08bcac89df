"""A removed connection disappears at once, then all its data, and its item as soon as Plaid answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.domain import grace_periods
from shared.domain.audit import Actor
from shared.domain.connection import Action, ItemStatus
from shared.domain.credentials import LOST_CODE
from shared.domain.errors import ErrorClass, InvalidArgument, NotFound, ProviderError, Unavailable
from shared.domain.progress import SyncStatus
from shared.domain.removal import RemovalReason
from shared.ports import Delivery
from tests.fakes import Crash, FakeItem, problem, row
from tests.usecases.conftest import ALICE, World
from tests.usecases.removal.removal_ground import ask_for_sync, exchange, revoked_error, rows, tell

DOWN = problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR")


@pytest.fixture
def item(world: World) -> FakeItem:
    """One connection, in sync, with every kind of document."""
    made = world.connected("1", *rows())
    world.settle()
    world.store.write_note("1", "t1", "mine")
    world.inbox.record(Delivery("d1", {}, world.clock.now(), "1"))
    return made


# -- the user removes a connection --


def test_first_commit_hides_the_connection_from_all_clients(world: World, item: FakeItem) -> None:
    world.remove()
    for call in (
        lambda: ask_for_sync(world),
        lambda: world.reconnect_connection("1", app_user_id=ALICE),
        lambda: world.remove(),
    ):
        with pytest.raises(NotFound):
            call()
    store = world.store
    assert not {"1"} & (store.connections.keys() | store.states.keys() | store.tokens.keys())
    assert world.plaid.removed == []
    assert world.audited()[-1] == "removal_started"


def test_removal_deletes_all_data_and_the_item_at_plaid(world: World, item: FakeItem) -> None:
    world.remove()
    world.clean_up()
    assert world.left_of("1") == []
    assert world.store.institution_guards == {}
    assert world.plaid.removed == ["item-1"]
    assert world.audited()[-2:] == ["removal_started", "removal_done"]
    done = world.store.audit[ALICE][-1]
    assert (done.connection_id, done.details) == ("1", {"reason": "user", "item": "removed"})


def test_removal_keeps_other_data(world: World, item: FakeItem) -> None:
    world.connected("2", *rows(3))
    world.connected("3", *rows(2), owner="bob")
    world.settle()
    before = {name: world.left_of(name) for name in ("2", "3")}
    guards = dict(world.store.institution_guards)
    world.remove()
    world.clean_up()
    assert {name: world.left_of(name) for name in ("2", "3")} == before
    assert world.store.institution_guards == guards, "there is another connection to that bank"
    assert world.equals_truth("2")
    assert world.plaid.removed == ["item-1"]


@pytest.mark.parametrize("name", ["1", "never-there"])
def test_connection_of_another_user_is_not_found(world: World, item: FakeItem, name: str) -> None:
    with pytest.raises(NotFound):
        world.remove(name, owner="bob")
    assert "1" in world.store.connections


def test_second_of_two_concurrent_removals_is_too_late(world: World, item: FakeItem) -> None:
    def first(name: str) -> None:
        if name == "removals.begin":
            world.calls.before = None
            world.remove()

    world.calls.before = first
    with pytest.raises(NotFound):
        world.remove()
    world.clean_up()
    assert world.audited().count("removal_started") == world.audited().count("removal_done") == 1


def test_the_bank_can_be_linked_again_at_once(world: World, item: FakeItem) -> None:
    world.remove()
    world.plaid.new_item("2").add(*rows(3))
    made = exchange(world, "public-2")
    world.clean_up()
    world.settle()
    assert set(world.rows(str(made["connection_id"]))) == {"t0", "t1", "t2"}
    assert world.store.guards(ALICE, institution_id="ins_1").institution is not None


def test_the_same_public_token_does_not_answer_with_a_dead_connection(world: World) -> None:
    world.plaid.new_item("1").add(*rows(3))
    name = str(exchange(world, "public-1")["connection_id"])
    assert exchange(world, "public-1")["connection_id"] == name
    world.settle()
    world.remove(name)
    world.clean_up()
    assert world.left_of(name) == []
    with pytest.raises(InvalidArgument):
        exchange(world, "public-1")


# -- Plaid does not answer, or returns an error --


def test_plaid_being_down_holds_up_the_item_alone(world: World, item: FakeItem) -> None:
    world.plaid.fail("remove", *[DOWN] * 7)
    world.remove()
    waits = []
    for _ in range(3):
        before = world.clock.at
        while world.queue.others:
            world.queue.others.pop(0)
            world.deliver(lambda: world.remover.resume("1"))
        assert world.left_of("1") == ["tombstone"]
        waits.append(world.store.tombstones["1"].due_at - before)
        world.clock.at = world.store.tombstones["1"].due_at
        world.tick()
    assert waits == sorted(waits)
    assert waits[-1] > timedelta(minutes=50)
    world.clean_up()
    assert world.plaid.removed == ["item-1"]
    assert world.left_of("1") == []


def test_wrong_keys_remove_nothing_and_the_removal_is_retried(world: World, item: FakeItem) -> None:
    world.plaid.fail("remove", *[problem(ErrorClass.CONFIGURATION, "INVALID_API_KEYS")] * 9)
    world.remove()
    world.clean_up(turns=200)
    assert world.plaid.removed == ["item-1"]
    assert world.calls.log.count("bank.remove") == 10


def test_item_unknown_to_plaid_counts_as_removed(world: World, item: FakeItem) -> None:
    del world.plaid.items["token-1"]
    world.remove()
    world.clean_up()
    assert world.left_of("1") == []
    assert world.store.audit[ALICE][-1].details["item"] == "unknown"


def unknown_token(times: int) -> list[ProviderError]:
    return [problem(ErrorClass.TERMINAL, "INVALID_ACCESS_TOKEN")] * times


def test_unknown_token_is_first_treated_as_a_configuration_error(world: World, item: FakeItem) -> None:
    world.plaid.fail("remove", *unknown_token(9))
    world.remove()
    began = world.clock.at
    world.clean_up(turns=200)
    assert world.clock.at - began < grace_periods.UNKNOWN_TOKEN, "an operator has corrected the keys"
    assert world.plaid.removed == ["item-1"]
    assert world.left_of("1") == []
    assert world.store.audit[ALICE][-1].details["item"] == "removed"


def test_token_unknown_for_days_is_lost_and_reported_to_operators(
    world: World, item: FakeItem, caplog: pytest.LogCaptureFixture
) -> None:
    world.plaid.fail("remove", *unknown_token(1000))
    world.remove()
    began = world.clock.at
    world.clean_up(turns=24 * 4 * 5)
    assert grace_periods.UNKNOWN_TOKEN <= world.clock.at - began < grace_periods.UNKNOWN_TOKEN + timedelta(days=1)
    assert world.left_of("1") == []
    assert world.store.audit[ALICE][-1].details["item"] == "lost"
    *postponed, lost = [record for record in caplog.records if record.levelname == "ERROR"]
    assert {record.message for record in postponed} == {"removal.postponed"}
    assert len(postponed) < 30
    assert lost.message == "removal.token_lost"


def test_token_known_to_be_lost_is_not_checked_again(
    world: World, item: FakeItem, caplog: pytest.LogCaptureFixture
) -> None:
    world.plaid.dead_tokens.add("token-1")
    world.store.describe("1", {"status": ItemStatus.ERROR, "error_code": LOST_CODE})
    world.remove()
    world.remover.resume("1")
    assert world.left_of("1") == []
    assert world.store.audit[ALICE][-1].details["item"] == "lost"
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["removal.token_lost"]


def test_days_count_from_the_first_unknown_token_not_from_an_earlier_outage(world: World, item: FakeItem) -> None:
    world.plaid.fail("remove", *[problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR")] * 40, *unknown_token(3))
    world.remove()
    world.clean_up(turns=24 * 4 * 30)
    assert world.plaid.removed == ["item-1"]


def test_scheduler_finds_work_that_the_queue_refused(
    world: World, item: FakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise Unavailable("the queue did not take the task", code="queue_unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(world.queue, "add", refuse)
        world.remove()
    assert world.queue.others == []
    world.tick()
    assert world.queue.others == [], "it is not due yet"
    world.clean_up()
    assert world.left_of("1") == []


# -- the token is rotated at the same time --


def rotate(world: World) -> None:
    """Request a new token; the queue replaces it."""
    world.rotations.request("1", by=Actor.OPERATOR)
    world.rotation("1")


def removed_at_last(world: World) -> bool:
    return world.plaid.removed == ["item-1"] and world.left_of("1") == []


def test_removal_at_any_moment_of_a_rotation_removes_the_item() -> None:
    undisturbed = World()
    undisturbed.connected("1", *rows(3))
    undisturbed.settle()
    start = len(undisturbed.calls.log)
    rotate(undisturbed)
    for number in range(start, len(undisturbed.calls.log)):
        for clean in (True, False):
            world = World()
            world.connected("1", *rows(3))
            world.settle()

            def remove(name: str, at: int = number, clean: bool = clean, world: World = world) -> None:
                if len(world.calls.log) > at:
                    world.calls.before = None
                    world.remove()
                    if clean:
                        world.remover.resume("1")

            world.calls.before = remove
            world.deliver(lambda: rotate(world))  # noqa: B023
            world.clean_up()
            assert removed_at_last(world), f"{number}: {world.calls.log[number]}"
            assert world.audited().count("removal_done") == 1


def test_a_rotation_at_any_moment_of_a_removal_leaves_no_item() -> None:
    undisturbed = World()
    undisturbed.connected("1", *rows(3))
    undisturbed.settle()
    start = len(undisturbed.calls.log)
    undisturbed.remove()
    undisturbed.clean_up()
    for number in range(start, len(undisturbed.calls.log)):
        world = World()
        world.connected("1", *rows(3))
        world.settle()

        def replace(name: str, at: int = number, world: World = world) -> None:
            if len(world.calls.log) > at:
                world.calls.before = None
                world.deliver(lambda: rotate(world))

        world.calls.before = replace
        world.remove()
        world.clean_up()
        assert removed_at_last(world), f"{number}: {world.calls.log[number]}"


def test_while_the_token_may_be_changing_an_unknown_one_proves_nothing(
    world: World, item: FakeItem, caplog: pytest.LogCaptureFixture
) -> None:
    began = world.clock.now()

    def killed_then_removed(name: str) -> None:
        if name == "credentials.save" and world.calls.log.count("bank.invalidate"):
            raise Crash

    world.calls.before = killed_then_removed
    with pytest.raises(Crash):
        rotate(world)
    world.calls.before = None
    world.remove()
    world.remover.resume("1")
    assert world.store.tombstones["1"].due_at - began > timedelta(minutes=5)
    world.clean_up()
    assert world.left_of("1") == []
    assert world.store.audit[ALICE][-1].details["item"] == "lost", "its token is lost"
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["removal.token_lost"]


# -- the user revokes the permission at Plaid --


def revoked_by_webhook(world: World) -> None:
    tell(world, "USER_PERMISSION_REVOKED")


def revoked_by_a_call(world: World) -> None:
    world.plaid.fail("changes", revoked_error())
    tell(world, "SYNC_UPDATES_AVAILABLE", "TRANSACTIONS")
    world.sync()


REVOCATIONS = [revoked_by_webhook, revoked_by_a_call]


@pytest.mark.parametrize("revoked", REVOCATIONS)
def test_revoked_connection_stays_as_a_tombstone_and_its_data_are_removed(
    world: World, item: FakeItem, revoked: Callable[[World], None]
) -> None:
    revoked(world)
    assert [function for function, _ in world.queue.others] == ["removeitem"], (
        "the removal does not wait for the scheduler"
    )
    world.clean_up()
    connection = world.store.connections["1"]
    assert (connection.status, connection.action) == (ItemStatus.ERROR, Action.RELINK)
    assert connection.account_ids == ()
    assert world.state().status is SyncStatus.FAILED
    assert [w for w in world.left_of("1") if w.startswith(("row", "token", "accounts", "tombstone"))] == []
    assert "notification revoked" in world.left_of("1")
    assert world.plaid.removed == ["item-1"]
    assert world.audited()[-3:] == ["status_changed", "removal_started", "removal_done"]


@pytest.mark.parametrize("revoked", REVOCATIONS)
def test_no_sync_runs_on_a_revoked_connection(world: World, item: FakeItem, revoked: Callable[[World], None]) -> None:
    item.add(row("late"))
    asked = world.store.connections["1"]  # as a caller had just read it
    revoked(world)
    world.store.connections["1"], after = asked, world.store.connections["1"]
    ask_for_sync(world)
    tell(world, "SYNC_UPDATES_AVAILABLE", "TRANSACTIONS")
    world.store.connections["1"] = after
    world.tick()
    for _ in range(3):
        world.sync()
    world.clean_up()
    world.clock.move(timedelta(days=2))
    world.tick()
    world.sync()
    assert world.state().status is SyncStatus.FAILED
    assert world.store.rows["1"] == {}


@pytest.mark.parametrize("revoked", REVOCATIONS)
@pytest.mark.parametrize("first", [True, False])
def test_a_revoked_connection_can_be_removed(
    world: World, item: FakeItem, revoked: Callable[[World], None], first: bool
) -> None:
    revoked(world)
    if first:
        world.clean_up()
    world.remove()
    world.clean_up()
    assert world.left_of("1") == []
    assert world.plaid.removed == ["item-1"]


def test_two_deliveries_of_one_removal_leave_no_holder_of_the_item(world: World) -> None:
    """The slower one may claim the item after the faster one has deleted everything."""
    world.connected("1", *rows(2))
    world.connection_remover.begin(world.store.connections["1"], reason=RemovalReason.USER, by=Actor.USER)
    entered = False

    def before(name: str) -> None:
        nonlocal entered
        if name == "items.claim" and not entered:
            entered = True
            world.remover.resume("1")

    world.calls.before = before
    world.remover.resume("1")
    assert entered
    assert world.store.tombstones == {}
    assert world.store.holders == {}
