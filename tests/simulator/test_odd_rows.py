"""No call fails inside the simulator because a test gave a row values of unusual types."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .harness import Linked, Sim

Json = dict[str, Any]
ODD: list[Any] = [None, 5, -1.5, "soon", "", True, [[1]], {"a": {}}]
LONG_AGO, TODAY = "2020-01-01", datetime.now(UTC).date()
CALLS: list[tuple[str, Json]] = [
    ("/transactions/refresh", {}),
    ("/transactions/sync", {"count": 500, "options": {"include_original_description": True}}),
    ("/transactions/get", {"start_date": LONG_AGO, "end_date": str(TODAY), "options": {"count": 500}}),
    ("/transactions/recurring/get", {"options": {"personal_finance_category_version": "v1"}}),
    ("/statements/list", {}),
]


def custom(sim: Sim) -> Linked:
    """A user with a monthly payment for each field of a transaction, and a row that is pending until tomorrow."""
    fields = sorted(sim.generated(1).truth()["transactions"][0])
    written = [
        {
            "date_transacted": str(TODAY - timedelta(days=ago)),
            "date_posted": str(TODAY - timedelta(days=ago)),
            "description": f"Payment {name}",
            "amount": 5,
            "currency": "USD",
        }
        for name in fields
        for ago in (-1, 29, 59)
    ]
    account = {"type": "depository", "subtype": "checking", "transactions": written}
    return sim.link("user_custom", {"override_accounts": [account]})


def dynamic(sim: Sim) -> Linked:
    return sim.link("user_transactions_dynamic")


@pytest.mark.parametrize("linked", [custom, dynamic])
@pytest.mark.parametrize("value", ODD, ids=str)
def test_any_value_in_any_field_of_a_row_is_sent_and_survives_every_call(sim: Sim, value: Any, linked: Any) -> None:
    item: Linked = linked(sim)
    rows = item.truth()["transactions"]
    fields = sorted(rows[0])
    for place, row in enumerate(rows):
        name = row["name"].removeprefix("Payment ") if linked is custom else fields[place % len(fields)]
        item.control("transactions", modify=[{"transaction_id": row["transaction_id"], "odd": {name: value}}])
    item.control("transactions", post=[rows[-1]["transaction_id"]])
    sim.advance(3 * 86400)
    for path, request in CALLS:
        item.call(path, **request)
    listed = item.call("/statements/list")["accounts"][0]["statements"]
    for statement in listed:
        wanted = {"access_token": item.access_token, "statement_id": statement["statement_id"]}
        assert sim.post("/statements/download", wanted).status_code == 200
    assert len(item.call("/transactions/sync", count=500)["added"]) >= len(rows)
