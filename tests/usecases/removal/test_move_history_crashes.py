"""The process dies before and after every external call of a move of notes; the result is always the same."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.domain.notification import NotificationKind
from tests.fakes import Crash
from tests.usecases.conftest import ALICE, World
from tests.usecases.item_ground import item_violations
from tests.usecases.linking_ground import exchange, new_world
from tests.usecases.removal.relink_ground import archived, coffee, dies, link, notes_of, synced, write

NOTES: dict[str, dict[str, Any]] = {
    "o1": {"note": "moves"},
    "o2": {"note": "one of two"},
    "o3": {"note": "the other of two"},
    "o4": {"note": "was cheaper before"},
    "o6": {"tags": ["the same"]},
    "o7": {"tags": ["the same"]},
}
OLD = [
    coffee("o1", "2026-01-05"),
    coffee("o2", "2026-01-15"),
    coffee("o3", "2026-01-15"),
    coffee("o4", "2026-01-25", amount="3.00"),
    coffee("o5", "2026-01-25"),
    coffee("o6", "2026-02-10"),
    coffee("o7", "2026-02-10"),
]
NEW = [
    coffee("n1", "2026-01-07"),
    coffee("n2", "2026-01-15"),
    coffee("n4", "2026-01-25", amount="4.00"),
    coffee("n5", "2026-01-25"),
    coffee("n6", "2026-02-10"),
    coffee("n7", "2026-02-10"),
]


def before_the_relink() -> tuple[World, str]:
    """A dead connection whose first link left it an archive."""
    world = new_world()
    first = synced(world, link(world, "first", coffee("f1", name="Tea")))
    write(world, first, "f1", {"note": "of the first"})
    dies(world, first)
    old = synced(world, link(world, "old", *OLD))
    world.clean_up()
    for transaction_id, note in NOTES.items():
        write(world, old, transaction_id, note)
    dies(world, old)
    world.store.max_writes = 4
    item = world.plaid.new_item("new", accounts=[{**world.store.account_rows[old]["account-old"], "account_id": "a"}])
    item.add(*({**one, "account_id": "a"} for one in NEW))  # type: ignore[arg-type]
    return world, old


def relink(world: World) -> str:
    """Link the bank again, as the app does, and run what then becomes due."""
    new = str(exchange(world, "public-new").answer["connection_id"])
    world.sync(new)
    world.clean_up()
    return new


def recover(world: World) -> str:
    """The app retries the exchange, and the queue and the scheduler resume everything else."""
    world.clock.move(timedelta(minutes=5))
    new = str(exchange(world, "public-new").answer["connection_id"])
    for _ in range(3):
        world.clock.move(timedelta(minutes=16))
        world.tick()
        while world.queue.tasks:
            name, connection_id = world.queue.tasks.pop(0)
            if connection_id == new:
                world.sync(new, task=name)
        world.clean_up()
    return new


def result(world: World, old: str, new: str) -> dict[str, Any]:
    """Everything that a user or an operator can see of the move."""
    moved = world.store.connections[new].history_moved
    assert moved is not None
    return {
        "notes": notes_of(world, new),
        "archive": archived(world, new),
        "counts": (moved.moved, moved.archived),
        "left of the old connection": world.left_of(old),
        "notified": [n.body for n in world.store.notifications.values() if n.kind is NotificationKind.HISTORY_MOVED],
        "audited": [e.details for e in world.store.audit[ALICE] if e.action == "history_moved"][1:],
        "removed": world.plaid.removed,
        "moves": world.store.moves,
    }


def places_of(world: World, note: dict[str, Any]) -> int:
    """In how many places a note is."""
    rows = [fields.get("user") for rows in world.store.rows.values() for fields in rows.values()]
    return [*rows, *(one.fields["user"] for kept in world.store.archives.values() for one in kept.values())].count(note)


def test_each_note_is_in_one_place_at_every_moment() -> None:
    world, old = before_the_relink()
    wrong: list[str] = []

    def check(name: str) -> None:
        wrong.extend(f"{name}: {i}" for i in ("o1", "o2", "o3", "o4") if places_of(world, NOTES[i]) != 1)
        wrong.extend(f"{name}: {i}" for i in ("o6",) if places_of(world, NOTES[i]) != 2)

    world.calls.before = check
    new = relink(world)
    assert wrong == []
    seen = result(world, old, new)
    assert seen["notes"] == {"n1": NOTES["o1"], "n6": NOTES["o6"], "n7": NOTES["o7"]}
    assert seen["archive"] == {i: NOTES[i] for i in ("o2", "o3", "o4")} | {"f1": {"note": "of the first"}}
    assert seen["counts"] == (3, 4)


@pytest.mark.parametrize("where", ["crash_before", "crash_after"])
def test_crash_at_any_call_leads_to_the_same_result(where: str) -> None:
    undisturbed, old = before_the_relink()
    start = len(undisturbed.calls.log)
    expected = result(undisturbed, old, relink(undisturbed))
    log = undisturbed.calls.log
    first = log.index("bank.exchange", start) + 2  # before that, the token itself can be lost
    assert {"moves.transfer", "removals.begin", "remains.delete", "removals.finish"} <= {*log[first:]}
    for number in range(first, len(log)):
        world, old = before_the_relink()
        setattr(world.calls, where, number)
        with pytest.raises(Crash):
            relink(world)
        setattr(world.calls, where, None)
        new = recover(world)
        at = f"{where} {number}: {log[number]}"
        ours = result(world, old, new)
        assert [one["from"] for one in ours.pop("audited")] == [old], at
        assert ours == {name: value for name, value in expected.items() if name != "audited"}, at
        assert item_violations(world) == [], at


@pytest.mark.parametrize("gap", [1, 2, 3])
def test_two_crashes_lead_to_the_same_result(gap: int) -> None:
    undisturbed, old = before_the_relink()
    start = len(undisturbed.calls.log)
    expected = result(undisturbed, old, relink(undisturbed))
    first = undisturbed.calls.log.index("moves.find", start)
    for number in range(first, len(undisturbed.calls.log)):
        world, old = before_the_relink()
        world.calls.crash_before = number
        with pytest.raises(Crash):
            relink(world)
        world.calls.crash_before = len(world.calls.log) + 10 * gap
        try:
            new = recover(world)
        except Crash:
            world.calls.crash_before = None
            new = recover(world)
        world.calls.crash_before = None
        ours = result(world, old, new)
        assert (ours["notes"], ours["archive"]) == (expected["notes"], expected["archive"]), number
        assert (ours["counts"], len(ours["notified"])) == (expected["counts"], len(expected["notified"])), number
        assert ours["left of the old connection"] == [], number
