"""/transactions/enrich and /categories/get, which need no Item."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from .harness import KEYS, Json, Refused, Sim
from .test_typed_models import Api, api

__all__ = ["api"]

ROW: Json = {
    "id": "1",
    "description": "STARBUCKS STORE 1044",
    "amount": 4.5,
    "direction": "OUTFLOW",
    "iso_currency_code": "USD",
}


def enrich(sim: Sim, *rows: Json, **more: Any) -> list[Json]:
    written = [{**ROW, "id": str(place), **row} for place, row in enumerate(rows)]
    answer = sim.call("/transactions/enrich", account_type="depository", transactions=written, **more)
    found: list[Json] = answer["enriched_transactions"]
    return found


@pytest.mark.parametrize(
    ("description", "direction", "name", "detailed", "counterparties"),
    [
        ("STARBUCKS STORE 1044", "OUTFLOW", "Starbucks", "FOOD_AND_DRINK_COFFEE", ["merchant"]),
        ("PURCHASE WM SUPERCENTER #1700", "OUTFLOW", "Walmart", "GENERAL_MERCHANDISE_SUPERSTORES", ["merchant"]),
        ("AMAZON.COM*MJ3LO9AN2", "OUTFLOW", "Amazon", "GENERAL_MERCHANDISE_ONLINE_MARKETPLACES", ["merchant"]),
        (
            "TST *JETTIES BAGELS",
            "OUTFLOW",
            "Jetties Bagels",
            "FOOD_AND_DRINK_RESTAURANT",
            ["merchant", "payment_terminal"],
        ),
        ("DIRECT DEP* UBER.COM", "INFLOW", "Uber", "INCOME_WAGES", ["income_source"]),
        ("UBER *TRIP 1234", "OUTFLOW", "Uber", "TRANSPORTATION_TAXIS_AND_RIDE_SHARES", ["merchant"]),
        ("DEBIT CARD PURCHASE", "OUTFLOW", None, "OTHER_OTHER", []),
        ("DEPOSIT", "INFLOW", None, "TRANSFER_IN_ACCOUNT_TRANSFER", []),
        ("すし 銀座 5", "OUTFLOW", "すし 銀座", "FOOD_AND_DRINK_RESTAURANT", ["merchant"]),
    ],
)
def test_the_merchant_and_category_of_a_description_are_found(
    sim: Sim, description: str, direction: str, name: str | None, detailed: str, counterparties: list[str]
) -> None:
    row = enrich(sim, {"description": description, "direction": direction})[0]
    enrichments = row["enrichments"]
    category = enrichments["personal_finance_category"]
    assert (enrichments["merchant_name"], category["detailed"]) == (name, detailed)
    assert [counterparty["type"] for counterparty in enrichments["counterparties"]] == counterparties
    assert enrichments["personal_finance_category_icon_url"].endswith(f"PFC_{category['primary']}.png")


def test_answers_keep_the_order_and_the_values_of_the_request(sim: Sim) -> None:
    rows = [{"id": str(n), "amount": n + 0.25, "client_user_id": "u", "account_type": "credit"} for n in range(100)]
    found = enrich(sim, *rows)
    assert [row["id"] for row in found] == [row["id"] for row in rows]
    assert [float(row["amount"]) for row in found] == [row["amount"] for row in rows]
    assert {row["account_type"] for row in found} == {"credit"}
    assert enrich(sim, {})[0]["account_type"] == "depository"


def test_the_location_the_store_and_the_check_number_are_kept(sim: Sim) -> None:
    place = {"city": "Poway", "region": "CA"}
    shop, check = enrich(sim, {"description": "WM SUPERCENTER #1700", "location": place}, {"description": "CHECK 1042"})
    assert shop["enrichments"]["location"] == {
        **dict.fromkeys(("address", "postal_code", "country", "lat", "lon")),
        **place,
        "store_number": "1700",
    }
    assert (check["enrichments"]["check_number"], check["enrichments"]["merchant_name"]) == ("1042", None)


def test_legacy_categories_are_sent_on_request(sim: Sim) -> None:
    assert "legacy_category" not in enrich(sim, {})[0]["enrichments"]
    found = enrich(sim, {}, options={"include_legacy_category": True, "personal_finance_category_version": "v1"})
    enrichments = found[0]["enrichments"]
    assert enrichments["legacy_category"] == ["Food and Drink", "Restaurants", "Coffee Shop"]
    known = {c["category_id"]: c["hierarchy"] for c in sim.call("/categories/get")["categories"]}
    assert known[enrichments["legacy_category_id"]] == enrichments["legacy_category"]
    assert enrichments["personal_finance_category"]["version"] == "v1"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "MISSING_FIELDS"),
        ({"account_type": "loan", "transactions": [ROW]}, "INVALID_FIELD"),
        ({"account_type": "credit", "transactions": []}, "INVALID_FIELD"),
        ({"account_type": "credit", "transactions": [ROW] * 101}, "INVALID_FIELD"),
        ({"account_type": "credit", "transactions": [{**ROW, "amount": -1}]}, "INVALID_FIELD"),
        ({"account_type": "credit", "transactions": [{**ROW, "amount": "1"}]}, "INVALID_FIELD"),
        ({"account_type": "credit", "transactions": [{**ROW, "direction": "UP"}]}, "INVALID_FIELD"),
        ({"account_type": "credit", "transactions": [{**ROW, "iso_currency_code": "usd"}]}, "INVALID_FIELD"),
        ({"account_type": "credit", "transactions": [{**ROW, "date_posted": "today"}]}, "INVALID_FIELD"),
        ({"account_type": "credit", "transactions": [{**ROW, "colour": "red"}]}, "UNKNOWN_FIELDS"),
        ({"account_type": "credit", "transactions": [{"id": "1"}]}, "MISSING_FIELDS"),
    ],
)
def test_invalid_requests_are_refused(sim: Sim, fields: Json, code: str) -> None:
    with pytest.raises(Refused) as caught:
        sim.call("/transactions/enrich", **fields)
    assert caught.value.code == code


def test_plaid_python_reads_enrichments(api: Api) -> None:
    rows = [
        {**ROW, "date_posted": datetime.now(UTC).date(), "location": {"city": "Poway"}},
        {**ROW, "id": "2", "description": "nothing known"},
        {**ROW, "id": "3", "description": "TST* A BAGEL"},
    ]
    answer = api.transactions_enrich({"account_type": "credit", "transactions": rows})
    assert [row.id for row in answer.enriched_transactions] == ["1", "2", "3"]
    assert answer.enriched_transactions[0].enrichments.personal_finance_category.primary == "FOOD_AND_DRINK"


def test_categories_are_the_whole_legacy_taxonomy(sim: Sim, api: Api) -> None:
    found = sim.call("/categories/get")["categories"]
    assert len(found) == 602
    assert found[0] == {"category_id": "10000000", "group": "special", "hierarchy": ["Bank Fees"]}
    by_id = {category["category_id"]: category for category in found}
    assert len(by_id) == 602
    assert {category["group"] for category in found} == {"place", "special", "digital"}
    for category_id, category in by_id.items():
        above = {2: category_id[:2] + "000000", 3: category_id[:5] + "000"}.get(len(category["hierarchy"]))
        assert above is None or by_id[above]["hierarchy"] == category["hierarchy"][:-1]
    assert by_id["18068003"]["hierarchy"][-1] == "Heating, Ventilating, and Air Conditioning"
    assert (by_id["18068003"]["group"], by_id["22006001"]["group"]) == ("place", "special")
    assert len(api.categories_get({}).categories) == 602


@pytest.mark.parametrize("body", [b"{}", b"null", b"", b'{"client_id": "any", "secret": "any"}'])
def test_categories_need_no_credentials(sim: Sim, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = sim.http.post(sim.url + "/categories/get", content=body, headers=headers)
    assert answer.status_code == 200
    assert answer.json()["request_id"]
    assert sim.http.get(sim.url + "/categories/get", headers=KEYS).status_code == 404
