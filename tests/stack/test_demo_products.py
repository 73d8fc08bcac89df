"""What `make demo` shows of net worth, bills, debts and positions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import StringIO
from typing import Any

from rich.console import Console

from emulators.client import Document
from emulators.demo_net_worth import Total, net_worth, net_worth_table
from emulators.demo_products import choose_products, print_products
from shared.domain.products.kinds import ProductKind

CHECKING: Document = {"account_id": "checking", "type": "depository", "name": "Checking"}
CARD: Document = {
    "account_id": "card",
    "type": "credit",
    "name": "Card [gold]",
    "balances": {"current": "410", "iso_currency_code": "USD"},
}


def printed(rows: dict[str, list[Document]], accounts: Sequence[Document] = ()) -> list[str]:
    """The printed lines, without the spaces that align them."""
    out = StringIO()
    print_products(Console(file=out, width=110), rows, accounts)
    return [re.sub(" {2,}", " | ", line.strip()) for line in out.getvalue().splitlines()]


def test_bills_and_income_show_the_newest_amount_and_the_one_before() -> None:
    video = {"is_active": True, "description": "VIDEO [x]", "merchant_name": None, "frequency": "MONTHLY"}
    video |= {"predicted_next_date": "2026-04-01", "average_amount": "9.99", "last_amount": "12.99", "currency": "USD"}
    pay = video | {"description": "PAY", "predicted_next_date": None, "average_amount": "-100", "last_amount": None}
    lines = printed({"recurring": [pay, video | {"amount_before": "9.49"}, video | {"is_active": False}]})
    assert "Bills and income (2 of 2 active, 3 in all)" in lines
    assert "2026-04-01 | VIDEO [x] | Monthly | 12.99 USD | 9.49 USD" in lines
    assert "- | PAY | Monthly | +100.00 USD | -" in lines


def test_debts_name_the_account_its_interest_and_what_is_owed() -> None:
    loan: Document = {"account_id": "loan", "type": "loan", "name": "Plaid Student"}
    loan |= {"balances": {"current": "45123", "iso_currency_code": "CAD"}}
    student = {"account_id": "loan", "loan_name": "Student Loan", "interest_rate": "4.23", "currency": "CAD"}
    card: Document = {"account_id": "card", "minimum_payment_amount": "35", "next_payment_due_date": "2026-03-07"}
    rates = {"cash_apr": "24.99", "purchase_apr": "16.99"}
    aprs = [{"type": kind, "percentage": percentage} for kind, percentage in rates.items()]
    card |= {"aprs": aprs, "currency": "USD"}
    lines = printed({"liabilities": [student, card]}, [CHECKING, CARD, loan])
    assert "Debts (2 of 2)" in lines
    assert "2026-03-07 | Card [gold] | 16.99% | 35.00 USD | 410.00 USD" in lines
    assert "- | Student Loan | 4.23% | - | 45,123.00 CAD" in lines


def position(name: str, value: str | None, cost: str | None, **other: Any) -> Document:
    row = {"security": {"name": name}, "quantity": "1.5", "institution_price": "10.5", "institution_value": value}
    return row | {"cost_basis": cost, "currency": "USD", "is_cash": False} | other


def test_positions_have_weights_and_a_total_and_a_gain_only_where_the_cost_is_known() -> None:
    few = [
        position("Fund", "75", "50.5"),
        position("Bond", "20", None),
        position("Loser", "4", "5"),
        position("Dollars", "1", "1", is_cash=True),
        position("Odd", None, "7"),
    ]
    lines = printed({"holdings": few})
    assert "Positions (5 of 5)" in lines
    assert "Fund | 1.5 | 10.50 USD | 75.0% | +24.50 USD | 75.00 USD" in lines
    assert "Bond | 1.5 | 10.50 USD | 20.0% | - | 20.00 USD" in lines
    assert "Loser | 1.5 | 10.50 USD | 4.0% | -1.00 USD | 4.00 USD" in lines
    assert "Dollars | 1.5 | 10.50 USD | 1.0% | - | 1.00 USD" in lines
    assert "Odd | 1.5 | 10.50 USD | - | - | -" in lines
    assert "All positions | 100.00 USD" in lines


def test_computed_values_are_rounded_to_cents_unless_they_are_small() -> None:
    lines = printed({"holdings": [position("Penny", "110.00135802467913574", "1"), position("Coin", "0.000123", None)]})
    assert "Penny | 1.5 | 10.50 USD | 100.0% | +109.00 USD | 110.00 USD" in lines
    assert "Coin | 1.5 | 10.50 USD | 0.0% | - | 0.000123 USD" in lines
    assert "All positions | 110.00 USD" in lines


def test_a_long_list_says_how_many_rows_it_shows_and_totals_all_of_them() -> None:
    lines = printed({"holdings": [position(f"Fund {i}", "10", None) for i in range(12)]})
    assert "Positions (8 of 12)" in lines
    assert "All positions | 120.00 USD" in lines
    assert sum(line.startswith("Fund ") for line in lines) == 8


def test_money_that_came_in_is_marked_as_in_the_list_of_transactions() -> None:
    trade = {"date": "2026-02-11", "name": "SELL FUND", "type": "sell", "amount": "-200", "currency": "USD"}
    lines = printed({"investment_transactions": [trade, trade | {"name": "BUY FUND", "type": "buy", "amount": "150"}]})
    assert "2026-02-11 | SELL FUND | Sell | +200.00 USD" in lines
    assert "2026-02-11 | BUY FUND | Buy | 150.00 USD" in lines


def test_products_without_rows_have_no_table() -> None:
    kinds = ("recurring", "liabilities", "holdings", "investment_transactions")
    assert printed({kind: [] for kind in kinds}, [CARD]) == []


def month(account: str, name: str, days: dict[str, str | None], *, computed: Sequence[str] = ()) -> Document:
    entries = {day: {"current": current, "available": "900", "limit": None} for day, current in days.items()}
    marks = {"derived": dict.fromkeys(computed, True)} if computed else {}  # stored with the first computed day
    return {"account_id": account, "month": name, "currency": "USD", "days": entries} | marks


def test_net_worth_subtracts_debts_and_leaves_out_days_with_an_unknown_balance() -> None:
    months = [
        month("checking", "2026-01", {"30": "100.10", "31": "90"}, computed=["30", "31"]),
        month("card", "2026-01", {"31": None}),
        month("checking", "2026-02", {"01": "50", "02": "60", "03": None}),
        month("card", "2026-02", {"01": "10.5", "03": "20"}),
        month("removed", "2026-02", {"01": "9"}),
    ]
    [(currency, totals)] = net_worth(months, [CHECKING, CARD]).items()
    assert currency == "USD"
    assert [(one.day, str(one.net), one.accounts, one.is_computed) for one in totals] == [
        ("2026-02-03", "880", 2, False),  # a cash account without a current balance has its available one
        ("2026-01-31", "90", 1, True),
    ]
    assert [one.day for one in net_worth(months[:4], [CARD, CHECKING | {"type": "loan"}])["USD"]] == [
        "2026-02-01",
        "2026-01-31",
    ]


def test_the_net_worth_table_says_where_a_total_is_from() -> None:
    totals = net_worth([month("checking", "2026-01", {"31": "1234.5"}, computed=["31"])], [CHECKING])["USD"]
    assert isinstance(totals[0], Total)
    out = StringIO()
    Console(file=out, width=110).print(net_worth_table("USD", totals))
    assert re.search(r"2026-01-31 +1 +computed from transactions +1,234\.50 USD", out.getvalue())


def test_the_demo_alone_has_every_product_by_default() -> None:
    given = {"SYNC_PRODUCTS": "holdings"}
    choose_products(given)
    assert given == {"SYNC_PRODUCTS": "holdings"}
    nothing: dict[str, str] = {}
    choose_products(nothing)
    assert set(nothing["SYNC_PRODUCTS"].split(",")) == {*ProductKind}
