"""Investments: control calls, asynchronous first reads, refresh, account numbers, and what banks do wrong."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from .harness import Linked, Receiver, Refused, Sim, running_simulator

Json = dict[str, Any]
PERIOD = {"start_date": "2020-01-01", "end_date": "2030-12-31"}
PRODUCTS = ["transactions", "investments"]
FUND = {"ticker_symbol": "NEWX", "name": "New Fund", "type": "etf", "currency": "USD"}
BUY = {"date": "2026-06-02", "name": "BUY NEWX", "type": "buy", "quantity": 2, "price": 10.5, "currency": "USD"}

INDEX = {"name": "Simulated Index Fund", "ticker_symbol": "SIMX", "type": "mutual fund"}
PENNY = {"name": "Simulated Penny Stock", "ticker_symbol": "SIMP", "type": "equity"}
PORTFOLIO = {
    "override_accounts": [
        {"type": "depository"},
        {
            "type": "investment",
            "subtype": "ira",
            "investment_transactions": [
                {"date": "2026-05-01", "name": "DEPOSIT", "type": "cash", "quantity": 0, "price": 0, "amount": -50}
            ],
        },
        {
            "type": "investment",
            "subtype": "401k",
            "holdings": [
                {"institution_price": 24.5, "quantity": 213.471, "cost_basis": 4300.25, "security": INDEX},
                {"institution_price": 0.011, "quantity": 10000.125, "security": PENNY},
            ],
            "investment_transactions": [
                {
                    "date": "2026-04-15",
                    "name": "BUY SIMX",
                    "type": "buy",
                    "quantity": 12.5,
                    "price": 23.1,
                    "security": INDEX,
                },
                {
                    "date": "2026-04-20",
                    "name": "SELL SIMP",
                    "type": "sell",
                    "quantity": -500,
                    "price": 0.01,
                    "security": PENNY,
                },
            ],
        },
    ]
}


def link(sim: Sim, **more: Any) -> Linked:
    return sim.link("user_custom", PORTFOLIO, **more)


def holdings(item: Linked) -> dict[str, Json]:
    """The holdings by ticker."""
    answer = item.call("/investments/holdings/get")
    tickers = {security["security_id"]: security["ticker_symbol"] for security in answer["securities"]}
    return {tickers[holding["security_id"]]: holding for holding in answer["holdings"]}


def trades(item: Linked, **options: Any) -> Json:
    return item.call("/investments/transactions/get", **PERIOD, options=options)


def bodies(receiver: Receiver, code: str) -> list[Json]:
    return [got.body for got in receiver.received if got.code == code]


@pytest.fixture
def item(sim: Sim, receiver: Receiver) -> Linked:
    linked = link(sim, products=PRODUCTS, webhook=receiver.url)
    receiver.wait_for(2)
    return linked


def test_added_holding_appears_and_is_announced(item: Linked, receiver: Receiver) -> None:
    done = item.control(
        "holdings", add=[{"institution_price": 12.5, "quantity": 4, "currency": "USD", "security": FUND}]
    )
    assert done["sent"] == ["HOLDINGS/DEFAULT_UPDATE"]
    new = holdings(item)["NEWX"]
    assert (new["institution_value"], new["cost_basis"], new["security_id"]) == (
        50,
        None,
        done["added"][0]["security_id"],
    )
    receiver.wait_for(3)
    [body] = bodies(receiver, "HOLDINGS/DEFAULT_UPDATE")
    assert (body["new_holdings"], body["updated_holdings"], body["error"]) == (1, 0, None)
    assert set(body) == {
        "webhook_type",
        "webhook_code",
        "item_id",
        "error",
        "new_holdings",
        "updated_holdings",
        "environment",
    }


def test_changed_holding_follows_its_price_unless_the_value_is_given(item: Linked) -> None:
    fund = holdings(item)["SIMX"]
    item.control("holdings", change=[{"security_id": fund["security_id"], "institution_price": 2}])
    assert holdings(item)["SIMX"]["institution_value"] == 2 * fund["quantity"]
    item.control("holdings", change=[{"security_id": fund["security_id"], "institution_value": 7, "cost_basis": None}])
    changed = holdings(item)["SIMX"]
    assert (changed["institution_value"], changed["cost_basis"]) == (7, None)


def test_corporate_action_changes_the_security_id_everywhere(item: Linked) -> None:
    old = holdings(item)["SIMX"]["security_id"]
    change = {"security_id": old, "security": {"security_id": "another-id", "ticker_symbol": "SIMY"}}
    item.control("holdings", change=[change])
    assert holdings(item)["SIMY"]["security_id"] == "another-id"
    bought = next(row for row in trades(item)["investment_transactions"] if row["name"] == "BUY SIMX")
    assert bought["security_id"] == "another-id"
    assert old not in {security["security_id"] for security in trades(item)["securities"]}


def test_sold_holding_disappears_and_leaves_a_sell(item: Linked, receiver: Receiver) -> None:
    held = holdings(item)["SIMP"]
    done = item.control("holdings", sell=[{"security_id": held["security_id"], "price": 0.5}])
    assert "SIMP" not in holdings(item)
    sold = trades(item)["investment_transactions"][0]
    assert (sold["investment_transaction_id"], sold["type"], sold["subtype"]) == (done["sold"][0], "sell", "sell")
    assert (sold["quantity"], sold["amount"]) == (-held["quantity"], -held["quantity"] * Decimal("0.5"))
    assert sold["security_id"] in {security["security_id"] for security in trades(item)["securities"]}
    receiver.wait_for(4)
    assert bodies(receiver, "INVESTMENTS_TRANSACTIONS/DEFAULT_UPDATE")[0]["new_investments_transactions"] == 1


def test_partly_sold_holding_keeps_its_share_of_the_cost(item: Linked) -> None:
    held = holdings(item)["SIMX"]
    item.control("holdings", sell=[{"security_id": held["security_id"], "quantity": 13.471}])
    left = holdings(item)["SIMX"]
    assert left["quantity"] == 200
    assert float(left["cost_basis"]) == pytest.approx(float(held["cost_basis"]) * 200 / 213.471)


def test_removed_holding_is_gone_and_counts_as_an_update(item: Linked, receiver: Receiver) -> None:
    item.control("holdings", remove=[{"security_id": holdings(item)["SIMX"]["security_id"]}])
    assert "SIMX" not in holdings(item)
    receiver.wait_for(3)
    assert bodies(receiver, "HOLDINGS/DEFAULT_UPDATE")[0]["updated_holdings"] == 1


def test_investment_transactions_are_added_changed_and_removed(item: Linked, receiver: Receiver) -> None:
    before = trades(item)["total_investment_transactions"]
    [added] = item.control("investment_transactions", add=[{**BUY, "security": FUND, "subtype": "dividend"}])["added"]
    first = trades(item)["investment_transactions"][0]
    assert (first["investment_transaction_id"], first["amount"], first["subtype"]) == (added, 21, "dividend")
    item.control("investment_transactions", change=[{"investment_transaction_id": added, "price": 11, "fees": None}])
    assert trades(item)["investment_transactions"][0]["amount"] == 22
    item.control("investment_transactions", remove=[added])
    assert trades(item)["total_investment_transactions"] == before
    receiver.wait_for(5)
    counts = [
        (body["new_investments_transactions"], body["cancelled_investments_transactions"])
        for body in bodies(receiver, "INVESTMENTS_TRANSACTIONS/DEFAULT_UPDATE")
    ]
    assert Counter(counts) == Counter([(1, 0), (1, 0), (0, 1)])


def test_total_changes_between_two_pages(item: Linked) -> None:
    item.control("investment_transactions", between_pages=[BUY])
    first = trades(item, count=2)
    second = trades(item, count=2, offset=2)
    assert second["total_investment_transactions"] == first["total_investment_transactions"] + 1
    assert first["investment_transactions"][1] == second["investment_transactions"][0]  # the new row shifted the pages
    again = [trades(item, count=2, offset=offset)["total_investment_transactions"] for offset in (0, 2)]
    assert again == [4, 4]


def test_a_last_page_lets_nothing_arrive(item: Linked) -> None:
    item.control("investment_transactions", between_pages=[BUY])
    assert [trades(item)["total_investment_transactions"] for _ in range(2)] == [3, 3]


def test_wrong_sign_on_sells_affects_only_the_quantity_of_sells(item: Linked) -> None:
    before = trades(item)["investment_transactions"]
    item.control("products", wrong_sign_on_sells=True)
    for right, wrong in zip(before, trades(item)["investment_transactions"], strict=True):
        expected = {**right, "quantity": abs(right["quantity"])} if right["type"] == "sell" else right
        assert wrong == expected
    item.control("products", wrong_sign_on_sells=False)
    assert trades(item)["investment_transactions"] == before
    assert [row["quantity"] for row in before if row["type"] == "sell"] == [-500]


def test_unusual_values_are_sent_unchanged(item: Linked) -> None:
    item.control("products", wrong_sign_on_sells=True)
    sell = next(row for row in trades(item)["investment_transactions"] if row["type"] == "sell")
    odd = {"quantity": "many", "price": None, "date": None, "fees": [1]}
    item.control(
        "investment_transactions",
        change=[
            {"investment_transaction_id": sell["investment_transaction_id"], **odd, "date": "2026-01-09T00:00:00Z"}
        ],
    )
    changed = next(row for row in trades(item)["investment_transactions"] if row["type"] == "sell")
    assert changed == {**sell, **odd, "date": "2026-01-09T00:00:00Z"}
    held = holdings(item)["SIMX"]
    item.control("holdings", change=[{"security_id": held["security_id"], "quantity": None, "cost_basis": "x"}])
    assert holdings(item)["SIMX"] == {**held, "quantity": None, "cost_basis": "x"}


def test_hollow_answer_is_empty_although_there_is_data(item: Linked) -> None:
    item.control("products", hollow=["holdings", "investment_transactions"])
    answer = item.call("/investments/holdings/get")
    assert (answer["holdings"], answer["securities"], len(answer["accounts"])) == ([], [], 3)
    assert (trades(item)["investment_transactions"], trades(item)["total_investment_transactions"]) == ([], 0)
    item.control("products", hollow=[])
    assert holdings(item)
    assert trades(item)["total_investment_transactions"] == 3


def test_asynchronous_first_read_ends_with_a_historical_update(sim: Sim, receiver: Receiver) -> None:
    item = link(sim, webhook=receiver.url)
    receiver.wait_for(2)
    for path, fields in (
        ("/investments/transactions/get", {**PERIOD, "options": {"async_update": True}}),
        ("/investments/transactions/get", PERIOD),
        ("/investments/refresh", {}),
    ):
        with pytest.raises(Refused) as refused:
            item.call(path, **fields)
        assert refused.value.code == "PRODUCT_NOT_READY"
    assert holdings(item)
    sim.advance(10)
    [body] = [got.body for got in receiver.wait_for(3)[2:]]
    assert (body["webhook_type"], body["webhook_code"]) == ("INVESTMENTS_TRANSACTIONS", "HISTORICAL_UPDATE")
    assert (body["new_investments_transactions"], body["cancelled_investments_transactions"]) == (3, 0)
    assert trades(item)["total_investment_transactions"] == 3


@pytest.mark.parametrize("products", [["transactions"], PRODUCTS])
def test_a_first_read_that_is_not_asynchronous_has_all_data_and_no_webhook(
    sim: Sim, receiver: Receiver, products: list[str]
) -> None:
    item = link(sim, products=products, webhook=receiver.url)
    options = {"async_update": "investments" in products}  # it has no effect on an Item that has the product
    assert trades(item, **options)["total_investment_transactions"] == 3
    sim.advance(60)
    assert not bodies(receiver, "INVESTMENTS_TRANSACTIONS/HISTORICAL_UPDATE")


def test_asynchronous_read_of_an_item_in_error_ends_after_the_repair(sim: Sim, receiver: Receiver) -> None:
    item = link(sim, webhook=receiver.url)
    with pytest.raises(Refused, match="PRODUCT_NOT_READY"):
        trades(item, async_update=True)
    item.control("state", state="login_required", announce=False)
    sim.advance(60)
    assert not bodies(receiver, "INVESTMENTS_TRANSACTIONS/HISTORICAL_UPDATE")
    item.control("state", state="healthy")
    assert trades(item)["total_investment_transactions"] == 3
    receiver.wait_for(3)
    assert len(bodies(receiver, "INVESTMENTS_TRANSACTIONS/HISTORICAL_UPDATE")) == 1


def test_end_of_the_history_is_announced_on_request(item: Linked, receiver: Receiver) -> None:
    sent = item.control("investment_transactions", add=[BUY], announce="HISTORICAL_UPDATE")["sent"]
    assert sent == ["INVESTMENTS_TRANSACTIONS/HISTORICAL_UPDATE"]
    receiver.wait_for(3)
    [body] = bodies(receiver, "INVESTMENTS_TRANSACTIONS/HISTORICAL_UPDATE")
    assert body["new_investments_transactions"] == 4


def test_refresh_announces_what_was_not_announced_yet(item: Linked, receiver: Receiver) -> None:
    assert set(item.call("/investments/refresh")) == {"request_id"}
    item.control("holdings", add=[{"institution_price": 1, "quantity": 1, "security": FUND}], announce=False)
    item.control("investment_transactions", add=[BUY, BUY], announce=False)
    item.call("/investments/refresh")
    item.call("/investments/refresh")
    receiver.wait_for(4)
    item.control("webhook", webhook_type="TEST", webhook_code="LAST")
    assert Counter(got.code for got in receiver.wait_for(5)[2:]) == Counter(
        ["HOLDINGS/DEFAULT_UPDATE", "INVESTMENTS_TRANSACTIONS/DEFAULT_UPDATE", "TEST/LAST"]
    )
    [body] = bodies(receiver, "INVESTMENTS_TRANSACTIONS/DEFAULT_UPDATE")
    assert body["new_investments_transactions"] == 2
    assert item.call("/item/get")["status"]["investments"]["last_successful_update"]


def test_no_webhook_for_an_item_without_the_product(sim: Sim, receiver: Receiver) -> None:
    item = link(sim, webhook=receiver.url)
    assert item.control("investment_transactions", add=[BUY])["sent"] == []


def test_investments_auth_has_owners_and_numbers_of_each_account(sim: Sim) -> None:
    answer = link(sim).call("/investments/auth/get")
    ira, plan = answer["accounts"]
    assert [account["subtype"] for account in (ira, plan)] == ["ira", "401k"]
    assert answer["owners"] == [
        {"account_id": account["account_id"], "names": ["Alberta Bobbeth Charleson"]} for account in (ira, plan)
    ]
    [acats], [retirement] = answer["numbers"]["acats"], answer["numbers"]["retirement_401k"]
    assert (acats["account_id"], retirement["account_id"]) == (ira["account_id"], plan["account_id"])
    assert acats["account"]
    assert acats["dtc_numbers"]
    assert answer["numbers"]["aton"] == []
    assert {holding["account_id"] for holding in answer["holdings"]} == {plan["account_id"]}
    assert answer["data_sources"] == {"numbers": "INSTITUTION", "owners": "INSTITUTION", "holdings": "INSTITUTION"}


def test_investments_auth_in_canada_uses_aton(sim: Sim) -> None:
    broker = {"type": "investment", "subtype": "rrsp", "numbers": {"account": "998877"}}
    item = sim.link("user_custom", {"override_accounts": [broker]}, institution_id="ins_43")
    numbers = item.call("/investments/auth/get")["numbers"]
    assert ([number["account"] for number in numbers["aton"]], numbers["acats"]) == (["998877"], [])


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/investments/holdings/get", "NO_INVESTMENT_ACCOUNTS"),
        ("/investments/refresh", "NO_INVESTMENT_ACCOUNTS"),
        ("/investments/auth/get", "NO_INVESTMENT_AUTH_ACCOUNTS"),
    ],
)
def test_item_without_investment_accounts(sim: Sim, path: str, code: str) -> None:
    item = sim.link("user_custom", {"override_accounts": [{"type": "depository"}]})
    with pytest.raises(Refused) as refused:
        item.call(path)
    assert refused.value.code == code


def test_other_accounts_of_an_item_have_no_investments(sim: Sim) -> None:
    item = link(sim, products=PRODUCTS)
    checking = item.account_ids()[0]
    answer = item.call("/investments/holdings/get", options={"account_ids": [checking]})
    assert ([account["account_id"] for account in answer["accounts"]], answer["holdings"]) == ([checking], [])
    assert trades(item, account_ids=[checking])["total_investment_transactions"] == 0


def test_bank_without_the_product(sim: Sim) -> None:
    item = sim.link(institution_id="ins_117650")
    for path in ("/investments/refresh", "/investments/auth/get"):
        with pytest.raises(Refused) as refused:
            item.call(path)
        assert refused.value.code == "PRODUCTS_NOT_SUPPORTED"


@pytest.mark.parametrize(
    ("what", "body", "status"),
    [
        ("holdings", {"change": [{"security_id": "unknown"}]}, 404),
        ("holdings", {"sell": [{"security_id": "unknown"}]}, 404),
        ("holdings", {"add": [{"account_id": "unknown"}]}, 404),
        ("holdings", {"colour": "red"}, 400),
        ("investment_transactions", {"remove": ["unknown"]}, 404),
        ("products", {"hollow": ["unknown"]}, 400),
    ],
)
def test_impossible_changes_are_refused(item: Linked, what: str, body: Json, status: int) -> None:
    answer = item.sim.http.post(f"{item.sim.url}/_sim/items/{item.item_id}/{what}", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_a_holding_is_neither_added_twice_nor_oversold(item: Linked) -> None:
    held = holdings(item)["SIMX"]
    url = f"{item.sim.url}/_sim/items/{item.item_id}/holdings"
    for body in (
        {"add": [{"account_id": held["account_id"], "quantity": 1, "security": INDEX}]},
        {"sell": [{"security_id": held["security_id"], "quantity": 1000}]},
    ):
        assert item.sim.http.post(url, json=body).status_code == 400
    assert holdings(item)["SIMX"] == held


def test_changes_of_investments_survive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with running_simulator(state=file) as sim:
        item, waiting = link(sim, products=PRODUCTS), link(sim)
        item.control("holdings", sell=[{"security_id": holdings(item)["SIMP"]["security_id"]}])
        item.control("investment_transactions", add=[BUY], between_pages=[BUY])
        item.control("products", wrong_sign_on_sells=True, hollow=["holdings"], balances_age=60)
        with pytest.raises(Refused, match="PRODUCT_NOT_READY"):
            trades(waiting, async_update=True)
        before = sim.look(f"/items/{item.item_id}/products")
    with running_simulator(state=file) as sim:
        item, waiting = (Linked(sim, known.item_id, known.access_token) for known in (item, waiting))
        assert sim.look(f"/items/{item.item_id}/products") == before
        assert item.call("/investments/holdings/get")["holdings"] == []
        totals = [trades(item, count=1)["total_investment_transactions"] for _ in range(2)]
        assert totals == [5, 6]
        sim.advance(10)
        assert trades(waiting)["total_investment_transactions"] == 3
