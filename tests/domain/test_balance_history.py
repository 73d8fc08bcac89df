"""The history of balances: recorded days, and days derived from transactions."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.account import Account
from shared.domain.balance_history import (
    MAX_DERIVED_DAYS,
    Booking,
    MonthChange,
    derived,
    document_id,
    recorded,
    recorded_days,
)

TODAY = "2026-03-02"


def account(current: str | None = "100.00", **changes: Any) -> Account:
    balances = {
        "current": current,
        "available": changes.pop("available", None),
        "limit": changes.pop("limit", None),
        "iso_currency_code": changes.pop("currency", "USD"),
        "unofficial_currency_code": changes.pop("unofficial", None),
    }
    plain: Any = {
        "account_id": "a1",
        "name": "Everyday",
        "official_name": None,
        "mask": "0000",
        "type": "depository",
        "subtype": "checking",
        "balances": balances,
        "persistent_account_id": None,
        "duplicate_of": None,
    }
    made: Account = plain | changes
    return made


def bookings(*pairs: tuple[str, str], currency: str | None = "USD") -> list[Booking]:
    return [Booking(day, amount, currency) for day, amount in pairs]


def by_day(months: list[MonthChange]) -> dict[str, str | None]:
    assert all(one.is_derived for one in months)
    return {f"{one.month}-{day}": entry["current"] for one in months for day, entry in one.days.items()}


def test_recorded_day_has_the_balances_as_the_bank_sent_them() -> None:
    change = recorded(account("1.10", available="0.9", limit="500"), "2026-03-02")
    assert change == MonthChange(
        "a1", "2026-03", "USD", {"02": {"current": "1.10", "available": "0.9", "limit": "500"}}
    )
    assert document_id("a1", "2026-03") == "a1-2026-03"


def test_balance_that_the_bank_does_not_send_is_not_recorded_as_zero() -> None:
    assert recorded(account(None, limit="500"), TODAY) is None
    only_available = recorded(account(None, available="7"), TODAY)
    assert only_available is not None
    assert only_available.days["02"]["current"] is None
    zero = recorded(account("0"), TODAY)
    assert zero is not None
    assert zero.days["02"]["current"] == "0"


def test_unofficial_currency_counts_when_there_is_no_other() -> None:
    change = recorded(account(currency=None, unofficial="BTC"), TODAY)
    assert change is not None
    assert change.currency == "BTC"


def test_earlier_balances_are_the_current_one_without_later_transactions() -> None:
    found = by_day(
        derived(
            account("100.00"),
            bookings(("2026-02-27", "5.00"), ("2026-03-01", "30.00"), ("2026-03-01", "-200.00"), (TODAY, "10.00")),
            recorded_days=(),
            today=TODAY,
        )
    )
    assert found == {"2026-02-27": "-60.00", "2026-02-28": "-60.00", "2026-03-01": "110.00"}


def test_purchase_on_a_card_increases_what_is_owed() -> None:
    found = by_day(
        derived(
            account("100.00", type="credit"),
            bookings(("2026-02-28", "1.00"), ("2026-03-01", "30.00"), (TODAY, "-5")),
            recorded_days=(),
            today=TODAY,
        )
    )
    assert found == {"2026-02-28": "75.00", "2026-03-01": "105.00"}


def test_transaction_of_tomorrow_is_part_of_the_current_balance() -> None:
    found = derived(account("100"), bookings(("2026-03-01", "0"), ("2026-03-03", "7")), recorded_days=(), today=TODAY)
    assert by_day(found) == {"2026-03-01": "107"}


def test_recorded_days_are_not_derived() -> None:
    found = derived(
        account("100"),
        bookings(("2026-02-27", "1"), ("2026-02-28", "2")),
        recorded_days={"2026-02-28", "2026-03-01"},
        today=TODAY,
    )
    assert by_day(found) == {"2026-02-27": "102"}


@pytest.mark.parametrize("kind", ["investment", "brokerage", "loan", "other", ""])
def test_balances_that_do_not_follow_from_transactions_are_not_derived(kind: str) -> None:
    assert derived(account(type=kind), bookings(("2026-02-27", "1")), recorded_days=(), today=TODAY) == []


@pytest.mark.parametrize("wrong", [("2026-02-31", "1"), ("2026-02-27", "a lot"), ("2026-02-27", "NaN"), ("", "1")])
def test_unreadable_transactions_derive_nothing(wrong: tuple[str, str]) -> None:
    assert derived(account(), bookings(wrong), recorded_days=(), today=TODAY) == []


def test_other_currencies_and_unknown_balances_derive_nothing() -> None:
    booked = bookings(("2026-02-27", "1"))
    assert (
        derived(account(), [*booked, *bookings(("2026-03-01", "1"), currency="EUR")], recorded_days=(), today=TODAY)
        == []
    )
    assert derived(account(None), booked, recorded_days=(), today=TODAY) == []
    assert derived(account(), [], recorded_days=(), today=TODAY) == []


def test_history_is_bounded() -> None:
    found = by_day(derived(account(), bookings(("1970-01-01", "1")), recorded_days=(), today=TODAY))
    assert len(found) == MAX_DERIVED_DAYS


def test_only_the_bank_s_own_days_count_as_recorded() -> None:
    day: Any = {"current": "1", "available": None, "limit": None}
    month: Any = {
        "account_id": "a1",
        "month": "2026-03",
        "currency": "USD",
        "days": {"01": day, "02": day},
        "derived": {"01": True},
    }
    assert recorded_days([month]) == {"2026-03-02"}


@given(
    opening=st.decimals(-(10**20), 10**20, places=4),
    changes=st.lists(st.tuples(st.integers(0, 60), st.decimals(-(10**20), 10**20, places=4)), min_size=1, max_size=30),
    kind=st.sampled_from(["depository", "credit"]),
)
def test_derived_balances_equal_those_that_the_account_had(
    opening: Decimal, changes: list[tuple[int, Decimal]], kind: str
) -> None:
    """Play the transactions forwards, keep the balance of each evening, and compare."""
    today = date.fromisoformat(TODAY)
    evenings, balance = {}, opening
    for ago in range(60, -1, -1):
        for at, amount in changes:
            if at == ago:
                balance += -amount if kind == "depository" else amount
        evenings[(today - timedelta(days=ago)).isoformat()] = balance
    booked = bookings(*(((today - timedelta(days=ago)).isoformat(), str(amount)) for ago, amount in changes))
    found = by_day(derived(account(str(balance), type=kind), booked, recorded_days=(), today=TODAY))
    first = (today - timedelta(days=max(ago for ago, _ in changes))).isoformat()
    assert {day: Decimal(str(value)) for day, value in found.items()} == {
        day: value for day, value in evenings.items() if first <= day < TODAY
    }
