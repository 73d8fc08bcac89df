"""The rules of the client library that need no screen."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.web.library import answer


def row(amount: float, primary: str | None, own: str | None = None, day: str = "2026-03-10") -> dict[str, Any]:
    category = primary and {"primary": primary}
    user = {"user": {"category": own}} if own else {}
    base = {"date": day, "amount": str(amount), "amount_value": amount, "iso_currency_code": "USD", "name": "Shop 12"}
    return {**base, "category": category, **user}


@pytest.mark.parametrize(
    ("one", "counts"),
    [
        (row(80, "TRAVEL"), True),
        (row(-30, "TRAVEL"), True),  # a refund
        (row(-30, "TRAVEL", "Holiday"), True),
        (row(80, "TRANSFER_OUT", "Rent"), True),  # its user knows better
        (row(-3000, "INCOME", "Salary"), False),
        (row(-500, "TRANSFER_IN", "From Ann"), False),
        (row(-9000, "LOAN_DISBURSEMENTS"), False),
        (row(-9000, "LOAN_DISBURSEMENTS", "Car"), False),
        (row(-20, None), False),
        (row(20, None), True),
    ],
)
def test_what_comes_in_is_a_refund_only_if_the_bank_does_not_call_it_income(one: dict[str, Any], counts: bool) -> None:
    [month] = answer("spending.ts", f"addUp([{json.dumps(one)}], 'USD', ['2026-03']).months")
    assert month["total"] == (one["amount_value"] if counts else 0)


def test_a_cut_history_is_complete_from_the_day_after_its_last_row_on() -> None:
    days = answer("spending.ts", "['2026-02-28', '2024-02-28', '2026-12-31'].map(dayAfter)")
    assert days == ["2026-03-01", "2024-02-29", "2027-01-01"]
