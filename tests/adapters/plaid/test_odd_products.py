"""An odd value in a product's answer affects only that value or its row, and never deletes a stored row."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.plaid import exact_json, investment_mapping
from shared.adapters.plaid.transport import unusable_is_an_outage
from shared.domain.errors import ErrorClass, ProviderError
from shared.domain.products.investment_transactions import InvestmentPage
from shared.domain.products.recurring import MAX_TRANSACTION_IDS
from shared.domain.storable import is_document_id, weight
from tests.adapters.plaid.odd import ANYTHING, ODD
from tests.adapters.plaid.product_cases import CASES, HOLDING, LOAN, SECURITY, STREAM, TRADE, Answer, Case, Json
from tests.domain.test_storable import assert_can_be_stored

EACH = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def assert_storable(answer: Answer) -> None:
    for row in answer.rows:
        assert is_document_id(row.row_id)
        assert is_document_id(row.account_id)
        assert_can_be_stored(dict(row.fields))
        assert weight(row.fields) < 1_000_000
    assert all(is_document_id(row_id) for row_id in answer.unreadable)


def assert_only_this_row_is_affected(case: Case, answer: Answer) -> None:
    innocent = case.answer().rows[0]
    assert answer.rows[-1] == innocent
    assert len(answer.rows) <= 2
    if len(answer.rows) == 1:  # the stored version must be kept, unless the id can be that of no stored row
        named = answer.unreadable or answer.nameless
        assert named or any(
            answer.oddities[name] for name in (*case.id_fields, "account_id") if name in answer.oddities
        )
    assert_storable(answer)


@EACH
def test_an_ordinary_row_is_read_without_a_loss(case: Case) -> None:
    answer = case.answer(case.plain)
    assert len(answer.rows) == 2
    assert set(answer.oddities) <= {"security_id"}  # the innocent holding's security is not listed
    assert_storable(answer)


@EACH
def test_an_odd_optional_value_is_dropped_alone(case: Case) -> None:
    for field in case.plain.keys() - case.required:
        for value in ODD:
            answer = case.answer(case.plain | {field: value})
            assert len(answer.rows) == 2, (field, str(value)[:50])
            assert_only_this_row_is_affected(case, answer)


@EACH
def test_an_odd_required_value_makes_only_its_row_unusable(case: Case) -> None:
    unusable = 0
    for field in sorted(case.required):
        for value in (*ODD, None):
            answer = case.answer(case.plain | {field: value})
            assert_only_this_row_is_affected(case, answer)
            unusable += len(answer.rows) == 1
        missing = case.answer({name: value for name, value in case.plain.items() if name != field})
        assert len(missing.rows) == 1
        assert missing.nameless if field in case.id_fields else missing.unreadable
    assert unusable > len(case.required) * 5


@EACH
@given(data=st.data())
def test_any_mix_of_odd_values_keeps_the_other_row(case: Case, data: st.DataObject) -> None:
    changes = data.draw(st.dictionaries(st.sampled_from(sorted(case.plain)), ANYTHING, max_size=4))
    assert_only_this_row_is_affected(case, case.answer(case.plain | changes))


@EACH
@pytest.mark.parametrize("row", [None, 5, "row", [], {}, [LOAN], True])
def test_a_row_that_is_no_object_may_be_any_stored_row(case: Case, row: Any) -> None:
    answer = case.answer(row)
    assert (len(answer.rows), answer.nameless) == (1, 1)


@EACH
@pytest.mark.parametrize("rows", [5, "rows", {}, True])
def test_an_answer_whose_rows_are_no_list_counts_as_an_outage(case: Case, rows: Any) -> None:
    wrapped = {
        name: {kind: rows for kind, value in given.items() if value} if isinstance(given, dict) else rows
        for name, given in case.wrap([1]).items()
        if given
    }
    with pytest.raises(ProviderError) as raised, unusable_is_an_outage():
        case.read({"outflow_streams": rows, "total_investment_transactions": 0, **wrapped, "accounts": []})
    assert raised.value.error_class is ErrorClass.TRANSIENT


@pytest.mark.parametrize("total", [None, -1, True, "3", 1.5, [], {}])
def test_a_page_without_a_total_counts_as_an_outage(total: Any) -> None:
    with pytest.raises(ProviderError), unusable_is_an_outage():
        investment_mapping.transactions({"investment_transactions": [], "total_investment_transactions": total})


def test_a_page_counts_its_unusable_rows_too() -> None:
    page = CASES["trade"].answer(TRADE, TRADE | {"date": None}, None)
    assert isinstance(page, InvestmentPage)
    assert (len(page.rows), page.size, page.total) == (2, 4, 4)


def test_a_stream_names_its_newest_transactions_as_far_as_a_document_holds_them() -> None:
    ids = [f"{i:01500}" for i in range(MAX_TRANSACTION_IDS + 700)]
    texts = dict.fromkeys(("description", "merchant_name"), "x" * 50_000)
    answer = CASES["stream"].answer(STREAM | texts | {"transaction_ids": ids})
    assert answer.rows[0].fields["transaction_ids"] == ids[-MAX_TRANSACTION_IDS:]
    assert_storable(answer)


def test_an_odd_security_affects_no_row() -> None:
    for field in SECURITY:
        for value in ODD:
            wrapped = {"holdings": [HOLDING], "securities": [SECURITY | {field: value}, None, 5], "accounts": []}
            answer = investment_mapping.holdings(exact_json.parse(json.dumps(wrapped).encode()))
            assert [row.row_id for row in answer.rows] == ["a1.s1"], (field, str(value)[:50])
            assert answer.oddities["securities"] >= 2
            assert_storable(answer)


def test_a_holding_whose_security_is_not_listed_keeps_its_values() -> None:
    answer = exact_json.parse(json.dumps({"holdings": [HOLDING], "securities": None}).encode())
    [row] = investment_mapping.holdings(answer).rows
    assert (row.fields["institution_value"], row.fields["security"]["ticker"]) == ("12.5", None)


def test_a_position_of_which_one_lot_is_unreadable_keeps_its_stored_sum() -> None:
    answer = CASES["holding"].answer(HOLDING, HOLDING | {"quantity": "many"})
    assert answer.unreadable == {"a1.s1"}
    assert len(answer.rows) == 1


def test_a_row_that_comes_twice_is_usable_if_one_version_is() -> None:
    for name in ("trade", "stream"):
        case = CASES[name]
        field = min(case.required - case.id_fields)
        answer = case.answer(case.plain, case.plain | {field: "odd/"})
        assert (len(answer.rows), answer.unreadable) == (2, frozenset())


@pytest.mark.parametrize(
    ("security", "is_cash"),
    [
        ({"type": None, "ticker_symbol": "CUR:USD", "is_cash_equivalent": None}, True),
        ({"type": None, "ticker_symbol": "CUR:BTC", "is_cash_equivalent": None}, False),
        ({"type": "cash", "is_cash_equivalent": None}, True),
        ({"type": "mutual fund", "is_cash_equivalent": True}, True),
        ({"type": "equity"}, False),
    ],
)
def test_money_is_told_from_other_securities(security: Json, is_cash: bool) -> None:
    answer = {"holdings": [HOLDING], "securities": [SECURITY | security]}
    [row] = investment_mapping.holdings(exact_json.parse(json.dumps(answer).encode())).rows
    assert row.fields["is_cash"] is is_cash


@pytest.mark.parametrize("quantity", ["0.00000000000000017", "12345678901234567.12345678901234567", "1E-7", "-0.00"])
def test_a_quantity_is_kept_exactly(quantity: str) -> None:
    text = json.dumps({"holdings": [HOLDING | {"quantity": 7.5}], "securities": []}).replace("7.5", quantity)
    [row] = investment_mapping.holdings(exact_json.parse(text.encode())).rows
    assert row.fields["quantity"] == {"1E-7": "0.0000001"}.get(quantity, quantity)
