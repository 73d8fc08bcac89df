"""The demo and the web app compute spending alike: both agree on every case of one table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from emulators.demo_view import UNCATEGORIZED, spending
from emulators.setup import ROOT
from tests.web.library import Library, client_library

CASES: list[dict[str, Any]] = json.loads((ROOT / "tests" / "spending_cases.json").read_text(encoding="utf-8"))
one_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    with client_library() as running:
        yield running


def documents(case: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "date": "2026-03-10",
            "amount": row["amount"],
            "amount_value": float(row["amount"]),
            "iso_currency_code": row.get("currency", "USD"),
            "category": row["primary"] and {"primary": row["primary"]},
            **({"user": row["user"]} if "user" in row else {}),
        }
        for row in case["rows"]
    ]


@one_case
def test_the_demo_computes_spending_by_the_table(case: dict[str, Any]) -> None:
    expected = {
        currency: [(category or UNCATEGORIZED, Decimal(total), count) for category, total, count in rows]
        for currency, rows in case["spent"].items()
    }
    assert spending(documents(case)) == expected


@one_case
def test_the_web_app_computes_spending_by_the_table(case: dict[str, Any], library: Library) -> None:
    rows = json.dumps(documents(case))
    for currency in ("USD", "EUR", "GBP"):
        found = library("spending.ts", f"addUp({rows}, '{currency}', ['2026-03']).categories")
        expected = case["spent"].get(currency, [])
        assert [[one["category"] or None, one["total"], one["count"]] for one in found] == [
            [category, float(total), count] for category, total, count in expected
        ]
