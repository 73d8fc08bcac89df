"""Positions in lots, and windows of investment transactions."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import EndlessPages, ErrorClass
from shared.domain.products.holdings import Holding, rows_of
from shared.domain.products.investment_transactions import (
    FULL_PASS_EVERY,
    MAX_RESTARTS,
    MAX_ROWS,
    InvestmentPage,
    Window,
    WindowRead,
    signed_units,
)
from shared.domain.products.rows import ProductRow, StoredProductRow
from shared.domain.products.snapshot import compare

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TODAY = NOW.date()


def holding(**changes: Any) -> Holding:
    plain: Holding = {
        "account_id": "broker",
        "quantity": "2",
        "institution_price": "10",
        "institution_price_as_of": None,
        "institution_value": "20",
        "cost_basis": "15",
        "currency": "USD",
        "is_cash": False,
        "security": {
            "security_id": "s1",
            "ticker": "ACME",
            "name": None,
            "type": "equity",
            "close_price": None,
            "close_price_as_of": None,
            "isin": None,
        },
    }
    return {**plain, **changes}  # type: ignore[typeddict-item]


def test_lots_of_one_security_are_one_position() -> None:
    lot = holding(quantity="0.00000000000000017", institution_value="1.5", cost_basis="0.10")
    [row] = rows_of([holding(), lot])
    assert row.row_id == "broker.s1"
    summed = {name: row.fields[name] for name in ("quantity", "institution_value", "cost_basis")}
    assert summed == {"quantity": "2.00000000000000017", "institution_value": "21.5", "cost_basis": "15.10"}


def test_a_sum_of_many_digits_is_not_rounded() -> None:
    [row] = rows_of([holding(quantity="1" + "0" * 40), holding(quantity="0.1")])
    assert row.fields["quantity"] == "1" + "0" * 40 + ".1"


def test_an_unknown_part_makes_the_sum_unknown_and_not_smaller() -> None:
    [row] = rows_of([holding(), holding(cost_basis=None, institution_value=None)])
    assert (row.fields["quantity"], row.fields["cost_basis"], row.fields["institution_value"]) == ("4", None, None)


def test_the_same_security_in_two_accounts_is_two_positions() -> None:
    rows = rows_of([holding(), holding(account_id="pension")])
    assert [row.row_id for row in rows] == ["broker.s1", "pension.s1"]


@pytest.mark.parametrize(
    ("kind", "quantity", "units"),
    [
        ("sell", "3.50", "-3.50"),
        ("sell", "-3.50", "-3.50"),
        ("sell", "0", "0"),
        ("sell", "0.00", "0.00"),
        ("buy", "-3", "3"),
        ("buy", "3", "3"),
        ("transfer", "-3", "-3"),
        ("cancel", "3", "3"),
        ("sell", None, None),
    ],
)
def test_units_have_the_sign_of_the_type(kind: str, quantity: str | None, units: str | None) -> None:
    assert signed_units(kind, quantity) == units


class TestWindows:
    def test_the_first_window_is_the_whole_history(self) -> None:
        assert Window.next(read_until=None, full_pass_at=None, now=NOW) == Window(date(2024, 3, 1), TODAY, is_full=True)

    def test_the_next_window_begins_a_month_before_the_last_day(self) -> None:
        read = TODAY - timedelta(days=2)
        window = Window.next(read_until=read, full_pass_at=NOW - timedelta(days=2), now=NOW)
        assert window == Window(read - timedelta(days=30), TODAY, is_full=False)

    def test_once_a_week_the_window_is_the_whole_history(self) -> None:
        for age, is_full in ((FULL_PASS_EVERY - timedelta(seconds=1), False), (FULL_PASS_EVERY, True)):
            assert Window.next(read_until=TODAY, full_pass_at=NOW - age, now=NOW).is_full is is_full

    def test_a_clock_that_was_ahead_skips_no_day(self) -> None:
        window = Window.next(read_until=TODAY + timedelta(days=90), full_pass_at=NOW, now=NOW)
        assert window == Window(TODAY - timedelta(days=30), TODAY, is_full=False)

    def test_only_stored_rows_within_the_window_are_covered(self) -> None:
        days = ("2026-01-31", "2026-02-01", "2026-03-01", "2026-03-02")
        rows = {day: StoredProductRow(day, "broker", "x", fields={"date": day}) for day in days}
        window = Window(date(2026, 2, 1), date(2026, 3, 1), is_full=False)
        assert [*window.covered(rows)] == ["2026-02-01", "2026-03-01"]


def trade(i: str, day: str = "2026-02-01") -> ProductRow:
    return ProductRow(i, "broker", {"account_id": "broker", "date": day, "amount": "1"})


Bank = list[ProductRow]
WINDOW = Window(date(2026, 1, 1), TODAY, is_full=False)


def read(bank: Bank, *, count: int = 2, between: Callable[[int], object] = lambda _: None) -> WindowRead:
    """Reads the bank's rows as the engine does; `between` runs after each page with its number."""
    reading, pages = WindowRead(WINDOW), 0
    while not reading.is_complete:
        rows = tuple(bank[reading.offset : reading.offset + count])
        reading = reading.take(InvestmentPage(rows, size=len(rows), total=len(bank)))
        between(pages)
        pages += 1
        assert pages < 200
    return reading


def ids(reading: WindowRead) -> list[str]:
    return sorted(row.row_id for row in reading.snapshot().rows)


class TestPages:
    @pytest.mark.parametrize("rows", range(7))
    def test_all_pages_are_read(self, rows: int) -> None:
        bank = [trade(f"t{i}") for i in range(rows)]
        reading = read(bank)
        assert (ids(reading), reading.restarts) == ([f"t{i}" for i in range(rows)], 0)

    def test_a_row_that_arrives_between_two_pages_starts_the_read_again(self) -> None:
        bank = [trade(f"t{i}") for i in range(5)]
        reading = read(bank, between=lambda page: bank.insert(0, trade("new")) if page == 0 else None)
        assert (ids(reading), reading.restarts) == (["new", "t0", "t1", "t2", "t3", "t4"], 1)

    def test_a_row_that_vanishes_between_two_pages_loses_no_other(self) -> None:
        bank = [trade(f"t{i}") for i in range(5)]
        reading = read(bank, between=lambda page: bank.pop(0) if page == 0 else None)
        assert (ids(reading), reading.restarts) == (["t1", "t2", "t3", "t4"], 1)

    def test_a_total_that_never_stands_still_is_retried_later(self) -> None:
        bank = [trade(f"t{i}") for i in range(5)]
        with pytest.raises(EndlessPages) as raised:
            read(bank, between=lambda page: bank.insert(0, trade(f"new{page}")))
        assert raised.value.error_class is ErrorClass.TRANSIENT
        assert len(bank) - 5 == 2 * (MAX_RESTARTS + 1) - 1  # two pages each; the last one raised

    def test_an_empty_page_before_the_end_does_not_loop(self) -> None:
        reading = WindowRead(WINDOW)
        for _ in range(MAX_RESTARTS):
            reading = reading.take(InvestmentPage((), size=0, total=3))
        with pytest.raises(EndlessPages):
            reading.take(InvestmentPage((), size=0, total=3))

    def test_more_rows_than_a_run_can_hold_are_refused(self) -> None:
        with pytest.raises(EndlessPages):
            WindowRead(WINDOW).take(InvestmentPage((trade("t"),), size=1, total=MAX_ROWS + 1))

    def test_unusable_rows_count_for_the_offset_and_are_named(self) -> None:
        first = InvestmentPage((trade("t1"),), size=2, total=3, unreadable=frozenset({"t2"}), oddities={"date": 1})
        last = InvestmentPage((), size=1, total=3, nameless=1, oddities={"date": 1})
        reading = WindowRead(WINDOW).take(first)
        assert (reading.offset, reading.is_complete) == (2, False)
        snapshot = reading.take(last).snapshot()
        assert snapshot.unreadable == {"t2"}
        assert (snapshot.nameless, snapshot.oddities) == (1, {"date": 2})


@given(st.integers(0, 12), st.integers(1, 5), st.randoms(use_true_random=False))
def test_a_complete_read_contains_all_rows_that_were_there_all_the_time(
    rows: int, count: int, chance: random.Random
) -> None:
    """Rows come and go between the pages, one at a time: each changes the total."""
    bank = [trade(f"t{i}") for i in range(rows)]
    lasting = {row.row_id for row in bank}
    left = MAX_RESTARTS

    def between(page: int) -> None:
        nonlocal left
        if left and chance.random() < 0.4:
            left -= 1
            if bank and chance.random() < 0.5:
                lasting.discard(bank.pop(chance.randrange(len(bank))).row_id)
            else:
                bank.insert(chance.randint(0, len(bank)), trade(f"new{page}"))

    reading = read(bank, count=count, between=between)
    assert lasting <= {*ids(reading)}
    stored = {i: StoredProductRow(i, "broker", "old", fields={"date": "2026-02-01"}) for i in lasting}
    found = compare(stored, reading.snapshot(), revoked=(), hollow={}, now=NOW)
    assert found.deletes == ()


def test_a_cancelled_trade_is_deleted_and_an_old_one_kept() -> None:
    documents = {"t1": "2026-02-01", "gone": "2026-02-02", "old": "2025-01-01"}
    stored = {i: StoredProductRow.of(i, trade(i, day).fields) for i, day in documents.items()}
    snapshot = read([trade("t1")]).snapshot()
    found = compare(WINDOW.covered(stored), snapshot, revoked=(), hollow={}, now=NOW)
    assert (found.deletes, found.upserts, found.unchanged) == (("gone",), (), 1)


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=17, min_value=-9, max_value=9), min_size=1))
def test_the_sum_of_lots_is_exact(quantities: list[Decimal]) -> None:
    [row] = rows_of([holding(quantity=format(one, "f")) for one in quantities])
    assert Decimal(row.fields["quantity"]) == sum(quantities)
