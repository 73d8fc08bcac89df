"""Every value that the file of a custom user states comes back from the endpoint of its product."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from emulators.plaid.people.custom import open_bank

from .harness import Linked, Sim
from .test_people import opened

Json = dict[str, Any]
PERIOD = {"start_date": "2020-01-01", "end_date": "2030-12-31"}
SHARE = {"ticker_symbol": "ACME", "name": "Acme Corp", "isin": "US0000000001", "currency": "USD"}


def linked(sim: Sim, **account: Any) -> Linked:
    return sim.link("user_custom", {"override_accounts": [account]})


def broker(sim: Sim, **account: Any) -> Linked:
    return linked(sim, type="investment", subtype="brokerage", **account)


def liability(sim: Sim, kind: str, subtype: str, account_type: str = "loan", **written: Any) -> Json:
    item = linked(sim, type=account_type, subtype=subtype, starting_balance=900, liability=written)
    [found] = item.call("/liabilities/get")["liabilities"][kind]
    return dict(found)


def test_every_stated_value_of_a_card(sim: Sim) -> None:
    written = {
        "type": "credit",
        "purchase_apr": 16.99,
        "cash_apr": 24.99,
        "balance_transfer_apr": 18.99,
        "special_apr": 0,
        "last_payment_amount": 250.5,
        "last_payment_date": "2026-03-04",
        "last_statement_balance": 801.25,
        "last_statement_issue_date": "2026-03-01",
        "minimum_payment_amount": 35,
        "next_payment_due_date": "2026-04-01",
        "is_overdue": True,
    }
    card = liability(sim, "credit", "credit card", "credit", **written)
    aprs = {apr["apr_type"]: apr["apr_percentage"] for apr in card["aprs"]}
    assert aprs == {
        "purchase_apr": Decimal("16.99"),
        "cash_apr": Decimal("24.99"),
        "balance_transfer_apr": Decimal("18.99"),
        "special": 0,
    }
    for name in set(written) - {"type", "purchase_apr", "cash_apr", "balance_transfer_apr", "special_apr"}:
        assert card[name] == (Decimal(str(written[name])) if isinstance(written[name], float) else written[name])


def test_the_statement_of_a_card_is_its_balance_unless_stated(sim: Sim) -> None:
    assert liability(sim, "credit", "credit card", "credit")["last_statement_balance"] == 900


def test_every_stated_value_of_a_student_loan(sim: Sim) -> None:
    address = {"city": "Ames", "region": "IA", "street": "1 Main", "postal_code": "50010", "country": "US"}
    loan = liability(
        sim,
        "student",
        "student",
        type="student",
        origination_date="2022-01-15",
        principal=45123,
        nominal_apr=4.23,
        guarantor="A guarantor",
        loan_name="A loan",
        is_overdue=False,
        minimum_payment_amount=120,
        loan_status={"type": "in school", "end_date": "2027-06-01"},
        payment_reference_number="4277075694",
        pslf_status={"estimated_eligibility_date": "2031-01-01", "payments_made": 200, "payments_remaining": 160},
        repayment_plan_type="interest only",
        repayment_plan_description="Interest for now",
        sequence_number="2",
        servicer_address={"data": address, "primary": True},
    )
    assert (loan["origination_date"], loan["origination_principal_amount"]) == ("2022-01-15", 45123)
    assert (loan["interest_rate_percentage"], loan["guarantor"], loan["loan_name"]) == (
        Decimal("4.23"),
        "A guarantor",
        "A loan",
    )
    assert (loan["is_overdue"], loan["minimum_payment_amount"]) == (False, 120)
    assert loan["loan_status"] == {"type": "in school", "end_date": "2027-06-01"}
    assert loan["payment_reference_number"] == "4277075694"
    assert loan["pslf_status"]["payments_remaining"] == 160
    assert loan["repayment_plan"] == {"type": "interest-only", "description": "Interest for now"}
    assert (loan["sequence_number"], loan["servicer_address"]) == ("2", address)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"non_repayment_months": 12, "repayment_months": 120}, "2033-01-28"),
        ({"repayment_months": 1}, "2022-02-28"),
        ({"repayment_months": 11}, "2022-12-28"),
        ({"type": "standard"}, None),
        ({"repayment_months": 10**9}, None),
    ],
)
def test_a_loan_is_paid_off_after_the_stated_months(sim: Sim, written: Json, expected: str | None) -> None:
    loan = liability(sim, "student", "student", origination_date="2022-01-31", repayment_model=written)
    assert loan["expected_payoff_date"] == expected


def test_a_stated_end_of_a_loan_is_kept(sim: Sim) -> None:
    model = {"repayment_months": 120}
    stated = {"origination_date": "2022-01-31", "expected_payoff_date": "2030-05-06"}
    assert liability(sim, "student", "student", repayment_model=model, **stated)["expected_payoff_date"] == "2030-05-06"


def test_every_stated_value_of_holdings(sim: Sim) -> None:
    stated = {
        "institution_price": 20.3,
        "institution_price_as_of": "2026-06-03",
        "cost_basis": 10,
        "quantity": 0.00293644,
    }
    item = broker(sim, holdings=[{**stated, "currency": "USD", "security": SHARE}])
    answer = item.call("/investments/holdings/get")
    [holding], [security] = answer["holdings"], answer["securities"]
    assert {name: str(holding[name]) for name in stated} == {name: str(value) for name, value in stated.items()}
    assert {name: security[name] for name in ("ticker_symbol", "name", "isin", "type")} == {
        "ticker_symbol": "ACME",
        "name": "Acme Corp",
        "isin": "US0000000001",
        "type": "equity",
    }


@pytest.mark.parametrize(
    ("ticker", "kind", "is_cash"),
    [("CUR:USD", "cash", True), ("CUR:BTC", "cryptocurrency", False), ("ACME", "equity", False)],
)
def test_the_ticker_tells_money_from_shares(sim: Sim, ticker: str, kind: str, is_cash: bool) -> None:
    holding = {"quantity": 1, "institution_price": 1, "security": {"ticker_symbol": ticker, "currency": "USD"}}
    [security] = broker(sim, holdings=[holding]).call("/investments/holdings/get")["securities"]
    assert (security["type"], security["is_cash_equivalent"]) == (kind, is_cash)


def test_an_option_states_its_contract_in_its_ticker(sim: Sim) -> None:
    holding = {"quantity": 1, "institution_price": 1, "security": {"ticker_symbol": "F241108P00005500"}}
    [security] = broker(sim, holdings=[holding]).call("/investments/holdings/get")["securities"]
    assert security["type"] == "derivative"
    assert security["option_contract"] == {
        "contract_type": "put",
        "expiration_date": "2024-11-08",
        "strike_price": Decimal("5.5"),
        "underlying_security_ticker": "F",
    }


@pytest.mark.parametrize(
    ("kind", "quantity", "amount"),
    [("buy", 3, 30), ("sell", -3, -30), ("sell", 3, -30), ("buy", -3, 30), ("transfer", -3, -30)],
)
def test_the_amount_of_a_trade_is_positive_when_cash_leaves(sim: Sim, kind: str, quantity: int, amount: int) -> None:
    written = {
        "date": "2026-02-10",
        "name": "a trade",
        "quantity": quantity,
        "price": 10,
        "fees": 4.25,
        "type": kind,
        "currency": "USD",
        "security": SHARE,
    }
    item = broker(sim, investment_transactions=[written])
    [got] = item.call("/investments/transactions/get", **PERIOD)["investment_transactions"]
    assert (got["amount"], got["quantity"], got["type"]) == (amount, quantity, kind)
    assert (got["date"], got["name"], got["price"], str(got["fees"])) == ("2026-02-10", "a trade", 10, "4.25")


def test_a_currency_without_an_iso_code_is_unofficial_everywhere(sim: Sim) -> None:
    trade = {"date": "2026-02-10", "name": "x", "type": "buy", "quantity": 1, "price": 1, "currency": "ETH"}
    row = {"date_posted": "2026-02-10", "amount": 1, "description": "x", "currency": "DOGE"}
    wallet = {
        "currency": "BTC",
        "holdings": [{"quantity": 1, "institution_price": 1, "currency": "ETH", "security": {"currency": "ETH"}}],
        "investment_transactions": [trade],
    }
    item = sim.link(
        "user_custom",
        {
            "override_accounts": [
                {**wallet, "type": "investment"},
                {"currency": "BTC", "transactions": [row, {**row, "currency": None}]},
            ]
        },
    )
    answer = item.call("/investments/holdings/get")
    trades = item.call("/investments/transactions/get", **PERIOD)["investment_transactions"]
    unofficial = {"BTC", "ETH", "DOGE"}
    for part in (
        *[account["balances"] for account in answer["accounts"]],
        *answer["holdings"],
        *answer["securities"],
        *trades,
        *item.truth()["transactions"],
    ):
        assert part["iso_currency_code"] is None
        assert part["unofficial_currency_code"] in unofficial
    assert {row["unofficial_currency_code"] for row in item.truth()["transactions"]} == {"DOGE", "BTC"}


@pytest.mark.parametrize(
    ("written", "mask"),
    [
        ({"numbers": {"account": "998877665544"}}, "5544"),
        ({"numbers": {"international_iban": "IE29AIBK93115212345678"}}, "5678"),
        ({"numbers": {"account": "998877665544"}, "meta": {"mask": "77"}}, "77"),
        ({"numbers": {"account": "998877665544"}, "meta": {"mask": ""}}, ""),
    ],
)
def test_the_mask_comes_from_the_file(written: Json, mask: str) -> None:
    [account], _ = opened({"override_accounts": [written]})
    assert account["mask"] == mask


def test_holder_category_comes_from_the_file() -> None:
    accounts, _ = opened({"override_accounts": [{"holder_category": "business"}, {"holder_category": "odd"}, {}]})
    assert [account["holder_category"] for account in accounts] == ["business", "personal", "personal"]


def test_income_on_the_last_day_of_the_month() -> None:
    model = {"type": "monthly-income", "income_amount": 10, "payment_day_of_month": "last", "transaction_name": "PAY"}
    _, rows = opened({"override_accounts": [{"inflow_model": model}]})
    assert [row["date"] for row in rows] == ["2026-05-31", "2026-04-30", "2026-03-31"]


def test_an_empty_template_of_an_identity_is_no_identity(sim: Sim) -> None:
    nothing = {"data": None, "primary": None, "type": None}
    template = {
        "names": [None],
        "phone_numbers": [nothing],
        "emails": [nothing],
        "addresses": [{"data": {"city": None, "street": None}, "primary": None}],
    }
    [account] = linked(sim, identity=template).call("/identity/get")["accounts"]
    assert account["owners"][0]["names"] == ["Alberta Bobbeth Charleson"]
    partly = {**template, "names": ["Ada Example"]}
    [account] = linked(sim, identity=partly).call("/identity/get")["accounts"]
    assert account["owners"] == [
        {"names": ["Ada Example"], "phone_numbers": [], "emails": [], "addresses": []},
    ]


def test_yield_of_an_account_comes_back_only_if_stated() -> None:
    accounts, _ = opened({"override_accounts": [{"meta": {"apy": 4.25}}, {}]})
    assert (str(accounts[0]["apy"]), "apy" in accounts[1]) == ("4.25", False)


def test_dates_roll_forward_so_that_the_latest_activity_is_today(sim: Sim) -> None:
    row = {"date_transacted": "2020-01-10", "date_posted": "2020-01-12", "amount": 1, "description": "late"}
    earlier = {"date_posted": "2020-01-03", "amount": 2, "description": "early"}
    loan = {"origination_date": "2019-01-10", "next_payment_due_date": "2020-02-10", "last_payment_date": "2020-01-01"}
    file = {
        "roll_dates_forward": True,
        "override_accounts": [
            {"transactions": [row, earlier]},
            {"type": "loan", "subtype": "student", "liability": loan},
        ],
    }
    item = sim.link("user_custom", file)
    today = date.fromisoformat(sim.look("/clock")["now"][:10])
    moved = today - date(2020, 1, 10)

    def then(written: str) -> str:
        return str(date.fromisoformat(written) + moved)

    dates = {row["name"]: (row["authorized_date"], row["date"], row["pending"]) for row in item.truth()["transactions"]}
    assert dates == {
        "late": (str(today), then("2020-01-12"), True),
        "early": (None, then("2020-01-03"), False),
    }
    [student] = item.call("/liabilities/get")["liabilities"]["student"]
    assert {name: student[name] for name in loan} == {name: then(written) for name, written in loan.items()}


@pytest.mark.parametrize("flag", [False, None, "yes"])
def test_dates_stay_without_the_flag(flag: Any) -> None:
    row = {"date_posted": "2020-01-03", "amount": 2, "description": "early"}
    _, [got] = opened({"roll_dates_forward": flag, "override_accounts": [{"transactions": [row]}]})
    assert got["date"] == "2020-01-03"


def test_joint_owners_and_all_their_contacts_come_back_unchanged(sim: Sim) -> None:
    identity = {
        "names": ["Ada Example", "Bob Example"],
        "phone_numbers": [
            {"data": "5550100", "primary": True, "type": "mobile"},
            {"data": "5550101", "primary": False, "type": "home"},
        ],
        "emails": [
            {"data": "ada@example.com", "primary": True, "type": "primary"},
            {"data": "bob@example.com", "primary": False, "type": "secondary"},
        ],
        "addresses": [
            {
                "data": {"street": "1 High St", "city": "Ames", "region": "IA", "postal_code": "1", "country": "US"},
                "primary": True,
            }
        ],
    }
    [account] = linked(sim, identity=identity).call("/identity/get")["accounts"]
    assert account["owners"] == [identity]


def test_data_of_every_other_product_is_the_same_for_the_same_file() -> None:
    file = '{"override_accounts": [{"type": "investment", "holdings": [{"quantity": 1, "institution_price": 2}]}]}'
    first, second = (open_bank(file, "an-item", date(2026, 6, 15)) for _ in range(2))
    assert first.accounts == second.accounts
