"""Item problems that tests can order: repeating cursors, a history that stops, another institution."""

from __future__ import annotations

from pathlib import Path

import pytest

from .harness import Linked, Sim, running_simulator


def cursors(item: Linked, pages: int, start: str = "") -> list[str]:
    found = [start]
    for _ in range(pages):
        page = item.sync(found[-1])
        assert page["has_more"]
        found.append(page["next_cursor"])
    return found[1:]


@pytest.mark.parametrize("length", [1, 2, 5])
def test_cursors_repeat_after_as_many_pages_as_ordered(sim: Sim, length: int) -> None:
    item = sim.generated(20)
    item.control("sync", cursor_cycle=length)
    found = cursors(item, 3 * length)
    assert found == found[:length] * 3
    assert len(set(found)) == length


def test_a_cycle_can_be_ended_and_nothing_is_lost(sim: Sim) -> None:
    item = sim.generated(20)
    item.control("sync", cursor_cycle=2)
    cursors(item, 3)
    item.control("sync", cursor_cycle=0)
    page = item.sync("", count=500)
    assert (len(page["added"]), page["has_more"]) == (20, False)


def test_cycle_can_start_anywhere_in_the_log(sim: Sim) -> None:
    item = sim.generated(20)
    known = item.sync("", count=500)["next_cursor"]
    item.control("sync", cursor_cycle=2)
    found = cursors(item, 4, known)
    assert found[0] == found[2] != found[1] == found[3]


@pytest.mark.parametrize("wrong", [-1, 1.5, "x", None])
def test_a_cycle_has_a_whole_number_of_pages(sim: Sim, wrong: object) -> None:
    item = sim.generated(20)
    answer = sim.http.post(f"{sim.url}/_sim/items/{item.item_id}/sync", json={"cursor_cycle": wrong})
    assert answer.status_code == 400


@pytest.mark.parametrize("status", ["NOT_READY", "INITIAL_UPDATE_COMPLETE"])
def test_history_can_stop_and_continue(sim: Sim, status: str) -> None:
    item = sim.generated(200, ready=False)
    item.control("sync", history_stops_at=status)
    for _ in range(3):
        sim.advance(86_400)
        assert item.sync("", count=500)["transactions_update_status"] == status
    item.control("sync", history_stops_at=None)
    sim.advance(10)
    page = item.sync("", count=500)
    assert page["transactions_update_status"] == "HISTORICAL_UPDATE_COMPLETE"
    assert len(page["added"]) == 200


def test_complete_history_cannot_stop(sim: Sim) -> None:
    item = sim.generated(20)
    answer = sim.http.post(f"{sim.url}/_sim/items/{item.item_id}/sync", json={"history_stops_at": "NOT_READY"})
    assert answer.status_code == 409


def test_item_can_change_its_institution_and_keeps_everything_else(sim: Sim) -> None:
    item = sim.generated(20)
    before, cursor = item.truth(), item.sync("", count=500)["next_cursor"]
    item.control("institution", institution_id="ins_56")
    found = item.call("/item/get")["item"]
    assert (found["institution_id"], found["institution_name"]) == ("ins_56", "Chase")
    assert item.call("/accounts/get")["item"]["institution_id"] == "ins_56"
    assert item.truth() == before
    assert item.sync(cursor)["added"] == []
    with pytest.raises(AssertionError, match="INVALID_INSTITUTION"):
        item.control("institution", institution_id="ins_0")


def test_these_orders_survive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with running_simulator(state=file) as sim:
        cycling, stopped = sim.generated(20), sim.generated(20, ready=False)
        stopped.control("sync", history_stops_at="NOT_READY")
        cycling.control("sync", cursor_cycle=2)
        cycling.control("institution", institution_id="ins_56")
    with running_simulator(state=file) as sim:
        stopped, cycling = (Linked(sim, item.item_id, item.access_token) for item in (stopped, cycling))
        sim.advance(60)
        assert stopped.sync("")["transactions_update_status"] == "NOT_READY"
        assert len(set(cursors(cycling, 4))) == 2
        assert cycling.call("/item/get")["item"]["institution_id"] == "ins_56"
