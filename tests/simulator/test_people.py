"""The Sandbox's users, and the data of a custom user's file."""

from __future__ import annotations

import json
import tracemalloc
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulators.plaid import wire
from emulators.plaid.errors import PlaidError
from emulators.plaid.people import custom, generated
from emulators.plaid.synclog import Cursor, SyncLog

from .harness import Linked, Refused, Sim
from .people import CHECKING, EVERYTHING

Json = dict[str, Any]
TODAY = date(2026, 6, 15)


def opened(config: Any) -> tuple[list[Json], list[Json]]:
    """The accounts and transactions of a custom user."""
    portfolio = custom.open_bank(config if isinstance(config, str) else json.dumps(config), "an-item", TODAY)
    rows = [wire.loads(portfolio.history.row(i).body) for i in range(len(portfolio.history))]
    return [account.as_object() for account in portfolio.accounts], rows


def test_a_custom_users_transactions_come_back_value_for_value(sim: Sim) -> None:
    item = sim.link("user_custom", EVERYTHING)
    written = [
        (
            row["description"],
            Decimal(str(row["amount"])),
            row["date_posted"],
            row["date_transacted"],
            row["currency"],
        )
        for account in EVERYTHING["override_accounts"]
        for row in account.get("transactions", [])
    ]
    for rows in (item.truth()["transactions"], item.sync(count=500)["added"]):
        got = [
            (row["name"], Decimal(row["amount"]), row["date"], row["authorized_date"], row["iso_currency_code"])
            for row in rows
        ]
        assert Counter(got) == Counter(written)


def test_a_custom_users_accounts_come_back_value_for_value(sim: Sim) -> None:
    checking = sim.link("user_custom", EVERYTHING).call("/accounts/get")["accounts"][0]
    identifier = checking.pop("account_id")
    assert len(identifier) == 37
    assert checking == {
        "balances": {
            "available": 1200,
            "current": Decimal("1234.5"),
            "iso_currency_code": "EUR",
            "limit": 500,
            "unofficial_currency_code": None,
        },
        "holder_category": "personal",
        "mask": "77",
        "name": "Joint account",
        "official_name": "Compte joint",
        "subtype": "checking",
        "type": "depository",
    }


def test_a_custom_users_owner_and_numbers(sim: Sim) -> None:
    item = sim.link("user_custom", EVERYTHING)
    owner = item.call("/identity/get")["accounts"][0]["owners"][0]
    assert owner["names"] == ["Ada Example", "Bob Example"]
    assert owner["addresses"][0]["data"]["city"] == "Paris"
    [number] = item.call("/auth/get")["numbers"]["ach"]
    assert (number["account"], number["routing"]) == ("000011112222", "011401533")


@pytest.mark.parametrize(
    ("numbers", "kind", "key", "value"),
    [
        ({"account": "1", "eft_institution": "114", "eft_branch": "01533"}, "eft", "branch", "01533"),
        ({"account": "1", "bacs_sort_code": "123456"}, "bacs", "sort_code", "123456"),
        ({"international_iban": "GB33BUKB20201555555555"}, "international", "iban", "GB33BUKB20201555555555"),
        (None, "ach", "routing", "011401533"),
    ],
)
def test_account_numbers_of_other_countries(sim: Sim, numbers: Any, kind: str, key: str, value: str) -> None:
    item = sim.link("user_custom", {"override_accounts": [{"type": "depository", "numbers": numbers}]})
    found = item.call("/auth/get")["numbers"]
    assert {name: len(entries) for name, entries in found.items()}[kind] == 1
    assert found[kind][0][key] == value


def test_a_custom_users_holdings_and_liabilities(sim: Sim) -> None:
    item = sim.link("user_custom", EVERYTHING)
    holdings = item.call("/investments/holdings/get")
    assert (holdings["holdings"][0]["quantity"], holdings["holdings"][0]["cost_basis"]) == (12, None)
    assert str(holdings["holdings"][0]["institution_value"]) == "1684.8"
    assert holdings["securities"][0]["ticker_symbol"] == "AAPL"
    period = {"start_date": "2026-01-01", "end_date": "2026-12-31"}
    bought = item.call("/investments/transactions/get", **period)
    assert bought["total_investment_transactions"] == 1
    assert (str(bought["investment_transactions"][0]["fees"]), bought["investment_transactions"][0]["type"]) == (
        "4.25",
        "buy",
    )
    liabilities = item.call("/liabilities/get")["liabilities"]
    assert [str(apr["apr_percentage"]) for apr in liabilities["credit"][0]["aprs"]] == ["16.99"]
    assert (liabilities["student"][0]["loan_name"], liabilities["student"][0]["origination_principal_amount"]) == (
        "Study",
        45123,
    )


def test_investment_transactions_are_filtered_by_date_and_paged(sim: Sim) -> None:
    item = sim.link(products=["transactions", "investments"])

    def got(start: str, end: str, **options: Any) -> tuple[int, list[str]]:
        answer = item.call("/investments/transactions/get", start_date=start, end_date=end, options=options)
        return answer["total_investment_transactions"], [row["date"] for row in answer["investment_transactions"]]

    today = date.fromisoformat(sim.look("/clock")["now"][:10])
    deposit, buy, sell = (str(today - timedelta(days=age)) for age in (18, 20, 25))
    month = (str(today - timedelta(days=29)), str(today))
    assert got(*month) == (3, [deposit, buy, sell])
    assert got(buy, buy) == (1, [buy])
    assert got(*month, count=1, offset=1) == (3, [buy])
    assert got(*month, offset=3) == (3, [])
    assert got(str(today - timedelta(days=59)), str(today))[0] == 6


def test_capital_one_requires_the_minimum_balance_freshness(sim: Sim) -> None:
    item = sim.link(institution_id="ins_128026")
    with pytest.raises(Refused, match="min_last_updated_datetime"):
        item.call("/accounts/balance/get")
    options = {"min_last_updated_datetime": "2026-01-01T00:00:00Z"}
    balances = item.call("/accounts/balance/get", options=options)["accounts"][0]["balances"]
    assert balances["last_updated_datetime"]


def test_regular_income_is_added_to_the_listed_rows() -> None:
    model = {"type": "monthly-income", "income_amount": 2500.5, "payment_day_of_month": 31, "transaction_name": "PAY"}
    _, rows = opened({"override_accounts": [{**CHECKING, "inflow_model": model}]})
    income = [row for row in rows if row["name"] == "PAY"]
    assert {str(row["amount"]) for row in income} == {"-2500.5"}
    assert [row["date"] for row in income] == ["2026-05-31", "2026-04-30", "2026-03-31"]
    assert len(rows) == len(income) + len(CHECKING["transactions"])


def test_a_template_of_nulls_makes_an_account_without_transactions() -> None:
    nothing = {"date_transacted": None, "date_posted": None, "amount": None, "description": None, "currency": None}
    override = {
        "type": None,
        "subtype": None,
        "starting_balance": None,
        "meta": {"name": None},
        "numbers": {"account": None},
        "transactions": [nothing],
        "identity": {"names": [None], "addresses": [{"data": {"city": None}, "primary": None}]},
        "liability": {"type": None, "repayment_model": {"type": None}},
        "inflow_model": {"type": None},
    }
    [account], rows = opened(
        {"version": None, "seed": None, "override_accounts": [override], "mfa": {}, "force_error": None}
    )
    assert (account["type"], account["subtype"], rows) == ("depository", "checking", [])


@pytest.mark.parametrize(
    ("written", "kind", "subtype"),
    [
        ({"type": "credit"}, "credit", "credit card"),
        ({"type": "DEPOSITORY", "subtype": "Money Market"}, "depository", "money market"),
        ({"type": "investment", "subtype": "403b"}, "investment", "403B"),
        ({"type": "mattress", "subtype": "under"}, "other", None),
        ({"type": 5}, "other", None),
        ({}, "depository", "checking"),
    ],
)
def test_odd_account_types(written: Json, kind: str, subtype: str | None) -> None:
    [account], _ = opened({"override_accounts": [written]})
    assert (account["type"], account["subtype"]) == (kind, subtype)


@pytest.mark.parametrize(
    ("amount", "sent"),
    [
        ("12.0", "12.0"),
        ("12", "12"),
        ("0.00", "0.00"),
        ("1e2", "100"),
        ("0.1000", "0.1000"),
        ("1E-9", "0.000000001"),
        ('"3.10"', "3.10"),
    ],
)
def test_amounts_keep_their_digits(amount: str, sent: str) -> None:
    row = f'{{"date_posted": "2026-01-02", "amount": {amount}, "description": "x"}}'
    _, [got] = opened(f'{{"override_accounts": [{{"transactions": [{row}]}}]}}')
    assert wire.dumps(got["amount"]).decode() == sent


def test_missing_keys_of_a_row_are_filled_in() -> None:
    rows = [{"amount": 1}, {"date_transacted": "2026-01-02"}, {"date_posted": "2026-01-03T10:00:00Z", "description": 7}]
    _, got = opened({"override_accounts": [{"currency": "CAD", "transactions": rows}]})
    summary = {(row["date"], row["name"], int(row["amount"]), row["iso_currency_code"]) for row in got}
    assert summary == {("2026-06-15", "", 1, "CAD"), ("2026-01-02", "", 0, "CAD"), ("2026-01-03", "7", 0, "CAD")}


def test_without_accounts_a_custom_user_is_the_standard_one(sim: Sim) -> None:
    assert len(sim.link("user_custom", {}).account_ids()) == 14


KEYS = st.sampled_from(
    wire.words(
        "type subtype starting_balance force_available_balance currency meta numbers transactions identity liability "
        "inflow_model holdings investment_transactions amount date_posted date_transacted description name mask limit "
        "names emails phone_numbers addresses data primary account purchase_apr principal repayment_model security "
        "quantity income_amount payment_day_of_month"
    )
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["depository", "credit", "loan", "investment", "monthly-income", "2026-02-03", "student"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=15,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(KEYS, ANYTHING, max_size=8), max_size=3))
def test_no_valid_file_crashes_the_simulator(overrides: list[Json]) -> None:
    accounts, rows = opened({"override_accounts": overrides})
    assert accounts
    wire.dumps([accounts, rows])


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ANYTHING)
def test_any_other_file_is_refused_or_read(config: Any) -> None:
    try:
        opened({"override_accounts": config} if not isinstance(config, dict) else config)
    except PlaidError as error:
        assert error.code  # noqa: PT017 - any Plaid error is accepted


def history(count: int, seed: int = 1) -> SyncLog:
    opened_bank = generated.open_bank(json.dumps({"transactions": count, "seed": seed}), "an-item", TODAY)
    log = SyncLog(opened_bank.history)
    log.reveal(0, count)
    return log


@pytest.mark.parametrize("count", [0, 1, 7, 100, 2500])
def test_a_generated_history_has_the_size_that_was_asked_for(count: int) -> None:
    rows = [wire.loads(row.body) for row in history(count).current()]
    assert len({row["transaction_id"] for row in rows}) == count
    days = [row["date"] for row in rows]
    assert days == sorted(days, reverse=True)
    assert all(day <= str(TODAY) for day in days)


def test_the_same_seed_gives_the_same_history_and_another_seed_another() -> None:
    one, same, other = ([row.body for row in history(200, seed).current()] for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_generated_history_is_realistic(sim: Sim) -> None:
    item = sim.generated(3000)
    rows = item.truth()["transactions"]
    assert len({row["personal_finance_category"]["primary"] for row in rows}) >= 8
    assert {row["iso_currency_code"] for row in rows} == {"USD", "EUR", None}
    assert {row["unofficial_currency_code"] for row in rows} == {"BTC", None}
    assert any(row["pending"] for row in rows)
    assert any(row["merchant_name"] is None for row in rows)
    assert any(-row["amount"].as_tuple().exponent > 2 for row in rows)
    salaries = [row for row in rows if row["personal_finance_category"]["detailed"] == "INCOME_WAGES"]
    rents = [row for row in rows if row["personal_finance_category"]["detailed"] == "RENT_AND_UTILITIES_RENT"]
    assert {row["date"][8:] for row in salaries} == {"01", "15"}
    assert 20 <= len(rents) <= 25
    assert {stream["description"] for stream in item.call("/transactions/recurring/get")["outflow_streams"]} >= {
        "RENT 14 ELM STREET"
    }


def test_twenty_thousand_transactions_are_paged_with_constant_memory() -> None:
    log = history(20_000)
    cursor, count, peaks = Cursor(0, 0, 0), 0, []
    for number in range(40):
        traced = number in {1, 20, 39}
        if traced:
            tracemalloc.start()
        page = log.page(cursor, 500)
        if traced:
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        count += len(page.added)
        cursor = page.cursor
    assert (count, page.has_more) == (20_000, False)
    assert max(peaks) < 1.2 * min(peaks) < 2_000_000


def test_twenty_thousand_transactions_arrive_over_the_wire(sim: Sim) -> None:
    item: Linked = sim.generated(20_000)
    cursor, count = "", 0
    while True:
        page = item.sync(cursor, count=500)
        count += len(page["added"])
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    assert count == 20_000


def test_ten_items_of_a_hundred_thousand_rows_cost_little(sim: Sim) -> None:
    items = [sim.generated(100_000, seed, ready=False) for seed in range(10)]
    sim.advance(10)
    for item in items:
        assert len(item.sync(count=500)["added"]) == 500
