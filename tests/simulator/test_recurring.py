"""Recurring streams: how they arise, mature and end with the clock, and what tests can change in them."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from emulators.plaid.recurring import FREQUENCIES
from emulators.plaid.series import step

from .harness import Linked, Receiver, Sim, running_simulator

Json = dict[str, Any]
EMPTY = {"override_accounts": [{"type": "depository"}, {"type": "credit"}]}
UPDATE = "TRANSACTIONS/RECURRING_TRANSACTIONS_UPDATE"
DAY = 86400


def streams(item: Linked) -> dict[str, Json]:
    """The streams by description, with their direction."""
    answer = item.call("/transactions/recurring/get")
    return {
        stream["description"]: {**stream, "direction": direction}
        for direction in ("inflow", "outflow")
        for stream in answer[f"{direction}_streams"]
    }


def rows(*days: str, amount: float = 9.99, name: str = "Gym") -> Json:
    """A custom user with one booking of the same name on each day."""
    written = [{"date_transacted": day, "date_posted": day, "amount": amount, "description": name} for day in days]
    return {"override_accounts": [{"type": "depository", "transactions": written}]}


def ago(sim: Sim, *days: int) -> list[str]:
    today = date.fromisoformat(sim.look("/clock")["now"][:10])
    return [str(today - timedelta(days=count)) for count in days]


@pytest.fixture
def item(sim: Sim) -> Linked:
    return sim.link("user_custom", EMPTY)


@pytest.mark.parametrize(
    ("days", "frequency", "status", "active"),
    [
        ((62, 31, 1), "MONTHLY", "MATURE", True),
        ((162, 131, 101), "MONTHLY", "MATURE", False),
        ((31, 1), "MONTHLY", "EARLY_DETECTION", True),
        ((131, 101), "MONTHLY", "TOMBSTONED", False),
        ((8, 1), "WEEKLY", "EARLY_DETECTION", True),
        ((15, 1), "BIWEEKLY", "EARLY_DETECTION", True),
        ((16, 1), "SEMI_MONTHLY", "EARLY_DETECTION", True),
        ((366, 1), "ANNUALLY", "MATURE", True),
    ],
)
def test_status_follows_the_number_and_age_of_bookings(
    sim: Sim, days: tuple[int, ...], frequency: str, status: str, active: bool
) -> None:
    gym = streams(sim.link("user_custom", rows(*ago(sim, *days))))["Gym"]
    assert (gym["frequency"], gym["status"], gym["is_active"]) == (frequency, status, active)
    assert (gym["predicted_next_date"] is not None) == active
    assert len(gym["transaction_ids"]) == len(days)


@pytest.mark.parametrize(
    "odd", [{"amount": "9.99"}, {"amount": None}, {"name": None}, {"date": "soon"}, {"pending": 5}]
)
def test_rows_with_unusual_values_belong_to_no_stream(sim: Sim, odd: Json) -> None:
    item = sim.link("user_custom", rows(*ago(sim, 62, 31, 1)))
    for row in item.truth()["transactions"]:
        item.control("transactions", modify=[{"transaction_id": row["transaction_id"], "odd": odd}])
    assert streams(item) == {}


@pytest.mark.parametrize("days", [(1,), (20, 1), (62, 31, 20, 1)])
def test_irregular_or_single_bookings_are_no_stream(sim: Sim, days: tuple[int, ...]) -> None:
    assert streams(sim.link("user_custom", rows(*ago(sim, *days)))) == {}


def test_two_bookings_of_different_amounts_are_no_stream_yet(sim: Sim) -> None:
    item = sim.link("user_custom", rows(*ago(sim, 31)))
    item.control("transactions", add=[{"name": "Gym", "amount": 20, "date": ago(sim, 1)[0]}])
    assert streams(item) == {}


def test_early_stream_matures_with_the_clock(item: Linked) -> None:
    item.control("recurring", add=[{"description": "Video", "amount": 12.99, "bookings": 1, "left": 3}])
    assert streams(item) == {}
    seen = []
    for _ in range(4):
        item.sim.advance(31 * DAY)
        item.control("state", state="healthy")  # the Sandbox ends logins after 30 days
        item.sim.advance(DAY)
        video = streams(item).get("Video")
        assert video
        seen.append((video["status"], len(video["transaction_ids"]), video["is_active"]))
    assert seen == [
        ("EARLY_DETECTION", 2, True),
        ("MATURE", 3, True),
        ("MATURE", 4, True),
        ("MATURE", 4, True),
    ]
    item.sim.advance(20 * DAY)
    assert not streams(item)["Video"]["is_active"]


def test_early_stream_whose_next_booking_stays_away_is_tombstoned(sim: Sim, receiver: Receiver) -> None:
    item = sim.link("user_custom", EMPTY, webhook=receiver.url)
    added = item.control("recurring", add=[{"description": "Trial", "frequency": "WEEKLY", "bookings": 2}])
    assert added["sent"] == [UPDATE]
    assert streams(item)["Trial"]["status"] == "EARLY_DETECTION"
    seen = receiver.codes().count(UPDATE)
    sim.advance(12 * DAY)
    assert streams(item)["Trial"]["status"] == "TOMBSTONED"
    assert not streams(item)["Trial"]["is_active"]
    while receiver.codes().count(UPDATE) == seen:
        receiver.wait_for(len(receiver.received) + 1)
    last = next(got.body for got in reversed(receiver.received) if got.code == UPDATE)
    assert last["account_ids"] == [item.account_ids()[0]]


def test_bookings_of_a_series_reach_sync_with_their_webhook(sim: Sim, receiver: Receiver) -> None:
    item = sim.link("user_custom", EMPTY, webhook=receiver.url)
    cursor = item.sync()["next_cursor"]
    booked = item.control(
        "recurring", add=[{"description": "Pay", "amount": -2000, "frequency": "WEEKLY", "left": None}]
    )
    page = item.sync(cursor)
    assert {row["transaction_id"] for row in page["added"]} == set(booked["booked"][0])
    assert streams(item)["Pay"]["direction"] == "inflow"
    sim.advance(15 * DAY)
    later = item.sync(page["next_cursor"])["added"]
    assert [(row["name"], row["amount"]) for row in later] == [("Pay", -2000)] * 2
    item.control("recurring", end=[streams(item)["Pay"]["stream_id"]])
    sim.advance(8 * DAY)
    assert len(streams(item)["Pay"]["transaction_ids"]) == 5


def test_series_waits_while_the_item_is_in_error(item: Linked) -> None:
    item.control("recurring", add=[{"description": "Video", "frequency": "WEEKLY", "left": 1}])
    item.control("state", state="login_required")
    item.sim.advance(10 * DAY)
    item.control("state", state="healthy")
    assert len(streams(item)["Video"]["transaction_ids"]) == 3
    item.sim.advance(DAY)
    assert len(streams(item)["Video"]["transaction_ids"]) == 4


def test_streams_are_changed_replaced_and_removed(sim: Sim, receiver: Receiver) -> None:
    item = sim.link(days=400, webhook=receiver.url)
    receiver.wait_for(2)
    known = streams(item)
    climbing, uber = known["Touchstone Climbing"], known["Uber 063015 SF**POOL**"]
    change = {"stream_id": climbing["stream_id"], "status": "TOMBSTONED", "new_stream_id": "another-id"}
    done = item.control("recurring", change=[change], remove=[uber["stream_id"]])
    assert done["sent"] == [UPDATE]
    update = receiver.wait_for(3)[-1]
    assert update.code == UPDATE
    assert sorted(update.body["account_ids"]) == sorted({climbing["account_id"], uber["account_id"]})
    now = streams(item)
    assert (now["Touchstone Climbing"]["stream_id"], now["Touchstone Climbing"]["status"]) == (
        "another-id",
        "TOMBSTONED",
    )
    assert now["Touchstone Climbing"]["transaction_ids"] == climbing["transaction_ids"]
    assert "Uber 063015 SF**POOL**" not in now
    item.control("recurring", change=[{"stream_id": "another-id", "is_active": False}])
    assert not streams(item)["Touchstone Climbing"]["is_active"]
    item.control("recurring", remove=["another-id"])
    assert set(streams(item)) == set(known) - {"Touchstone Climbing", "Uber 063015 SF**POOL**"}
    assert [got.code for got in receiver.wait_for(5)[3:]] == [UPDATE] * 2


def test_unknown_streams_and_frequencies_are_refused(item: Linked) -> None:
    url = f"{item.sim.url}/_sim/items/{item.item_id}/recurring"
    for body, status in (
        ({"remove": ["unknown"]}, 404),
        ({"change": [{"stream_id": "unknown"}]}, 404),
        ({"add": [{"frequency": "DAILY"}]}, 400),
        ({"add": [{"colour": "red"}]}, 400),
    ):
        assert item.sim.http.post(url, json=body).status_code == status
    assert streams(item) == {}


def test_streams_and_series_survive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with running_simulator(state=file) as sim:
        item = sim.link("user_custom", EMPTY)
        item.control("recurring", add=[{"description": "Video", "frequency": "WEEKLY", "left": None}])
        stream_id = streams(item)["Video"]["stream_id"]
        item.control("recurring", change=[{"stream_id": stream_id, "description": "Video plus"}])
    with running_simulator(state=file) as sim:
        item = Linked(sim, item.item_id, item.access_token)
        assert len(streams(item)["Video plus"]["transaction_ids"]) == 3
        sim.advance(8 * DAY)
        assert len(streams(item)["Video plus"]["transaction_ids"]) == 4


@pytest.mark.parametrize("frequency", FREQUENCIES)
def test_steps_of_a_frequency_are_found_as_that_frequency(sim: Sim, frequency: str) -> None:
    last = date.fromisoformat(ago(sim, 1)[0])
    item = sim.link("user_custom", rows(*(str(step(last, frequency, -count)) for count in range(3))))
    assert streams(item)["Gym"]["frequency"] == frequency


def test_steps_end_on_days_that_every_month_has() -> None:
    assert step(date(2026, 1, 31), "MONTHLY", 1) == date(2026, 2, 28)
    assert step(date(2026, 1, 15), "MONTHLY", -1) == date(2025, 12, 15)
    assert step(date(2024, 2, 29), "ANNUALLY", 1) == date(2025, 2, 28)
