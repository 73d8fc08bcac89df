"""How any value is converted to one that the store accepts."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.set_aside import SetAsideRow, key_of
from shared.domain.storable import MAX_BYTES, is_day, is_document_id, make_storable, moment, storable, text, weight

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text(st.characters(categories=None))
    | st.dates()
    | st.binary()
)
NAMES = st.sampled_from(["", "__x__", "x", "\ud83d", "é" * 800, "a.b"]) | st.text()
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner), max_leaves=20)


@given(VALUES)
def test_any_value_is_converted_to_a_storable_one(value: Any) -> None:
    held, lost = make_storable(value)
    assert_can_be_stored(held)
    assert lost >= 0
    assert make_storable(held) == (held, 0)


def assert_can_be_stored(value: Any, depth: int = 0) -> None:
    assert depth < 20
    if isinstance(value, dict):
        for name, inner in value.items():
            assert 0 < len(name.encode()) <= 1_500
            assert not (name.startswith("__") and name.endswith("__") and len(name) >= 4)
            assert_can_be_stored(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            assert not isinstance(inner, list)
            assert_can_be_stored(inner, depth + 1)
    elif isinstance(value, str):
        assert len(value.encode()) <= MAX_BYTES
    elif isinstance(value, float):
        assert math.isfinite(value)
    elif isinstance(value, int):
        assert -(2**63) <= value < 2**63
    else:
        assert value is None


def test_ordinary_values_stay_as_they_are() -> None:
    value = {"name": "Café", "n": 1, "x": 1.5, "ok": True, "none": None, "list": ["a", {"b": [1, 2]}]}
    assert make_storable(value) == (value, 0)
    assert storable(Decimal("40.5")) == 40.5
    assert storable(2**70) == float(2**70)


def test_unstorable_part_is_dropped_and_its_siblings_are_kept() -> None:
    deep: Any = "bottom"
    for _ in range(30):
        deep = {"down": deep}
    value = {"__x__": 1, "": 2, "ok": "yes", "nan": math.nan, "half": "a\ud83d", "deep": deep, "lists": [[1], 2]}
    held, lost = make_storable(value)
    assert (held["ok"], held["nan"], held["half"], held["lists"]) == ("yes", None, None, [None, 2])
    assert {"__x__", ""}.isdisjoint(held)
    assert lost == 6


@pytest.mark.parametrize(
    "value", ["a/b", ".", "..", "", "__x__", "____", "é" * 751, "a\0", "a\ud83d", "\ufffd", 5, None]
)
def test_an_id_that_cannot_name_a_document_is_none(value: object) -> None:
    assert not is_document_id(value)


@pytest.mark.parametrize("value", ["t1", "a.b", "__x", "é" * 750, "with space", "a" * 1_500])
def test_an_id_that_can_name_a_document_is_one(value: str) -> None:
    assert is_document_id(value)


@pytest.mark.parametrize(
    "value",
    [
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-00:01",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        5,
        "no",
    ],
)
def test_a_time_that_neither_python_nor_the_store_can_hold_is_none(value: object) -> None:
    assert moment(value) is None


def test_a_time_is_aware_and_kept_to_the_edges_of_the_calendar() -> None:
    assert moment("2026-01-02T03:04:05") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert moment("0001-01-01T00:00:00Z") == datetime(1, 1, 1, tzinfo=UTC)
    assert moment("9999-12-31T23:59:59Z") == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


@given(st.text(st.sampled_from("0123456789-W+T"), min_size=8, max_size=12))
def test_only_calendar_days_are_days(value: str) -> None:
    try:
        is_one = datetime.strptime(value, "%Y-%m-%d").strftime("%Y-%m-%d") == value  # noqa: DTZ007
    except ValueError:
        is_one = False
    assert is_day(value) >= is_one
    assert not is_day("2024-W01-1")


def test_a_text_is_measured_as_it_is_stored() -> None:
    assert text("é" * 10, limit=20) == "é" * 10
    assert text("é" * 10, limit=19) is None
    assert weight({"name": "é", "n": 1, "list": [None, True]}) == 1 + 5 + 3 + 2 + 8 + 5 + 3


@given(VALUES)
def test_any_row_can_be_recorded_as_unusable(value: Any) -> None:
    record = SetAsideRow.of(value, field="row")
    assert record.key
    assert record.text.encode()
    assert SetAsideRow.of(value, field="row").key == record.key


def test_row_is_recognized_by_its_id() -> None:
    first = SetAsideRow.of({"transaction_id": "a/b", "amount": None}, field="transaction_id")
    second = SetAsideRow.of({"transaction_id": "a/b", "amount": 1}, field="transaction_id")
    assert first.key == second.key == key_of("a/b")
    assert first.transaction_id is None
