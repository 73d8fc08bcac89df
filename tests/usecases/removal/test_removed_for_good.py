"""Concurrent or late work does not restore any data of a removed connection."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.domain.errors import ErrorClass
from shared.ports import Delivery
from shared.usecases.linking.start_first_sync import StartFirstSync
from shared.usecases.sync import write_changes
from tests.fakes import FakeInstitutions, FakeItem, problem
from tests.usecases.conftest import World
from tests.usecases.removal.removal_ground import ask_for_sync, handle, revoked_error, rows, tell


@pytest.fixture
def item(world: World) -> FakeItem:
    """One connection, in sync."""
    made = world.connected("1", *rows())
    world.settle()
    return made


@pytest.fixture(params=["atomic", "streamed"])
def _size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "streamed":
        monkeypatch.setattr(write_changes, "MAX_ATOMIC_ROWS", 2)
        monkeypatch.setattr(write_changes, "STREAM_ROWS", 2)


def remove_all(world: World) -> None:
    world.remove()
    world.clean_up()


def a_run(world: World) -> None:
    world.sync()


def a_removal_of_rows(world: World) -> None:
    world.settle()
    if "t1" in world.store.rows["1"]:
        world.store.write_note("1", "t1", "mine")
        world.plaid.items["token-1"].remove(*(f"t{n}" for n in range(8)))
    tell(world, "SYNC_UPDATES_AVAILABLE", "TRANSACTIONS")
    world.sync()


def a_run_that_fails(world: World) -> None:
    world.plaid.fail("changes", problem(ErrorClass.USER, "ITEM_LOGIN_REQUIRED"))
    world.sync()


def a_run_that_learns_of_a_revocation(world: World) -> None:
    world.plaid.fail("changes", revoked_error())
    world.sync()


def a_webhook_of_new_data(world: World) -> None:
    tell(world, "SYNC_UPDATES_AVAILABLE", "TRANSACTIONS")


def a_webhook_of_an_error(world: World) -> None:
    world.plaid.items["token-1"].error = problem(ErrorClass.USER, "ITEM_LOGIN_REQUIRED")
    tell(world, "ERROR")


def a_webhook_without_effect(world: World) -> None:
    tell(world, "WEBHOOK_UPDATE_ACKNOWLEDGED")


def a_revocation(world: World) -> None:
    tell(world, "USER_PERMISSION_REVOKED")


def the_trigger(world: World) -> None:
    StartFirstSync(syncs=world.store, queue=world.queue)("1")
    world.welcome(FakeInstitutions(), webhook_url="https://example.com/hook")


def the_user(world: World) -> None:
    ask_for_sync(world)


def the_day(world: World) -> None:
    world.check.daily_check("1")


def the_schedule(world: World) -> None:
    world.clock.move(timedelta(hours=1))
    world.tick()


ACTORS = [
    *(a_run, a_removal_of_rows, a_run_that_fails, a_run_that_learns_of_a_revocation),
    *(a_webhook_of_new_data, a_webhook_of_an_error, a_webhook_without_effect, a_revocation),
    *(the_trigger, the_user, the_day, the_schedule),
]


@pytest.mark.usefixtures("_size")
@pytest.mark.parametrize("actor", ACTORS)
def test_work_interleaved_with_the_removal_restores_no_data(actor: Callable[[World], None]) -> None:
    undisturbed = World()
    undisturbed.connected("1", *rows())
    start = len(undisturbed.calls.log)
    actor(undisturbed)
    calls = len(undisturbed.calls.log)
    for number in range(start, calls):
        world = World()
        world.connected("1", *rows())

        def remove(name: str, at: int = number, world: World = world) -> None:
            if len(world.calls.log) > at:
                world.calls.before = None
                remove_all(world)

        world.calls.before = remove
        world.deliver(lambda: actor(world), attempts=2)  # noqa: B023
        handle(world)
        while world.queue.tasks:
            name, connection_id = world.queue.tasks.pop(0)
            world.sync(connection_id, task=name)
        at = f"{number}: {world.calls.log[number]}"
        assert world.left_of("1") == [], at
        assert world.plaid.removed == ["item-1"], at
        assert world.audited().count("removal_done") == 1, at


@pytest.mark.parametrize("actor", ACTORS)
def test_late_work_restores_no_data(world: World, item: FakeItem, actor: Callable[[World], None]) -> None:
    remove_all(world)
    world.plaid.items["token-1"] = item  # in case a caller still has the token
    world.deliver(lambda: actor(world), attempts=1)
    world.clock.move(timedelta(days=3))
    world.tick()
    handle(world)
    world.sync()
    assert world.left_of("1") == []


def test_waiting_webhook_is_removed_with_its_connection(world: World, item: FakeItem) -> None:
    world.inbox.record(Delivery("d2", {"webhook_code": "ERROR"}, world.clock.now(), "1", world.clock.now()))
    remove_all(world)
    assert world.store.deliveries == {}
