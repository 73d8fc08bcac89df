"""What users wrote on recurring streams of a replaced connection moves to the new one, whichever comes first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.domain.products.kinds import ProductStatus
from shared.domain.products.product_state import product_id
from shared.usecases.removal import transfer_streams
from tests.fake_products import stream_row
from tests.fakes import Crash, FakeVault
from tests.usecases.products.ground import RECURRING, ProductWorld
from tests.usecases.removal.relink_ground import coffee, dies, link

Json = dict[str, Any]
RENT: Json = {"name": "Flat", "muted": False, "category": "home"}
GYM: Json = {"muted": True}


def world_with_notes(**notes: Json) -> tuple[ProductWorld, str]:
    """A dead connection with streams of three merchants, of which some have notes."""
    world = ProductWorld(RECURRING)
    world.vault = FakeVault(world.calls)
    old = link(world, "old", coffee("o1"))
    world.data("old").put(RECURRING, *(stream_of(name, "old") for name in ("rent", "gym", "video")))
    world.synced(old)
    assert world.stored(RECURRING, old).keys() == {"rent-old", "gym-old", "video-old"}
    for name, note in notes.items():
        world.products.write_user(old, f"{name}-old", note)
    dies(world, old)
    return world, old


def stream_of(merchant: str, item: str, **changes: Any) -> Any:
    return stream_row(f"{merchant}-{item}", f"account-{item}", merchant_name=merchant, **changes)


def relink(world: ProductWorld, *merchants: str) -> str:
    new = link(world, "new", coffee("n1"))
    world.data("new").put(RECURRING, *(stream_of(name, "new") for name in merchants))
    return new


def users(world: ProductWorld, connection_id: str) -> dict[str, Json]:
    rows = world.store.product_rows.get((connection_id, RECURRING), {})
    return {i: row["user"] for i, row in rows.items() if row.get("user")}


def test_notes_wait_for_the_streams_of_the_new_connection() -> None:
    world, old = world_with_notes(rent=RENT, gym=GYM)
    new = relink(world)
    world.synced(new)
    world.clean_up()
    assert users(world, new) == {"rent-old": RENT, "gym-old": GYM}
    kept = world.stored(RECURRING, new)["rent-old"]
    assert (kept["account_id"], kept["is_active"], kept["predicted_next_date"]) == ("account-new", False, None)
    assert world.left_of(old) == []
    world.data("new").put(RECURRING, stream_of("rent", "new"))
    world.request(RECURRING, new)
    assert users(world, new) == {"rent-new": RENT, "gym-old": GYM}
    for _ in range(3):  # an answer never contains what only keeps a note
        world.pass_days()
    assert users(world, new) == {"rent-new": RENT, "gym-old": GYM}
    assert world.view(RECURRING, new).counts == {"rows": 2}
    world.data("new").put(RECURRING, stream_of("gym", "new"))
    world.request(RECURRING, new)
    assert users(world, new) == {"rent-new": RENT, "gym-new": GYM}
    assert world.view(RECURRING, new).counts == {"rows": 2}


def test_notes_move_to_streams_that_are_there_already() -> None:
    world, old = world_with_notes(rent=RENT, gym=GYM, video={"name": ""})
    new = relink(world, "rent", "gym", "video")
    world.sync(new)
    moves, world.queue.others = world.queue.others, []
    world.pass_days(0.02)
    assert world.stored(RECURRING, new).keys() == {"rent-new", "gym-new", "video-new"}
    world.products.write_user(new, "gym-new", {"name": "Box"})
    world.queue.others = moves
    world.clean_up()
    assert users(world, new) == {"rent-new": RENT, "gym-new": {"name": "Box"}, "gym-old": GYM}
    assert world.left_of(old) == []
    assert world.view(RECURRING, new).counts == {"rows": 4}
    result = world.store.connections[new].history_moved
    assert result is not None
    assert (result.moved, result.archived) == (2, 0)


def test_a_note_of_an_account_that_is_not_linked_again_is_kept() -> None:
    world, old = world_with_notes(rent=RENT)
    row = world.store.product_rows[old, RECURRING]["rent-old"]
    row["account_id"] = "closed"
    new = relink(world, "rent")
    world.synced(new)
    world.clean_up()
    world.pass_days()
    assert users(world, new) == {"rent-old": RENT}


def test_products_that_are_off_keep_the_notes_and_call_nothing() -> None:
    world, _ = world_with_notes(rent=RENT)
    world.kinds = frozenset()
    new = relink(world, "rent")
    before = world.calls.log.count("bank.recurring")
    world.synced(new)
    world.clean_up()
    world.pass_days()
    assert users(world, new) == {"rent-old": RENT}
    assert world.view(RECURRING, new).status is ProductStatus.OFF
    assert world.calls.log.count("bank.recurring") == before
    world.kinds = frozenset([RECURRING])
    world.pass_days()
    assert users(world, new) == {"rent-new": RENT}


def test_a_relink_without_notes_creates_no_state_of_a_product() -> None:
    world, old = world_with_notes()
    world.kinds = frozenset()
    new = relink(world)
    world.synced(new)
    world.clean_up()
    assert world.left_of(old) == []
    assert world.store.products == {}


def test_a_run_at_the_same_time_does_not_leave_a_note_behind() -> None:
    world, _ = world_with_notes(rent=RENT)
    new = relink(world, "rent")
    world.sync(new)
    moves = [one for one in world.queue.others if one[0] == "movehistory"]
    runs = [one for one in world.queue.others if one not in moves]

    came: list[str] = []

    def move(name: str) -> None:
        if name == "products.save" and world.calls.log[-2:].count("products.stored_rows"):
            came.append(name)
            world.calls.before = None
            world.queue.others = moves
            world.clean_up()

    world.calls.before = move
    world.queue.others = runs
    world.deliver_products()
    assert came, "the move came during the run"
    world.pass_days()
    assert users(world, new) == {"rent-new": RENT}


def test_a_note_that_is_written_during_the_move_is_not_lost() -> None:
    world, old = world_with_notes(rent=RENT)
    new = relink(world, "rent")

    came: list[str] = []

    def write(name: str) -> None:
        if (
            name == "moves.transfer"
            and (old, RECURRING) in world.store.product_rows
            and len(world.store.rows.get(old, {})) == 0
        ):
            came.append(name)
            world.calls.before = None
            world.products.write_user(old, "gym-old", GYM)

    world.calls.before = write
    world.synced(new)
    world.clean_up()
    assert came, "the note came during the move"
    assert GYM in users(world, new).values()
    assert RENT in users(world, new).values()


@pytest.mark.parametrize("where", ["crash_before", "crash_after"])
@pytest.mark.parametrize("synced_first", [True, False])
def test_an_interrupted_move_of_streams_is_resumed(
    where: str, synced_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer_streams, "STREAMS_AT_ONCE", 1)

    def prepared() -> tuple[ProductWorld, str]:
        world, _ = world_with_notes(rent=RENT, gym=GYM)
        new = relink(world, "rent")
        world.sync(new)
        if synced_first:
            world.deliver_products()
        return world, new

    undisturbed, new = prepared()
    start = len(undisturbed.calls.log)
    undisturbed.move_history.resume(new)
    for number in range(start, len(undisturbed.calls.log)):
        world, new = prepared()
        setattr(world.calls, where, number)
        with pytest.raises(Crash):
            world.move_history.resume(new)
        setattr(world.calls, where, None)
        for _ in range(3):
            world.clock.move(timedelta(minutes=16))
            world.tick()
            world.clean_up()
        world.pass_days()
        assert users(world, new) == {"rent-new": RENT, "gym-old": GYM}, f"{where} {number}"
        assert world.store.connections.keys() == {new}
        assert product_id(new, RECURRING) in world.store.products
