"""Streams that our own detector finds in stored transactions."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.products.own_recurring import SHORTEST_DAYS, TOLERANCE, detect
from shared.domain.products.recurring import MAX_TRANSACTION_IDS
from shared.domain.products.rows import ProductRow
from tests.fakes import row

TODAY = date(2026, 3, 1)


def booked(*days: date, name: str = "Video", amounts: tuple[str, ...] = ("9.99",), **more: Any) -> list[Any]:
    return [
        row(f"{name}-{day}-{i}", date=str(day), name=name, amount=amounts[i % len(amounts)], **more)
        for i, day in enumerate(days)
    ]


def every(gap: int, times: int, *, last: date = TODAY) -> list[date]:
    return [last - timedelta(days=gap * i) for i in reversed(range(times))]


def found(*rows: Any, today: date = TODAY) -> list[ProductRow]:
    return list(detect(rows, account_ids=["checking"], today=today))


def test_three_regular_bookings_are_a_stream() -> None:
    days = [date(2026, 1, 31), date(2025, 12, 31), date(2026, 2, 28)]
    [one] = found(*booked(*days, merchant_name="Video Inc", category={"primary": "FUN"}, amounts=("10", "10", "13")))
    assert dict(one.fields) == {
        "stream_id": one.row_id,
        "account_id": "checking",
        "direction": "out",
        "description": "Video",
        "merchant_name": "Video Inc",
        "category": {"primary": "FUN"},
        "frequency": "MONTHLY",
        "status": "MATURE",
        "is_active": True,
        "first_date": "2025-12-31",
        "last_date": "2026-02-28",
        "predicted_next_date": "2026-03-31",
        "average_amount": "11.00",
        "last_amount": "13",
        "currency": "USD",
        "transaction_ids": ["Video-2025-12-31-1", "Video-2026-01-31-0", "Video-2026-02-28-2"],
        "source": "own",
    }


def test_two_bookings_are_no_stream() -> None:
    assert found(*booked(*every(30, 2))) == []


@pytest.mark.parametrize(
    ("gap", "frequency", "following"),
    [
        (7, "WEEKLY", date(2026, 3, 8)),
        (14, "BIWEEKLY", date(2026, 3, 15)),
        (15, "SEMI_MONTHLY", date(2026, 3, 16)),
        (30, "MONTHLY", date(2026, 4, 1)),
        (91, "UNKNOWN", date(2026, 5, 31)),
        (365, "ANNUALLY", date(2027, 3, 1)),
    ],
)
def test_the_usual_gap_gives_frequency_and_next_date(gap: int, frequency: str, following: date) -> None:
    [one] = found(*booked(*every(gap, 3)))
    assert (one.fields["frequency"], one.fields["predicted_next_date"]) == (frequency, str(following))


@pytest.mark.parametrize("gap", [0, 1, 4])
def test_what_is_booked_every_few_days_is_no_stream(gap: int) -> None:
    assert found(*booked(*every(gap, 8))) == []


@pytest.mark.parametrize(
    ("days", "following"),
    [
        (["2025-12-31", "2026-01-31", "2026-02-28"], "2026-03-31"),
        (["2026-01-31", "2026-02-28", "2026-03-31"], "2026-04-30"),
        (["2025-12-28", "2026-01-28", "2026-02-28"], "2026-03-28"),
        (["2025-11-15", "2025-12-16", "2026-01-14"], "2026-02-14"),
        (["2024-02-29", "2025-02-28", "2026-02-28"], "2027-02-28"),
    ],
)
def test_the_next_date_keeps_the_day_of_the_month(days: list[str], following: str) -> None:
    rows = booked(*map(date.fromisoformat, days))
    [one] = found(*rows, today=date.fromisoformat(days[-1]) + timedelta(days=1))
    assert one.fields["predicted_next_date"] == following


def test_income_and_expenses_of_one_merchant_are_two_streams() -> None:
    rows = [*booked(*every(30, 3), amounts=("20",)), *booked(*every(30, 3), amounts=("-5",))]
    rows = [{**one, "transaction_id": f"t{i}"} for i, one in enumerate(rows)]
    assert sorted((one.fields["direction"], one.fields["last_amount"]) for one in found(*rows)) == [
        ("in", "-5"),
        ("out", "20"),
    ]


def test_accounts_and_currencies_are_not_mixed() -> None:
    days = every(30, 3)
    assert found(*booked(days[0], account_id="card"), *booked(*days[1:])) == []
    assert found(*booked(days[0], iso_currency_code="EUR"), *booked(*days[1:])) == []
    assert found(*booked(*days, account_id="card")) == []  # an account that has no streams


def test_references_in_the_name_do_not_separate_bookings() -> None:
    days = every(30, 3)
    rows = [one for i, day in enumerate(days) for one in booked(day, name=f"ACME GAS #{i}87 02/2{i}")]
    [one] = found(*rows)
    assert one.fields["description"] == "ACME GAS #287 02/22"


def test_a_merchant_is_recognised_under_other_names() -> None:
    days = every(30, 3)
    rows = [one for i, day in enumerate(days) for one in booked(day, name=f"{'abc'[i]}", merchant_entity_id="m1")]
    assert len(found(*rows)) == 1


def test_bookings_without_any_name_are_no_stream() -> None:
    assert found(*booked(*every(30, 4), name="123")) == []


def test_pending_and_future_bookings_and_nothing_are_skipped() -> None:
    days = every(30, 3)
    for change in ({"pending": True}, {"amount": "0.00"}, {"date": "9999-12-31"}):
        rows = booked(*days)
        rows[-1] |= change
        assert found(*rows) == [], change


def test_a_booking_of_a_later_day_does_not_belong_to_a_stream() -> None:
    days = every(30, 3)
    [one] = found(*booked(*days, TODAY + timedelta(days=30)))
    assert one.fields["last_date"] == str(TODAY)
    [ahead] = found(*booked(*days[:2], TODAY + timedelta(days=1)))  # a bank's day may be ahead of that of UTC
    assert ahead.fields["last_date"] == str(TODAY + timedelta(days=1))


def test_a_stream_without_its_next_booking_has_ended() -> None:
    rows = booked(*every(30, 3))
    last_active = TODAY + timedelta(days=45)
    [active] = found(*rows, today=last_active)
    [ended] = found(*rows, today=last_active + timedelta(days=1))
    assert (active.fields["is_active"], ended.fields["is_active"]) == (True, False)
    assert (ended.fields["predicted_next_date"], ended.row_id) == (None, active.row_id)


def test_a_stream_begins_again_after_a_pause_under_the_same_id() -> None:
    before = booked(*every(30, 4, last=TODAY - timedelta(days=200)))
    after = booked(*every(7, 3))
    [one], [earlier] = found(*before, *after), found(*before)
    assert (one.row_id, one.fields["frequency"]) == (earlier.row_id, "WEEKLY")
    assert one.fields["first_date"] == str(TODAY - timedelta(days=14))


def test_a_series_by_chance_among_other_purchases_is_no_stream() -> None:
    others = booked(*(TODAY - timedelta(days=days) for days in (150, 149, 120, 119)))
    assert found(*others, *booked(*every(30, 3), amounts=("5", "80", "12"))) == []
    assert len(found(*others, *booked(*every(30, 3), amounts=("9.99", "9.99", "12.99")))) == 1
    assert len(found(*booked(*every(30, 3), amounts=("5", "80", "12")))) == 1  # a bill by usage


def test_long_amounts_are_not_rounded() -> None:
    long = "123456789012345678901234567890.12345"
    [one] = found(*booked(*every(30, 3), amounts=(long,)))
    assert one.fields["average_amount"] == long


def test_a_stream_names_a_bounded_number_of_bookings() -> None:
    [one] = found(*booked(*every(7, MAX_TRANSACTION_IDS + 5)))
    assert len(one.fields["transaction_ids"]) == MAX_TRANSACTION_IDS
    assert one.fields["transaction_ids"][-1].startswith(f"Video-{TODAY}")


@given(
    st.lists(st.integers(0, 60), min_size=2, max_size=12),
    st.lists(st.decimals(-50, 50, places=2), min_size=1, max_size=5),
    st.randoms(use_true_random=False),
)
def test_every_stream_is_regular_and_independent_of_the_order(
    gaps: list[int], amounts: list[Decimal], chance: random.Random
) -> None:
    days = [TODAY - timedelta(days=sum(gaps[i:])) for i in range(len(gaps) + 1)]
    rows = booked(*days, amounts=tuple(map(str, amounts)))
    streams = found(*rows)
    by_id = {one["transaction_id"]: one for one in rows}
    for stream in streams:
        named = [by_id[i] for i in stream.fields["transaction_ids"]]
        booked_on = [date.fromisoformat(one["date"]) for one in named]
        between = [(b - a).days for a, b in pairwise(booked_on)]
        usual = sorted(between)[len(between) // 2 - (len(between) % 2 == 0) : len(between) // 2 + 1]
        middle = sum(usual) / len(usual)
        assert len(named) >= 3
        assert middle >= SHORTEST_DAYS
        assert all(abs(gap - middle) <= TOLERANCE * middle for gap in between)
        assert {Decimal(one["amount"]) < 0 for one in named} == {stream.fields["direction"] == "in"}
    chance.shuffle(rows)
    assert found(*rows) == streams
