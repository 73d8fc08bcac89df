"""When an item's institution changes, its connection follows, whatever else fails."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from shared.adapters.plaid.webhook_events import parse_webhook
from shared.domain.connection import BankConnection, ItemStatus
from shared.domain.errors import ErrorClass, ProviderError
from shared.domain.institution import InstitutionInfo
from shared.ports import Delivery
from shared.usecases.linking.find_duplicate import Siblings
from tests.fakes import Crash, FakeInstitutions, FakeItem, institution, problem, row
from tests.usecases.conftest import ALICE, World

A_DAY = timedelta(days=1)


def plaid(institution_id: str, name: str) -> InstitutionInfo:
    return institution(institution_id, name=name).model_copy(
        update={"logo": f"logo of {name}", "primary_color": "#123"}
    )


@pytest.fixture
def institutions() -> FakeInstitutions:
    return FakeInstitutions()


@pytest.fixture
def item(world: World, institutions: FakeInstitutions) -> FakeItem:
    world.plaid.catalogue = {"ins_1": plaid("ins_1", "First Bank"), "ins_2": plaid("ins_2", "Second Bank")}
    item = world.connected("1", row("t1"))
    world.settle()
    world.welcome(institutions)
    assert shown(world) == ("ins_1", "First Bank", "logo of First Bank")
    return item


def connection(world: World) -> BankConnection:
    return world.store.connections["1"]


def shown(world: World) -> tuple[str | None, str | None, str | None]:
    there = connection(world)
    return there.institution_id, there.institution_name, there.institution.logo if there.institution else None


SECOND = ("ins_2", "Second Bank", "logo of Second Bank")


def down() -> ProviderError:
    return problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR")


def by_webhook(world: World, code: str) -> None:
    body = {"webhook_type": "ITEM", "webhook_code": code, "item_id": "item-1"}
    delivery = Delivery("d1", body, world.clock.now(), "1", due_at=world.clock.now())
    world.inbox.record(delivery)
    world.check.by_webhook("1", parse_webhook(body), delivery_id="d1")


READERS: dict[str, Callable[[World], object]] = {
    "daily check": lambda world: world.check.daily_check("1"),
    "repair by the user": lambda world: world.check.by_user(connection(world)),
    "webhook": lambda world: by_webhook(world, "NEW_ACCOUNTS_AVAILABLE"),
}


@pytest.mark.parametrize("reader", sorted(READERS))
def test_every_read_of_the_item_notices_the_change_and_the_logo_follows(
    world: World, institutions: FakeInstitutions, item: FakeItem, reader: str
) -> None:
    item.institution_id, item.institution_name = "ins_2", "Second Bank"
    READERS[reader](world)
    assert shown(world) == ("ins_2", "Second Bank", None), "never the old bank's logo beside the new id"
    assert (world.state().source, world.state().is_set_up) == ("ins_2", False)
    world.tick()
    world.welcome(institutions)  # as the queue does with an enqueued run of a connection that is not set up
    assert shown(world) == SECOND
    assert world.state().is_set_up


def test_the_daily_check_updates_name_logo_and_group(
    world: World, institutions: FakeInstitutions, item: FakeItem
) -> None:
    item.institution_id = "ins_2"
    world.check.daily_check("1")
    world.welcome(institutions)
    assert shown(world) == SECOND
    assert world.state().source == "ins_2"
    assert institutions.known["ins_2"].name == "Second Bank"


def test_set_up_after_an_institution_change_is_done_by_the_next_requested_sync(
    world: World, item: FakeItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    item.institution_id = "ins_2"
    item.error = problem(ErrorClass.TERMINAL, "ITEM_NOT_SUPPORTED")
    world.check.daily_check("1")
    assert not world.state().is_set_up
    item.error = None
    asked: list[bool] = []
    enqueued = world.queue.enqueue

    def enqueue(connection_id: str, *, name: str, welcome: bool = False) -> None:
        asked.append(welcome)
        enqueued(connection_id, name=name, welcome=welcome)

    monkeypatch.setattr(world.queue, "enqueue", enqueue)
    world.check.daily_check("1")
    assert asked == [True]


def test_a_set_up_alone_notices_the_change_too(world: World, institutions: FakeInstitutions, item: FakeItem) -> None:
    item.institution_id = "ins_2"
    world.welcome(institutions)
    assert shown(world) == SECOND
    assert (world.state().source, world.state().is_set_up) == ("ins_2", True)


def test_a_sync_that_reads_the_accounts_notices_the_change(
    world: World, institutions: FakeInstitutions, item: FakeItem
) -> None:
    item.institution_id = "ins_2"
    item.add(row("t2"))
    world.clock.move(timedelta(hours=13))
    world.tick()
    world.settle()
    assert not world.state().is_set_up
    world.clock.move(timedelta(minutes=15))
    assert world.tick() == 1
    world.welcome(institutions)
    assert shown(world) == SECOND


@pytest.mark.parametrize("code", ["INTERNAL_SERVER_ERROR", "INVALID_INSTITUTION"])
def test_a_failed_look_up_of_the_institution_does_not_lose_the_change(
    world: World, institutions: FakeInstitutions, item: FakeItem, code: str
) -> None:
    item.institution_id, item.institution_name = "ins_2", "Second Bank"
    fault = ErrorClass.TRANSIENT if code == "INTERNAL_SERVER_ERROR" else ErrorClass.CONFIGURATION
    world.plaid.fail("institution", problem(fault, code), problem(fault, code))
    world.check.daily_check("1")
    if fault is ErrorClass.TRANSIENT:
        with pytest.raises(ProviderError):
            world.welcome(institutions)
        assert not world.state().is_set_up, "the scheduler repeats it"
        world.plaid.errors.clear()
    else:
        world.welcome(institutions)
    assert shown(world) == ("ins_2", "Second Bank", None)
    assert world.state().source == "ins_2"
    world.welcome(institutions)
    assert shown(world) == SECOND


def test_an_institution_without_a_name_shows_none_rather_than_the_old_one(
    world: World, institutions: FakeInstitutions, item: FakeItem
) -> None:
    item.institution_id = "ins_2"
    world.plaid.fail("institution", down())
    world.check.daily_check("1")
    with pytest.raises(ProviderError):
        world.welcome(institutions)
    assert shown(world) == ("ins_2", None, None)


def test_a_broken_login_moves_with_its_item_and_its_notification_names_the_new_bank(
    world: World, item: FakeItem
) -> None:
    item.institution_id, item.institution_name = "ins_2", "Second Bank"
    item.error = problem(ErrorClass.USER, "ITEM_LOGIN_REQUIRED")
    world.check.daily_check("1")
    assert connection(world).status is ItemStatus.BAD
    assert shown(world) == ("ins_2", "Second Bank", None)
    titles = [one.title for one in world.store.notifications.values() if one.kind == "needs_repair"]
    assert titles == ["Second Bank needs your attention"]


def test_moved_connection_is_a_duplicate_at_its_new_bank_only(world: World, item: FakeItem) -> None:
    before = Siblings.read(ALICE, "ins_2", connections=world.store)
    item.institution_id = "ins_2"
    world.check.daily_check("1")
    after = Siblings.read(ALICE, "ins_2", connections=world.store)
    assert {one: held.institution_id for one, held in after.owned.holdings.items()} == {"1": "ins_2"}
    assert after.guards.institution != before.guards.institution, "a concurrent exchange at the new bank checks again"


def test_pause_of_the_new_institution_defers_the_connection(world: World, item: FakeItem) -> None:
    item.institution_id = "ins_2"
    world.check.daily_check("1")
    world.pauses.pause("ins_2", by="op", reason="")
    world.clock.move(A_DAY)
    assert world.tick() == 0


def test_an_item_that_names_no_institution_changes_nothing(
    world: World, institutions: FakeInstitutions, item: FakeItem
) -> None:
    before = connection(world)
    item.institution_id = None  # type: ignore[assignment]
    world.check.daily_check("1")
    world.welcome(institutions)
    assert connection(world) == before
    assert world.state().source == "ins_1"


def test_a_connection_without_an_institution_gets_its_first_in_the_same_way(
    world: World, institutions: FakeInstitutions, item: FakeItem
) -> None:
    """The exchange could not read the item."""
    unknown = {"institution_id": None, "institution_name": None, "institution": None}
    world.store.connections["1"] = connection(world).model_copy(update=unknown)
    before = world.store.guards(ALICE, institution_id="ins_1").institution
    world.welcome(institutions)
    assert shown(world) == ("ins_1", "First Bank", "logo of First Bank")
    assert world.store.guards(ALICE, institution_id="ins_1").institution != before


def test_change_noticed_while_the_old_bank_is_looked_up_is_kept(
    world: World, institutions: FakeInstitutions, item: FakeItem
) -> None:
    def change(call: str) -> None:
        if call == "bank.institution" and item.institution_id == "ins_1":
            item.institution_id, item.institution_name = "ins_2", "Second Bank"
            world.check.daily_check("1")

    institutions.known.clear()
    world.calls.before = change
    world.welcome(institutions)
    world.calls.before = None
    assert connection(world).institution_id == "ins_2"
    assert (world.state().source, world.state().is_set_up) == ("ins_2", False)
    world.welcome(institutions)
    assert shown(world) == SECOND


@pytest.mark.parametrize("when", ["crash_before", "crash_after"])
def test_after_a_crash_at_any_call_the_next_daily_check_completes_the_change(
    world: World, item: FakeItem, when: str
) -> None:
    item.institution_id, item.institution_name = "ins_2", "Second Bank"
    for later in range(100):
        institutions = FakeInstitutions(world.calls)
        setattr(world.calls, when, len(world.calls.log) + later)
        try:
            world.check.daily_check("1")
            world.welcome(institutions)
        except Crash:
            there = connection(world)
            assert (there.institution_id == "ins_2") == (world.state().source == "ins_2")
        else:
            break
        finally:
            setattr(world.calls, when, None)
    assert later > 8
    assert shown(world) == SECOND


def test_an_old_connection_whose_group_was_left_behind_is_corrected_by_the_daily_check(
    world: World, institutions: FakeInstitutions, item: FakeItem
) -> None:
    loaded = world.store.states["1"]
    world.store.save(loaded.state.model_copy(update={"source": "ins_0"}), expected=loaded.version)
    world.check.daily_check("1")
    world.welcome(institutions)
    assert world.state().source == "ins_1"
