"""Notes of a replaced connection move to the new one; nothing that a user wrote is lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.domain.connection import REVOKED_CODE, ItemStatus
from shared.domain.errors import ErrorClass, Unavailable
from shared.domain.history_move import MoveState
from shared.domain.notification import NotificationKind
from shared.domain.status import StatusEvent
from shared.domain.transaction import History
from shared.ports import Profile
from tests.fakes import account, problem
from tests.usecases.conftest import ALICE, World
from tests.usecases.linking_ground import exchange, new_world
from tests.usecases.removal.relink_ground import (
    archived,
    coffee,
    dies,
    link,
    notes_of,
    relinked,
    synced,
    write,
)
from tests.usecases.removal.removal_ground import revoked_error

NOTE: dict[str, Any] = {"note": "with Ben", "category": "fun", "tags": ["a"], "hidden": True}
OTHER = {"note": "alone"}


@pytest.fixture
def world() -> World:
    return new_world()


def moved(world: World, new: str) -> dict[str, int]:
    """What the connection says came of the move."""
    result = world.store.connections[new].history_moved
    assert result is not None
    return {"moved": result.moved, "archived": result.archived}


def test_notes_move_and_the_old_connection_is_removed(world: World) -> None:
    old, new = relinked(
        world, [coffee("o1"), coffee("o2", "2026-01-01")], [coffee("n1"), coffee("n2", "2026-01-01")], {"o1": NOTE}
    )
    assert world.store.connections[new].replaces == old
    world.sync(new)
    world.clean_up()
    assert notes_of(world, new) == {"n1": NOTE}
    assert archived(world, new) == {}
    assert world.left_of(old) == []
    assert world.store.connections.keys() == {new}
    assert world.store.connections[new].replaces is None
    assert moved(world, new) == {"moved": 1, "archived": 0}
    assert world.plaid.removed == ["item-old"]
    assert world.store.moves == {}


def test_old_connection_keeps_its_rows_until_the_new_history_is_complete(world: World) -> None:
    old, new = relinked(world, [coffee("o1")], [coffee("n1")], {"o1": NOTE})
    world.plaid.by_id("item-new").ready = History.RECENT
    world.sync(new)
    assert world.queue.others == []
    world.clock.move(timedelta(minutes=16))
    world.tick()
    world.clean_up()
    assert notes_of(world, old) == {"o1": NOTE}
    world.plaid.by_id("item-new").ready = History.COMPLETE
    world.sync(new)
    world.clean_up()
    assert notes_of(world, new) == {"n1": NOTE}
    assert world.left_of(old) == []


def test_scheduler_starts_a_move_whose_task_was_lost(world: World) -> None:
    old, new = relinked(world, [coffee("o1")], [coffee("n1")], {"o1": NOTE})
    world.sync(new)
    world.queue.others.clear()
    world.clock.move(timedelta(minutes=16))
    world.tick()
    world.clean_up()
    assert notes_of(world, new) == {"n1": NOTE}
    assert world.left_of(old) == []


def test_user_is_notified_once_and_the_audit_log_records_the_move(world: World) -> None:
    world.profiles.profile = Profile(language="es")
    old, new = relinked(world, [coffee("o1"), coffee("o2", name="Tea")], [coffee("n1")], {"o1": NOTE, "o2": OTHER})
    world.sync(new)
    world.clean_up()
    world.move_history.resume(new)
    [news] = [one for one in world.store.notifications.values() if one.kind is NotificationKind.HISTORY_MOVED]
    assert news.connection_id == new
    assert "Notas trasladadas: 1. Notas en el archivo: 1." in news.body
    [entry] = [one for one in world.store.audit[ALICE] if one.action == "history_moved"]
    assert (entry.connection_id, entry.details) == (new, {"from": old, "moved": "1", "archived": "1"})
    created = next(one.details for one in world.store.audit[ALICE] if one.connection_id == new)
    assert created["replaces"] == old
    [removal] = [one for one in world.store.audit[ALICE] if one.action == "removal_started"]
    assert (removal.connection_id, removal.details) == (old, {"reason": "replaced"})


def test_archived_row_names_its_account_in_the_new_connection_and_the_old_connection(world: World) -> None:
    old, new = relinked(world, [coffee("o1", amount="5.00")], [coffee("n1", amount="6.00")], {"o1": NOTE})
    world.sync(new)
    world.clean_up()
    fields = world.store.archives[new]["o1"].fields
    assert fields["account_id"] == "account-new"
    assert (fields["from_connection_id"], fields["moved_to"], fields["amount"]) == (old, None, "5.00")
    stored: dict[str, Any] = dict(fields)
    assert (stored["connection_id"], stored["app_user_id"]) == (new, ALICE)
    assert "run" not in stored


@pytest.mark.parametrize(
    ("day", "name", "amount", "moves"),
    [
        ("2026-02-13", "Coffee", "12.34", True),
        ("2026-02-14", "Coffee", "12.34", False),
        ("2026-02-10", "  COFFEE ", "12.340", True),
        ("2026-02-10", "Coffee", "12.35", False),
        ("2026-02-10", "Coffee shop", "12.34", False),
    ],
)
def test_row_may_change_its_date_by_three_days_but_neither_amount_nor_name(
    world: World, day: str, name: str, amount: str, moves: bool
) -> None:
    _, new = relinked(world, [coffee("o1")], [coffee("n1", day, name=name, amount=amount)], {"o1": NOTE})
    world.sync(new)
    world.clean_up()
    assert (notes_of(world, new), archived(world, new)) == (({"n1": NOTE}, {}) if moves else ({}, {"o1": NOTE}))


def test_two_equal_purchases_on_one_day_with_different_notes_are_archived(world: World) -> None:
    notes = {"o1": NOTE, "o2": OTHER}
    _, new = relinked(world, [coffee("o1"), coffee("o2")], [coffee("n1"), coffee("n2")], notes)
    world.sync(new)
    world.clean_up()
    assert notes_of(world, new) == {}
    assert archived(world, new) == notes


def test_two_equal_purchases_on_one_day_with_the_same_note_are_moved(world: World) -> None:
    notes = {"o1": NOTE, "o2": NOTE}
    _, new = relinked(world, [coffee("o1"), coffee("o2")], [coffee("n1"), coffee("n2")], notes)
    world.sync(new)
    world.clean_up()
    assert notes_of(world, new) == {"n1": NOTE, "n2": NOTE}
    assert archived(world, new) == {}


@pytest.mark.parametrize("mask", ["0000", ""])
def test_two_accounts_with_one_name_and_mask_match_none(world: World, mask: str) -> None:
    accounts = [[account(f"{name}{n}", mask=mask) for n in range(2)] for name in ("a", "b")]
    old, new = relinked(
        world,
        [coffee("o1", account_id="a0")],
        [coffee("n1", account_id="b0")],
        {"o1": NOTE},
        old_accounts=accounts[0],
        new_accounts=accounts[1],
    )
    world.sync(new)
    world.clean_up()
    assert archived(world, new) == {"o1": NOTE}
    assert notes_of(world, new) == {}
    assert world.left_of(old) == []


def test_account_without_a_mask_matches_if_both_connections_have_the_same_accounts(world: World) -> None:
    _, new = relinked(
        world,
        [coffee("o1")],
        [coffee("n1")],
        {"o1": NOTE},
        old_accounts=[account("a", mask="")],
        new_accounts=[account("b", mask="")],
    )
    world.sync(new)
    world.clean_up()
    assert notes_of(world, new) == {"n1": NOTE}


def test_account_without_a_mask_does_not_match_beside_another_account(world: World) -> None:
    _, new = relinked(
        world,
        [coffee("o1"), coffee("o2", account_id="shared-a")],
        [coffee("n1"), coffee("n2", account_id="shared-b")],
        {"o1": NOTE, "o2": OTHER},
        old_accounts=[account("a", mask=""), account("shared-a", name="Savings")],
        new_accounts=[account("b", mask=""), account("shared-b", name="Savings"), account("c", name="Third")],
    )
    world.sync(new)
    world.clean_up()
    assert archived(world, new) == {"o1": NOTE}
    assert notes_of(world, new) == {"n2": OTHER}


def test_note_that_the_user_writes_on_the_new_row_stays_and_the_old_one_is_archived(world: World) -> None:
    _, new = relinked(world, [coffee("o1")], [coffee("n1")], {"o1": NOTE})
    world.sync(new)
    write(world, new, "n1", OTHER)
    world.clean_up()
    assert notes_of(world, new) == {"n1": OTHER}
    assert archived(world, new) == {"o1": NOTE}


@pytest.mark.parametrize("place", ["old row with a note", "old row without a note", "new row"])
@pytest.mark.parametrize("call", ["moves.transfer", "removals.begin", "moves.is_empty"])
def test_note_that_the_user_writes_during_the_move_is_not_lost(world: World, place: str, call: str) -> None:
    old, new = relinked(
        world, [coffee("o1"), coffee("o2", "2026-01-01")], [coffee("n1"), coffee("n2", "2026-01-01")], {"o1": NOTE}
    )
    world.sync(new)
    late = {"note": "written late"}
    where = {"old row with a note": (old, "o1"), "old row without a note": (old, "o2"), "new row": (new, "n1")}[place]
    written: list[bool] = []

    def interfere(name: str) -> None:
        if name == call and not written:
            written.append(where[1] in world.store.rows[where[0]])  # a deleted row accepts no update
            if written[0]:
                write(world, *where, late)

    world.calls.before = interfere
    world.clean_up()
    assert world.left_of(old) == []
    found = [*notes_of(world, new).values(), *archived(world, new).values()]
    if written[0]:
        assert late in found
    if place != "old row with a note" and not (place == "new row" and call != "moves.transfer"):
        assert NOTE in found


def test_row_that_a_sync_adds_before_the_last_commit_is_moved_too(world: World) -> None:
    old, new = relinked(world, [coffee("o1")], [coffee("n1"), coffee("n2", "2026-02-20")], {"o1": NOTE})
    world.sync(new)
    added: list[bool] = []

    def interfere(name: str) -> None:
        if name == "removals.begin" and not added:
            added.append(True)
            loaded = world.store.states[old]
            fields = coffee("o2", "2026-02-20", account_id="account-old")
            world.store.put_row(old, "o2", {**fields, "user": OTHER})
            world.store.states[old] = type(loaded)(loaded.state.touched(), world.store.next_version())

    world.calls.before = interfere
    world.clean_up()
    assert added
    assert notes_of(world, new) == {"n1": NOTE, "n2": OTHER}


def test_connection_whose_permission_was_revoked_is_neither_copied_nor_removed(world: World) -> None:
    old, new = relinked(world, [coffee("o1")], [coffee("n1")], {"o1": NOTE})
    dies(world, old, code=REVOKED_CODE)
    world.sync(new)
    world.clean_up()
    assert notes_of(world, new) == archived(world, new) == {}
    assert old in world.store.connections
    assert world.store.connections[new].replaces is None
    assert world.store.connections[new].history_moved is None
    assert world.store.moves == {}


def test_revoked_connection_is_not_replaced_by_a_new_link(world: World) -> None:
    old = synced(world, link(world, "old", coffee("o1")))
    dies(world, old, code=REVOKED_CODE)
    new = link(world, "new", coffee("n1"))
    assert world.store.connections[new].replaces is None
    assert world.store.moves == {}


def test_connection_that_works_again_stays_unless_its_user_chose_to_replace_it(world: World) -> None:
    old, new = relinked(world, [coffee("o1")], [coffee("n1")], {"o1": NOTE})
    world.store.connections[old] = world.store.connections[old].model_copy(update={"status": ItemStatus.GOOD})
    world.sync(new)
    world.clean_up()
    assert notes_of(world, old) == {"o1": NOTE}
    assert world.store.connections.keys() == {old, new}
    assert world.store.moves == {}


def test_connection_that_works_again_after_rows_have_moved_is_replaced_nevertheless(world: World) -> None:
    """Its sync would not read the moved rows again."""
    old, new = relinked(world, [coffee("o1"), coffee("o2", "2026-01-02")], [coffee("n1")], {"o1": NOTE})
    world.sync(new)

    happened: list[str] = []

    def work_again(name: str) -> None:
        if not happened and world.store.moves and world.store.moves[new][0].state is MoveState.MOVING:
            dead = world.store.connections[old]
            world.store.connections[old] = dead.model_copy(update={"status": ItemStatus.GOOD, "error_code": None})
            happened.append(name)

    world.calls.before = work_again
    world.clean_up()
    assert happened, "the connection worked again during the move"
    assert notes_of(world, new) == {"n1": NOTE}
    assert world.left_of(old) == []


def test_connection_that_is_revoked_before_the_last_commit_is_not_replaced(world: World) -> None:
    old, new = relinked(world, [coffee("o1")], [coffee("n1")], {"o1": NOTE})
    world.sync(new)

    happened: list[str] = []

    def revoke(name: str) -> None:
        if not happened and world.store.moves and not world.store.rows.get(old):
            happened.append(name)
            dies(world, old, code=REVOKED_CODE)

    world.calls.before = revoke
    world.clean_up()
    assert happened
    assert old in world.store.connections
    assert world.store.moves == {}


def test_move_never_takes_its_own_connection_for_the_old_one(world: World) -> None:
    old, new = relinked(world, [coffee("o1")], [coffee("n1")], {"o1": NOTE})
    move, version = world.store.moves[new]
    world.store.moves[new] = (move.model_copy(update={"from_connection_id": new}), version)
    world.sync(new)
    world.clean_up()
    assert set(world.store.rows[new]) == {"n1"}
    assert world.store.connections.keys() == {old, new}


def test_working_connection_is_replaced_if_its_user_chose_so(world: World) -> None:
    old = synced(world, link(world, "old", coffee("o1")))
    write(world, old, "o1", NOTE)
    new = link(world, "new", coffee("n1"), replaces=old)
    world.sync(new)
    world.clean_up()
    assert notes_of(world, new) == {"n1": NOTE}
    assert world.left_of(old) == []
    assert all(one["duplicate_of"] is None for one in world.store.account_rows[new].values())


def test_old_connection_that_was_removed_meanwhile_ends_the_move(world: World) -> None:
    old, new = relinked(world, [coffee("o1")], [coffee("n1")], {"o1": NOTE})
    world.remove(old)
    world.clean_up()
    world.sync(new)
    world.clean_up()
    assert world.store.moves == {}
    assert world.store.connections[new].replaces is None
    assert [one for one in world.store.notifications.values() if one.kind is NotificationKind.HISTORY_MOVED] == []


def test_removal_of_the_new_connection_deletes_its_move_and_archive_and_keeps_the_old_one(world: World) -> None:
    old, new = relinked(world, [coffee("o1")], [coffee("n1")], {"o1": NOTE})
    world.remove(new)
    world.clean_up()
    assert world.left_of(new) == []
    assert notes_of(world, old) == {"o1": NOTE}


def test_revocation_of_the_new_connection_ends_its_move_and_keeps_the_old_one(world: World) -> None:
    old, new = relinked(world, [coffee("o1")], [coffee("n1")], {"o1": NOTE})
    change = world.status_events.apply(new, StatusEvent.REVOKED, error=revoked_error())
    assert change is not None
    loaded = world.store.states[new]
    world.store.save(loaded.state.touched(), expected=loaded.version, writes=change.writes())
    world.clock.move(timedelta(hours=1))
    world.tick()
    world.clean_up()
    assert world.store.moves == {}
    assert world.store.connections[new].replaces is None
    assert notes_of(world, old) == {"o1": NOTE}


def test_archive_moves_along_when_the_connection_is_replaced_again(world: World) -> None:
    _, second = relinked(world, [coffee("o1", name="Tea")], [coffee("n1")], {"o1": NOTE})
    world.sync(second)
    world.clean_up()
    write(world, second, "n1", OTHER)
    dies(world, second)
    third = synced(world, link(world, "third", coffee("t1")))
    world.clean_up()
    assert archived(world, third) == {"o1": NOTE}
    assert notes_of(world, third) == {"t1": OTHER}
    assert world.left_of(second) == []


def test_notes_that_wait_for_a_connection_that_dies_move_to_its_successor(world: World) -> None:
    first, second = relinked(world, [coffee("o1")], [coffee("n1")], {"o1": NOTE})
    dies(world, second)
    third = link(world, "third", coffee("t1"))
    assert world.store.connections[third].replaces == second
    world.sync(third)
    world.clean_up()
    assert notes_of(world, third) == {"t1": NOTE}
    assert world.store.connections.keys() == {third}
    assert world.left_of(first) == world.left_of(second) == []
    assert world.store.moves == {}


def test_none_is_replaced_if_several_dead_connections_have_the_accounts(world: World) -> None:
    dead = [link(world, name, coffee(name), allow_duplicate=True) for name in ("a", "b")]
    for one in dead:
        dies(world, one)
    new = link(world, "new", coffee("n1"))
    assert world.store.connections[new].replaces is None
    assert world.store.moves == {}


def test_user_chooses_which_of_several_dead_connections_is_replaced(world: World) -> None:
    first = synced(world, link(world, "a", coffee("o1")))
    write(world, first, "o1", NOTE)
    second = link(world, "b", coffee("o2"), allow_duplicate=True)
    for one in (first, second):
        dies(world, one)
    new = link(world, "new", coffee("n1"), replaces=first)
    world.sync(new)
    world.clean_up()
    assert notes_of(world, new) == {"n1": NOTE}
    assert world.store.connections.keys() == {new, second}


def test_dead_connection_is_found_later_if_plaid_did_not_name_the_accounts(world: World) -> None:
    old = synced(world, link(world, "old", coffee("o1")))
    write(world, old, "o1", NOTE)
    dies(world, old)
    world.plaid.fail("accounts", problem(ErrorClass.TRANSIENT, "INTERNAL_SERVER_ERROR"))
    new = link(world, "new", coffee("n1"))
    assert world.store.connections[new].replaces is None
    world.sync(new)
    world.clean_up()
    assert notes_of(world, new) == {"n1": NOTE}
    assert world.left_of(old) == []


def test_connection_of_another_user_is_never_replaced(world: World) -> None:
    old = synced(world, link(world, "old", coffee("o1")))
    dies(world, old)
    world.plaid.new_item("new").add(coffee("n1"))
    new = str(exchange(world, "public-new", user="bob").answer["connection_id"])
    assert world.store.connections[new].replaces is None
    assert world.store.moves == {}


def test_notification_that_holds_the_note_of_a_removed_row_stays(world: World) -> None:
    old = synced(world, link(world, "old", coffee("o1"), coffee("o2", name="Tea")))
    write(world, old, "o1", NOTE)
    world.plaid.by_id("item-old").remove("o1")
    world.sync_requests.by_event(old)
    world.sync(old)
    dies(world, old)
    new = link(world, "new", coffee("n2", name="Tea"))
    world.sync(new)
    world.clean_up()
    assert world.left_of(old) == []
    [kept] = [one for one in world.store.notifications.values() if one.kind is NotificationKind.NOTE_KEPT]
    assert kept.connection_id == new
    assert "with Ben" in kept.body


def test_large_move_is_split_into_commits_that_fit(world: World) -> None:
    world.store.max_writes = 3
    days = [f"2026-01-{day:02}" for day in range(1, 29)]
    old = [coffee(f"o{n}", day, name=f"Shop {n}") for n, day in enumerate(days)]
    new = [coffee(f"n{n}", day, name=f"Shop {n}") for n, day in enumerate(days)]
    notes = {f"o{n}": {"note": str(n)} for n in range(0, 28, 2)}
    before, after = relinked(world, old, new, notes)
    world.sync(after)
    world.clean_up()
    assert notes_of(world, after) == {f"n{n}": {"note": str(n)} for n in range(0, 28, 2)}
    assert moved(world, after) == {"moved": 14, "archived": 0}
    assert world.left_of(before) == []


def test_move_that_takes_too_long_is_continued_by_another_delivery(world: World) -> None:
    old, new = relinked(
        world,
        [coffee("o1"), coffee("o2", name="Tea"), coffee("o3", name="Milk")],
        [coffee("n1"), coffee("n2", name="Tea"), coffee("n3", name="Milk")],
        {"o1": NOTE, "o2": OTHER},
    )
    world.sync(new)

    def slow(name: str) -> None:
        if name == "moves.transfer":
            world.clock.move(timedelta(minutes=7))

    world.calls.before = slow
    world.move_history.resume(new)
    assert old in world.store.connections
    world.clean_up()
    assert notes_of(world, new) == {"n1": NOTE, "n2": OTHER}
    assert world.left_of(old) == []


def test_move_is_retried_for_ever_with_growing_delays(world: World) -> None:
    _, new = relinked(world, [coffee("o1")], [coffee("n1")], {"o1": NOTE})
    world.plaid.by_id("item-new").ready = History.NOT_READY
    waits = []
    for _ in range(8):
        due_at = world.store.moves[new][0].due_at
        waits.append(due_at - world.clock.at)
        world.clock.at = due_at + timedelta(seconds=1)
        world.tick()
    hours = [round(wait / timedelta(hours=1), 2) for wait in waits]
    assert hours == [0.25, 0.25, 1.0, 3.0, 6.0, 6.0, 6.0, 6.0]


def test_store_that_does_not_answer_leaves_the_move_due(world: World) -> None:
    _, new = relinked(world, [coffee("o1")], [coffee("n1")], {"o1": NOTE})
    world.sync(new)

    def down(name: str) -> None:
        if name == "moves.transfer":
            raise Unavailable("down", code="store_unavailable")

    world.calls.before = down
    with pytest.raises(Unavailable):
        world.move_history.resume(new)
    world.calls.before = None
    world.clock.move(timedelta(minutes=16))
    world.queue.others.clear()
    world.tick()
    world.clean_up()
    assert notes_of(world, new) == {"n1": NOTE}


def test_ordinary_syncs_enqueue_no_move(world: World) -> None:
    new = synced(world, link(world, "new", coffee("n1")))
    world.plaid.by_id("item-new").add(coffee("n2"))
    world.sync(new)
    assert world.queue.others == []
    assert world.store.connections[new].history_moved is None
