"""The products of Plaid, read from the simulator and compared with what its users' files state."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from shared.adapters.plaid import transaction_mapping
from shared.adapters.plaid.product_client import PlaidProductsClient
from shared.domain.errors import ErrorKind, ProviderError
from shared.domain.products.investment_transactions import WindowRead
from shared.domain.products.kinds import ProductKind, ProductStatus, fitting_accounts
from shared.domain.products.outcomes import product_outcome
from shared.domain.products.own_recurring import detect
from shared.domain.products.snapshot import ProductRow, Snapshot
from tests.adapters.plaid.product_people import (
    BROKERAGE,
    CANARY,
    CARD,
    CHECKING,
    EVERYTHING,
    MORTGAGE,
    STUDENT_LOAN,
    YEARS,
    Json,
    linked,
    token,
    trades,
)
from tests.simulator.harness import Sim


def one(snapshot: Snapshot) -> Json:
    assert not snapshot.oddities
    [row] = snapshot.rows
    assert row.account_id == row.fields["account_id"]
    return dict(row.fields)


def written(value: float) -> str:
    return str(Decimal(str(value)))


class TestLiabilities:
    def test_a_card_has_every_value_of_its_file(self, sim: Sim, plaid: PlaidProductsClient) -> None:
        card, file = one(plaid.liabilities(token(linked(sim, CARD)))), CARD["liability"]
        assert (card["kind"], card["currency"]) == ("credit", "USD")
        for name in ("last_payment_amount", "last_statement_balance", "minimum_payment_amount"):
            assert card[name] == written(file[name])
        for name in ("last_payment_date", "last_statement_issue_date", "next_payment_due_date", "is_overdue"):
            assert card[name] == file[name]
        assert {apr["type"]: apr["percentage"] for apr in card["aprs"]} == {
            "purchase_apr": "19.24",
            "cash_apr": "27.99",
            "balance_transfer_apr": "21.5",
            "special": "0",
        }

    def test_a_student_loan_has_every_value_of_its_file(self, sim: Sim, plaid: PlaidProductsClient) -> None:
        loan, file = one(plaid.liabilities(token(linked(sim, STUDENT_LOAN)))), STUDENT_LOAN["liability"]
        assert (loan["kind"], loan["currency"]) == ("student", "USD")
        for name in (
            *("origination_date", "loan_name", "is_overdue", "last_payment_date", "next_payment_due_date"),
            "expected_payoff_date",
        ):
            assert loan[name] == file[name]
        for name in ("last_payment_amount", "minimum_payment_amount"):
            assert loan[name] == written(file[name])
        assert (loan["interest_rate"], loan["origination_principal"]) == ("5.05", "24500")
        assert (loan["loan_status"], loan["repayment_plan"], loan["aprs"]) == ("repayment", "graduated", [])

    def test_a_mortgage_has_every_value_of_its_file(self, sim: Sim, plaid: PlaidProductsClient) -> None:
        item = linked(sim, MORTGAGE)
        [account_id] = item.account_ids()
        more = {
            "next_monthly_payment": 1525.9,
            "next_payment_due_date": "2026-04-01",
            "maturity_date": "2049-07-31",
            "past_due_amount": 12.5,
            "loan_type_description": "conventional",
        }
        item.control("liabilities", change=[{"account_id": account_id, **more}])
        loan = one(plaid.liabilities(token(item)))
        stated = {
            "kind": "mortgage",
            "currency": "CAD",
            "interest_rate": "3.99",
            "interest_rate_type": "fixed",
            "origination_principal": "320000",
            "origination_date": "2019-07-31",
            "last_payment_amount": "1525.9",
            "minimum_payment_amount": "1525.9",
            "next_payment_due_date": "2026-04-01",
            "maturity_date": "2049-07-31",
            "past_due_amount": "12.5",
            "loan_type": "conventional",
        }
        assert {name: loan[name] for name in stated} == stated

    def test_each_account_has_one_liability(self, sim: Sim, plaid: PlaidProductsClient) -> None:
        snapshot = plaid.liabilities(token(linked(sim, *EVERYTHING["override_accounts"])))
        assert [row.fields["kind"] for row in snapshot.rows] == ["credit", "student", "mortgage"]
        assert all(row.row_id == row.account_id for row in snapshot.rows)
        assert {row.account_id for row in snapshot.rows} == fitting_accounts(ProductKind.LIABILITIES, snapshot.accounts)


class TestInvestments:
    def test_holdings_have_every_value_of_their_file(self, sim: Sim, plaid: PlaidProductsClient) -> None:
        snapshot = plaid.holdings(token(linked(sim, BROKERAGE)))
        assert len(snapshot.rows) == len(BROKERAGE["holdings"])
        for row, file in zip(snapshot.rows, BROKERAGE["holdings"], strict=True):
            assert row.row_id == f"{row.account_id}.{row.fields['security']['security_id']}"
            assert_equals_file(row, file, ("quantity", "institution_price", "cost_basis"))
            assert row.fields["institution_price_as_of"] == file.get("institution_price_as_of")
            value = Decimal(written(file["quantity"])) * Decimal(written(file["institution_price"]))
            assert Decimal(row.fields["institution_value"]) == value

    def test_only_money_is_cash(self, sim: Sim, plaid: PlaidProductsClient) -> None:
        rows = plaid.holdings(token(linked(sim, BROKERAGE))).rows
        assert {row.fields["security"]["ticker"]: row.fields["is_cash"] for row in rows} == {
            "CUR:BTC": False,
            "CUR:USD": True,
            "ACME": False,
        }

    def test_a_cost_basis_that_the_bank_does_not_know_is_not_zero(self, sim: Sim, plaid: PlaidProductsClient) -> None:
        rows = plaid.holdings(token(linked(sim, BROKERAGE))).rows
        assert [row.fields["cost_basis"] for row in rows] == ["120.03", None, None]

    def test_transactions_have_every_value_of_their_file(self, sim: Sim, plaid: PlaidProductsClient) -> None:
        item = linked(sim, BROKERAGE)
        page = trades(plaid, item)
        files = BROKERAGE["investment_transactions"]
        assert (page.size, page.total, dict(page.oddities)) == (3, 3, {})
        for row, file in zip(page.rows, files, strict=True):
            assert_equals_file(row, file, ("quantity", "price", "fees"))
            assert [row.fields[name] for name in ("date", "name", "type")] == [
                file[name] for name in ("date", "name", "type")
            ]
        assert [row.fields["amount"] for row in page.rows] == ["1668.60", "-70.0", "-7.77"]
        assert page.rows[2].fields["security"] is None

    def test_a_sell_has_negative_units_whatever_sign_the_bank_sends(self, sim: Sim, plaid: PlaidProductsClient) -> None:
        item = linked(sim, BROKERAGE)
        right = trades(plaid, item).rows[1].fields
        item.control("products", wrong_sign_on_sells=True)
        wrong = trades(plaid, item).rows[1].fields
        assert (right["quantity"], right["units"]) == ("-3.5", "-3.5")
        assert (wrong["quantity"], wrong["units"]) == ("3.5", "-3.5")

    def test_a_total_that_changes_between_pages_loses_nothing(self, sim: Sim, plaid: PlaidProductsClient) -> None:
        item = linked(sim, BROKERAGE)
        news = {"date": "2026-03-01", "name": "new", "quantity": 1, "price": 1, "type": "buy"}
        item.control("investment_transactions", between_pages=[news, news])
        reading = WindowRead(YEARS)
        while not reading.is_complete:
            page = trades(plaid, item, offset=reading.offset, count=2)
            reading = reading.take(page)
        truth = sim.look(f"/items/{item.item_id}/products")["investment_transactions"]
        assert reading.restarts > 0
        assert {row.row_id for row in reading.snapshot().rows} == {one["investment_transaction_id"] for one in truth}
        assert len(truth) == 5

    def test_a_read_that_is_asynchronous_waits_for_the_webhook(self, sim: Sim, plaid: PlaidProductsClient) -> None:
        item = linked(sim, BROKERAGE)
        with pytest.raises(ProviderError) as raised:
            trades(plaid, item, async_update=True)
        assert product_outcome(ProductKind.INVESTMENT_TRANSACTIONS, raised.value) is ProductStatus.SYNCING


def assert_equals_file(row: ProductRow, file: Json, numbers: tuple[str, ...]) -> None:
    for name in numbers:
        assert row.fields[name] == (written(file[name]) if name in file else None)
    assert row.fields["currency"] == file["currency"]
    security, stated = row.fields["security"], file.get("security")
    if stated is None:
        assert security is None
    else:
        assert (security["ticker"], security["isin"]) == (stated["ticker_symbol"], stated.get("isin"))
        assert security["name"] == stated.get("name", stated["ticker_symbol"])


class TestRecurring:
    def test_a_stream_has_the_values_of_its_bookings(self, sim: Sim, plaid: PlaidProductsClient) -> None:
        item = linked(sim, CHECKING)
        stream = one(plaid.recurring(token(item), account_ids=()))
        [truth] = sim.look(f"/items/{item.item_id}/products")["recurring"]
        same = (
            *("stream_id", "account_id", "description", "merchant_name", "frequency", "status", "is_active"),
            *("first_date", "last_date", "predicted_next_date", "transaction_ids"),
        )
        assert {name: stream[name] for name in same} == {name: truth[name] for name in same}
        assert (stream["direction"], stream["source"], stream["currency"]) == ("out", "plaid", "USD")
        assert (stream["average_amount"], stream["last_amount"]) == ("10.82", "12.49")
        assert (stream["first_date"], stream["last_date"]) == ("2026-01-05", "2026-03-05")

    def test_income_is_a_stream_inwards(self, sim: Sim, plaid: PlaidProductsClient) -> None:
        item = linked(sim, {**CHECKING, "transactions": []})
        item.control("recurring", add=[{"description": "Salary", "amount": -2500}])
        assert one(plaid.recurring(token(item), account_ids=()))["direction"] == "in"

    def test_only_the_named_accounts_are_read(self, sim: Sim, plaid: PlaidProductsClient) -> None:
        item = linked(sim, CHECKING, CARD)
        checking, card = item.account_ids()
        assert len(plaid.recurring(token(item), account_ids=(checking,)).rows) == 1
        assert plaid.recurring(token(item), account_ids=(card,)).rows == ()

    def test_our_own_detector_finds_the_stream_of_plaid(self, sim: Sim, plaid: PlaidProductsClient) -> None:
        item = linked(sim, CHECKING)
        rows = [transaction_mapping.transaction(row) for row in item.sync()["added"]]
        [own] = detect(rows, account_ids=item.account_ids(), today=date(2026, 3, 6))
        theirs = one(plaid.recurring(token(item), account_ids=()))
        differs = {name for name in theirs if own.fields[name] != theirs[name]}
        assert differs == {"stream_id", "source", "is_active", "predicted_next_date"}
        assert (own.fields["is_active"], own.fields["predicted_next_date"]) == (True, "2026-04-05")


class TestBalances:
    def test_live_balances_are_those_of_the_bank(self, sim: Sim, plaid: PlaidProductsClient) -> None:
        item = linked(sim, CHECKING, CARD)
        accounts = plaid.live_balances(token(item))
        assert [account["balances"]["current"] for account in accounts] == ["900", "803.55"]
        [card] = plaid.live_balances(token(item), account_ids=(accounts[1]["account_id"],))
        assert card == accounts[1]

    def test_a_balance_that_is_not_recent_enough_is_an_answer_about_the_product(
        self, sim: Sim, plaid: PlaidProductsClient
    ) -> None:
        item = sim.link("user_custom", {"override_accounts": [CARD]}, institution_id="ins_128026")
        now = datetime.fromisoformat(sim.look("/clock")["now"])
        recent, old = now + timedelta(hours=1), now - timedelta(days=20)
        assert len(plaid.live_balances(token(item), min_last_updated=old)) == 1
        with pytest.raises(ProviderError) as raised:
            plaid.live_balances(token(item), min_last_updated=recent)
        assert raised.value.kind is ErrorKind.PRODUCT_NOT_READY


def test_nothing_sensitive_is_in_any_row_or_log_line(
    sim: Sim, plaid: PlaidProductsClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    item = linked(sim, *EVERYTHING["override_accounts"])
    mortgage = item.account_ids()[3]
    item.control("liabilities", change=[{"account_id": mortgage, "account_number": f"{CANARY}-loan", "aprs": CANARY}])
    sent = json.dumps([item.call("/liabilities/get"), item.call("/auth/get")], default=str)
    assert sent.count(CANARY) >= 8  # the canaries are in the answers
    secret = token(item)
    everything = [
        plaid.recurring(secret, account_ids=()),
        plaid.liabilities(secret),
        plaid.holdings(secret),
        trades(plaid, item),
        plaid.live_balances(secret),
    ]
    lines = [f"{record.getMessage()} {getattr(record, 'fields', '')}" for record in caplog.records]
    assert any("values_left_out" in line for line in lines)
    for place in (repr(everything), *lines):
        assert CANARY not in place
        assert item.access_token not in place
