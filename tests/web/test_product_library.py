"""Unit tests of the client library's products: net worth, bills, debts and portfolio."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.web.library import Library, client_library

Json = dict[str, Any]
TODAY = "2026-11-30"


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    with client_library() as running:
        yield running


def account(account_id: str = "cash", kind: str = "depository", **other: Any) -> Json:
    balances = {"current": None, "available": None, "iso_currency_code": "USD"}
    return {"account_id": account_id, "type": kind, "balances": balances, "duplicate_of": None} | other


def month(
    days: dict[str, str | None], account_id: str = "cash", *, derived: tuple[str, ...] = (), currency: str = "USD"
) -> Json:
    """A document of November."""
    entries = {day: {"current": current, "available": None, "limit": None} for day, current in days.items()}
    marks = dict.fromkeys(derived, True)
    return {"account_id": account_id, "month": "2026-11", "currency": currency, "days": entries, "derived": marks}


def net_worth(
    library: Library, months: list[Json], accounts: list[Json], since: str = "2026-11-01", today: str = TODAY
) -> list[Json]:
    given = ", ".join(json.dumps(one) for one in (months, accounts, since, today))
    found: list[Json] = library("netWorth.ts", f"netWorthOf({given})")
    return found


def totals(one: Json) -> dict[str, str | None]:
    return {day["day"][8:]: day["net"] for day in one["days"]}


# -- net worth --


def test_net_worth_is_the_exact_sum_of_balances_less_debts(library: Library) -> None:
    months = [month({"01": "0.1"}), month({"01": "0.2"}, "other"), month({"01": "0.000000000000000001"}, "card")]
    accounts = [account(), account("other", "investment"), account("card", "credit")]
    [usd] = net_worth(library, months, accounts)
    assert totals(usd) == {"01": "0.299999999999999999"}


def test_a_day_on_which_one_balance_is_unknown_is_a_gap(library: Library) -> None:
    months = [month({"01": "100", "02": "100", "03": "100"}), month({"01": "50", "02": None, "03": "50"}, "card")]
    [usd] = net_worth(library, months, [account(), account("card", "loan")])
    assert totals(usd) == {"01": "50", "02": None, "03": "50"}


def test_a_day_without_any_entry_is_a_gap_and_not_zero(library: Library) -> None:
    [usd] = net_worth(library, [month({"01": "100", "04": "0"})], [account()])
    assert totals(usd) == {"01": "100", "02": None, "03": None, "04": "0"}


def test_today_is_left_out_until_all_its_balances_are_recorded(library: Library) -> None:
    accounts = [account(), account("other")]
    months = [month({"28": "1", "29": "1", "30": "1"}), month({"28": "2", "29": "2"}, "other")]
    [usd] = net_worth(library, months, accounts)
    assert totals(usd) == {"28": "3", "29": "3"}
    assert usd["behind"] == []
    [later] = net_worth(library, months, accounts, today="2026-12-01")
    assert totals(later) == {"28": "3", "29": "3", "30": None}
    assert later["behind"] == [{"account_id": "other", "day": "2026-11-29"}]


def test_an_account_counts_from_its_first_known_day_and_no_change_is_computed_across_it(library: Library) -> None:
    months = [month({"01": "100", "02": "100", "03": "110"}), month({"02": "9000", "03": "9000"}, "broker")]
    [usd] = net_worth(library, months, [account(), account("broker", "investment")])
    assert totals(usd) == {"01": "100", "02": "9100", "03": "9110"}
    assert usd["joined"] == [{"account_id": "broker", "day": "2026-11-02"}]
    change = library("netWorth.ts", f"changeOf({json.dumps(usd)})")
    assert (change["since"]["day"], change["by"]) == ("2026-11-02", "10")


def test_days_with_a_computed_balance_are_marked(library: Library) -> None:
    months = [month({"01": "100", "02": "100"}, derived=("01",)), month({"01": "5", "02": "5"}, "other")]
    [usd] = net_worth(library, months, [account(), account("other")])
    assert [day["derived"] for day in usd["days"]] == [True, False]


def test_a_duplicate_counts_once_and_fills_the_gaps_of_the_counted_account(library: Library) -> None:
    copy = account("copy", duplicate_of={"connection_id": "first", "account_id": "cash"})
    own = month({"01": "100", "02": "999", "04": "130"}, derived=("02",))
    months = [own, month({"01": "55", "02": "110", "03": "120", "04": "130"}, "copy")]
    for order in (months, months[::-1]):
        [usd] = net_worth(library, order, [account(), copy])
        assert totals(usd) == {"01": "100", "02": "110", "03": "120", "04": "130"}


def test_history_of_an_account_that_no_longer_exists_is_left_out(library: Library) -> None:
    [usd] = net_worth(library, [month({"01": "1"}), month({"01": "5"}, "removed")], [account()])
    assert totals(usd) == {"01": "1"}
    assert net_worth(library, [month({"01": "5"}, "removed")], [account()]) == []


def test_currencies_are_never_added(library: Library) -> None:
    months = [month({"01": "1"}, "euro", currency="EUR"), month({"01": "2"}), month({"01": "3"}, "other")]
    found = net_worth(library, months, [account(), account("other"), account("euro")])
    assert [(one["currency"], totals(one)) for one in found] == [("USD", {"01": "5"}), ("EUR", {"01": "1"})]


def test_available_credit_is_no_balance(library: Library) -> None:
    months = [month({"01": None, "02": "5"}, "card")]
    months[0]["days"]["01"]["available"] = "900"
    [usd] = net_worth(library, months, [account("card", "credit")])
    assert totals(usd) == {"02": "-5"}


def test_days_before_the_chosen_span_decide_who_has_begun(library: Library) -> None:
    months = [month({"01": "1", "04": "1", "05": "1"}), month({"01": "2", "05": "2"}, "other")]
    [usd] = net_worth(library, months, [account(), account("other")], since="2026-11-04")
    assert totals(usd) == {"04": None, "05": "3"}
    assert usd["joined"] == []


def test_the_table_joins_equal_days_and_keeps_gaps_and_sources_apart(library: Library) -> None:
    days = [("01", "5", True), ("02", "5", True), ("03", "5", False), ("04", None, False), ("05", None, False)]
    given = json.dumps([{"day": day, "net": net, "derived": derived} for day, net, derived in days])
    spans = library("netWorth.ts", f"spansOf({given})")
    assert [(one["from"], one["to"], one["net"], one["derived"]) for one in spans] == [
        ("04", "05", None, False),
        ("03", "03", "5", False),
        ("01", "02", "5", True),
    ]


# -- bills --


def stream(**fields: Any) -> Json:
    base = {"direction": "out", "is_active": True, "frequency": "MONTHLY", "merchant_name": None, "description": "Gym"}
    return {**base, "predicted_next_date": "2026-12-05", "last_amount": "15", "average_amount": "14"} | fields


def expected(library: Library, *streams: Json) -> list[tuple[str, str | None, bool]]:
    found = library("bills.ts", f"expectedPayments({json.dumps(streams)}, '{TODAY}')")
    return [(one["day"], one["amount"], one["late"]) for one in found]


def test_expected_payments_come_in_order_with_their_newest_amount(library: Library) -> None:
    later = stream(predicted_next_date="2026-12-20", last_amount=None)
    assert expected(library, later, stream()) == [("2026-12-05", "15", False), ("2026-12-20", "14", False)]


@pytest.mark.parametrize(
    "fields",
    [
        {"direction": "in"},
        {"is_active": False},
        {"user": {"muted": True}},
        {"predicted_next_date": None},
        {"predicted_next_date": "2026-12-31"},
        {"predicted_next_date": "2026-11-01"},
    ],
)
def test_income_ended_muted_and_distant_payments_are_not_expected(fields: Json, library: Library) -> None:
    assert expected(library, stream(**fields)) == []


def test_a_weekly_payment_is_expected_each_week_and_a_late_one_is_marked(library: Library) -> None:
    weekly = stream(frequency="WEEKLY", predicted_next_date="2026-11-29")
    days = ["2026-11-29", "2026-12-06", "2026-12-13", "2026-12-20", "2026-12-27"]
    assert expected(library, weekly) == [(day, "15", day < TODAY) for day in days]


@pytest.mark.parametrize(
    ("frequency", "next_date", "days"),
    [
        ("MONTHLY", "2026-11-20", ["2026-11-20", "2026-12-20"]),
        ("MONTHLY", "2026-11-30", ["2026-11-30", "2026-12-30"]),
        ("MONTHLY", "2026-12-01", ["2026-12-01"]),
        ("ANNUALLY", "2026-11-29", ["2026-11-29"]),
        ("UNKNOWN", "2026-11-29", ["2026-11-29"]),
    ],
)
def test_a_late_monthly_payment_does_not_hide_the_next_one(
    frequency: str, next_date: str, days: list[str], library: Library
) -> None:
    one = stream(frequency=frequency, predicted_next_date=next_date)
    assert [day for day, _, _ in expected(library, one)] == days


def test_a_month_later_is_the_last_day_of_a_shorter_month(library: Library) -> None:
    days = "['2026-01-31', '2026-11-30', '2026-12-31', '2028-01-30'].map((day) => monthsAfter(day, 1))"
    assert library("days.ts", days) == ["2026-02-28", "2026-12-30", "2027-01-31", "2028-02-29"]
    assert library("days.ts", "monthsAfter('2026-01-31', 2)") == "2026-03-31"


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ("9.99", "12.99", {"before": "9.99", "after": "12.99", "direction": 1}),
        ("12.99", "9.99", {"before": "12.99", "after": "9.99", "direction": -1}),
        ("-3000", "-3100.5", {"before": "3000", "after": "3100.5", "direction": 1}),
        ("9.990", "9.99", None),
        (None, "9.99", None),
        ("9.99", None, None),
    ],
)
def test_a_price_change_compares_exact_amounts(
    before: str | None, after: str | None, change: Json | None, library: Library
) -> None:
    one = stream(amount_before=before, last_amount=after)
    assert library("bills.ts", f"priceChangeOf({json.dumps(one)})") == change


def test_the_users_name_and_category_of_a_stream_take_precedence(library: Library) -> None:
    one = stream(merchant_name="Fit", category={"primary": "PERSONAL_CARE"})
    named = one | {"user": {"name": "My gym", "category": "Sports"}}
    asked = f"[{json.dumps(one)}, {json.dumps(named)}].map((one) => [nameOfStream(one), categoryOfStream(one)])"
    assert library("bills.ts", asked) == [["Fit", "PERSONAL_CARE"], ["My gym", "Sports"]]


def test_totals_are_exact_and_kept_apart_by_currency(library: Library) -> None:
    amounts = [("USD", "0.1"), ("EUR", "5"), ("USD", "0.2")]
    given = json.dumps([{"currency": currency, "amount": amount} for currency, amount in amounts])
    assert library("sums.ts", f"totals({given})") == [
        {"currency": "USD", "amount": "0.3"},
        {"currency": "EUR", "amount": "5"},
    ]


# -- debts --


def liability(account_id: str, **fields: Any) -> Json:
    base = {"next_payment_due_date": None, "minimum_payment_amount": None, "is_overdue": None, "past_due_amount": None}
    return {"account_id": account_id, "currency": "USD"} | base | fields


def test_debts_are_listed_by_urgency_and_duplicates_left_out(library: Library) -> None:
    copy = {"connection_id": "c", "account_id": "late"}
    names = ("plain", "past", "later", "soon", "late")
    accounts = [account(name, "credit") for name in names] + [account(), account("copy", "loan", duplicate_of=copy)]
    liabilities = [
        liability("past", next_payment_due_date="2026-10-01", minimum_payment_amount="40"),
        liability("later", next_payment_due_date="2026-12-20", minimum_payment_amount="0.1"),
        liability("soon", next_payment_due_date=TODAY, minimum_payment_amount="0.2"),
        liability("late", next_payment_due_date="2026-11-20", is_overdue=True, minimum_payment_amount="7"),
        liability("copy", past_due_amount="5", minimum_payment_amount="7"),
    ]
    given = f"debtsOf({json.dumps(accounts)}, {json.dumps(liabilities)}, '{TODAY}')"
    found = library("debts.ts", given)
    assert [(one["account"]["account_id"], one["overdue"]) for one in found] == [
        ("late", True),
        ("soon", False),
        ("later", False),
        ("past", False),
        ("plain", False),
    ]
    due = library("debts.ts", f"minimumPayments({given}, '{TODAY}')")
    assert [one["amount"] for one in due] == ["7", "0.2", "0.1"]


@pytest.mark.parametrize(
    ("fields", "overdue"),
    [
        ({"is_overdue": True}, True),
        ({"past_due_amount": "0.01"}, True),
        ({"is_overdue": False, "past_due_amount": "0.00"}, False),
        ({"is_overdue": None}, False),
    ],
)
def test_a_debt_is_overdue_only_if_the_bank_says_so(fields: Json, overdue: bool, library: Library) -> None:
    given = f"{json.dumps([account('card', 'credit')])}, {json.dumps([liability('card', **fields)])}, '{TODAY}'"
    assert [one["overdue"] for one in library("debts.ts", f"debtsOf({given})")] == [overdue]


# -- portfolio --


@pytest.mark.parametrize(
    ("priced", "old"),
    [
        (None, None),
        ("2026-11-30", None),
        ("2026-11-26", None),
        ("2026-11-25", "2026-11-25"),
        ("2025-09-02", "2025-09-02"),
    ],
)
def test_a_price_older_than_a_long_weekend_says_its_day(priced: str | None, old: str | None, library: Library) -> None:
    one = holding("10") | {"institution_price_as_of": priced}
    assert library("portfolio.ts", f"oldPriceOf({json.dumps(one)}, '{TODAY}')") == old


def holding(value: str | None, cost: str | None = None, *, cash: bool = False, currency: str = "USD") -> Json:
    return {"institution_value": value, "cost_basis": cost, "is_cash": cash, "currency": currency}


def portfolios(library: Library, *holdings: Json) -> list[Json]:
    found: list[Json] = library("portfolio.ts", f"portfoliosOf({json.dumps(holdings)})")
    return found


def test_weights_add_up_to_the_whole_and_positions_are_sorted_by_value(library: Library) -> None:
    [usd] = portfolios(library, holding("10"), holding(None), holding("70"), holding("20", cash=True))
    assert [one["weight"] for one in usd["positions"]] == [0.7, 0.2, 0.1, None]
    assert (usd["total"], usd["securities"], usd["withoutValue"]) == ("100", 3, 1)


def test_gains_are_known_only_where_the_cost_is_and_a_missing_cost_is_not_zero(library: Library) -> None:
    [usd] = portfolios(library, holding("0.3", "0.1"), holding("50"), holding(None, "5"), holding("9", "9", cash=True))
    assert [one["gain"] for one in usd["positions"]] == [None, None, "0.2", None]
    assert (usd["gain"], usd["gainShare"], usd["withCost"]) == ("0.2", 2, 1)
    [unknown] = portfolios(library, holding("50"))
    assert (unknown["gain"], unknown["gainShare"]) == (None, None)


def test_a_position_that_cost_nothing_has_a_gain_without_a_percentage(library: Library) -> None:
    [usd] = portfolios(library, holding("5", "0"))
    assert (usd["gain"], usd["gainShare"]) == ("5", None)


def test_a_negative_position_lowers_the_total_and_has_no_weight(library: Library) -> None:
    [usd] = portfolios(library, holding("100"), holding("-25"))
    assert (usd["total"], [one["weight"] for one in usd["positions"]]) == ("75", [1, None])


def test_portfolios_of_several_currencies_are_separate(library: Library) -> None:
    found = portfolios(library, holding("1", currency="CAD"), holding("2"), holding("3"))
    assert [(one["currency"], one["total"]) for one in found] == [("USD", "5"), ("CAD", "1")]


def test_a_currency_code_is_official_only_if_it_is_an_iso_code(library: Library) -> None:
    codes = "['USD', 'XBT', 'doge', null].map((code) => money('1.123456789', inCurrency(code), 'en'))"
    shown = [one.replace("\N{NO-BREAK SPACE}", " ") for one in library("money.ts", codes)]
    assert shown == ["$1.12", "1.123456789 XBT", "1.123456789 doge", "1.123456789"]


def test_quantities_keep_all_their_digits(library: Library) -> None:
    asked = "['0.00000000000000001', '12345.6789', '10.00'].map((one) => quantity(one, 'en'))"
    assert library("money.ts", asked) == ["0.00000000000000001", "12,345.6789", "10"]


def test_the_share_of_a_small_position_is_not_rounded_to_nothing(library: Library) -> None:
    shares = "[0, 0.0004, 0.001, 0.0043, 0.0099, 0.01, 0.374, 1]"
    shown = library("money.ts", f"{shares}.map((share) => smallPercent(share, 'en'))")
    assert shown == ["0%", "<0.1%", "0.1%", "0.4%", "1%", "1%", "37%", "100%"]
    spanish = [one.replace("%", "\N{NO-BREAK SPACE}%").replace(".", ",") for one in shown]
    assert library("money.ts", f"{shares}.map((share) => smallPercent(share, 'es'))") == spanish
