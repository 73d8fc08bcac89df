"""/transactions/get: dates, paging, options, readiness, and its agreement with the change log."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from emulators.plaid.settings import Settings

from .harness import Json, Linked, Refused, Sim, running_simulator
from .people import EVERYTHING
from .test_typed_models import Api, api, token

__all__ = ["api"]

TODAY = datetime.now(UTC).date()
LONG_AGO = TODAY - timedelta(days=800)


def get(item: Linked, start: date = LONG_AGO, end: date | str = "2099-12-31", **options: Any) -> Json:
    return item.call("/transactions/get", start_date=str(start), end_date=str(end), options=options)


def ids(answer: Json) -> list[str]:
    return [row["transaction_id"] for row in answer["transactions"]]


def everything(item: Linked, count: int = 500, **options: Any) -> list[Json]:
    rows: list[Json] = []
    while True:
        page = get(item, offset=len(rows), count=count, **options)
        rows += page["transactions"]
        if len(rows) >= page["total_transactions"]:
            return rows


def by_id(rows: list[Json]) -> dict[str, Json]:
    return {row["transaction_id"]: row for row in rows}


def refusal(item: Linked, path: str = "/transactions/get", **fields: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        item.call(path, **fields)
    return caught.value


@pytest.fixture
def item(sim: Sim) -> Linked:
    return sim.generated(1234)


def test_all_pages_together_are_all_transactions_newest_first(item: Linked) -> None:
    rows = everything(item, count=100)
    assert [row["date"] for row in rows] == sorted((row["date"] for row in rows), reverse=True)
    assert by_id(rows) == by_id(item.truth()["transactions"])
    assert len(rows) == 1234


def test_a_page_is_100_transactions_by_default_and_empty_after_the_last(item: Linked) -> None:
    whole = everything(item)
    assert get(item)["transactions"] == whole[:100]
    assert get(item, count=7, offset=1230)["transactions"] == whole[1230:]
    beyond = get(item, offset=1234)
    assert (beyond["transactions"], beyond["total_transactions"]) == ([], 1234)


def test_only_the_days_of_the_range_are_returned_and_counted(item: Linked) -> None:
    start, end = TODAY - timedelta(days=60), TODAY - timedelta(days=30)
    expected = [row for row in everything(item) if str(start) <= row["date"] <= str(end)]
    answer = get(item, start, end, count=500)
    assert answer["transactions"] == expected
    assert answer["total_transactions"] == len(expected) > 0
    one_day = get(item, start, start)
    assert {row["date"] for row in one_day["transactions"]} <= {str(start)}


def test_account_ids_filter_transactions_and_accounts(item: Linked) -> None:
    account_ids = item.account_ids()
    answer = get(item, account_ids=account_ids[:1], count=500)
    assert [account["account_id"] for account in answer["accounts"]] == account_ids[:1]
    assert {row["account_id"] for row in answer["transactions"]} == {account_ids[0]}
    counts = [get(item, account_ids=[account_id])["total_transactions"] for account_id in account_ids]
    assert sum(counts) == 1234
    assert refusal(item, start_date="2026-01-01", end_date="2026-01-02", options={"account_ids": ["x"]}).code == (
        "INVALID_ACCOUNT_ID"
    )


def test_options_change_the_form_of_the_rows(item: Linked) -> None:
    plain = get(item, count=1)["transactions"][0]
    assert "original_description" not in plain
    assert get(item, count=1, include_original_description=True)["transactions"][0]["original_description"]
    assert plain["personal_finance_category"]["version"] == "v2"
    older = get(item, count=1, personal_finance_category_version="v1")["transactions"][0]
    assert older["personal_finance_category"]["version"] == "v1"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "MISSING_FIELDS"),
        ({"start_date": "2026-01-01"}, "MISSING_FIELDS"),
        ({"start_date": "1.1.2026", "end_date": "2026-02-01"}, "INVALID_FIELD"),
        ({"start_date": "2026-02-30", "end_date": "2026-03-01"}, "INVALID_FIELD"),
        ({"start_date": "2026-02-02", "end_date": "2026-02-01"}, "INVALID_FIELD"),
        ({"start_date": "2026-01-01", "end_date": "2026-02-01", "cursor": ""}, "UNKNOWN_FIELDS"),
        ({"start_date": "2026-01-01", "end_date": "2026-02-01", "options": {"count": 501}}, "INVALID_FIELD"),
        ({"start_date": "2026-01-01", "end_date": "2026-02-01", "options": {"count": 0}}, "INVALID_FIELD"),
        ({"start_date": "2026-01-01", "end_date": "2026-02-01", "options": {"count": "all"}}, "INVALID_FIELD"),
        ({"start_date": "2026-01-01", "end_date": "2026-02-01", "options": {"offset": -1}}, "INVALID_FIELD"),
        ({"start_date": "2026-01-01", "end_date": "2026-02-01", "options": {"days_requested": 731}}, "INVALID_FIELD"),
        ({"start_date": "2026-01-01", "end_date": "2026-02-01", "options": {"account_id": "x"}}, "UNKNOWN_FIELDS"),
    ],
)
def test_invalid_requests_are_refused(sim: Sim, fields: Json, code: str) -> None:
    assert refusal(sim.link(), **fields).code == code


def test_data_is_not_ready_until_the_initial_update(sim: Sim) -> None:
    sim.control("/settings", initial_after=60, history_after=600)
    try:
        item = sim.generated(1000, ready=False)
        assert refusal(item, start_date=str(LONG_AGO), end_date=str(TODAY)).code == "PRODUCT_NOT_READY"
        sim.advance(61)
        recent = get(item)["total_transactions"]
        sim.advance(600)
        assert 0 < recent < get(item)["total_transactions"] == 1000
    finally:
        sim.control("/settings", initial_after=1, history_after=3)


def test_a_history_that_never_starts_is_never_ready(sim: Sim) -> None:
    made = sim.control("/items", username="user_good", password="pass_good", history_stops_at="NOT_READY")
    item = Linked(sim, made["item_id"], made["access_token"])
    sim.advance(3600)
    assert refusal(item, start_date=str(LONG_AGO), end_date=str(TODAY)).code == "PRODUCT_NOT_READY"


@pytest.mark.parametrize("path", ["/transactions/get", "/transactions/sync"])
def test_days_requested_counts_when_the_call_adds_transactions(sim: Sim, path: str) -> None:
    period = {"start_date": str(LONG_AGO), "end_date": str(TODAY)} if path == "/transactions/get" else {}
    totals = {}
    for days in (30, 365):
        item = sim.link(products=["auth"])
        if path == "/transactions/get":
            assert refusal(item, **period, options={"days_requested": days}).code == "PRODUCT_NOT_READY"
        else:
            item.call(path, options={"days_requested": days})
        sim.advance(10)
        assert "transactions" in item.call("/item/get")["item"]["products"]
        totals[days] = get(item)["total_transactions"]
        assert get(item, days_requested=700)["total_transactions"] == totals[days]
    assert totals[365] > 5 * totals[30] > 0


def test_days_requested_survives_a_restart(tmp_path: Any) -> None:
    file = tmp_path / "state.json"
    with running_simulator(state=file) as sim:
        item = sim.link(products=["auth"])
        item.call("/transactions/sync", options={"days_requested": 400})
        sim.advance(10)
        before = everything(item)
    with running_simulator(state=file) as sim:
        assert everything(Linked(sim, item.item_id, item.access_token)) == before


def test_changes_of_the_log_are_seen_at_once_and_keep_the_order(sim: Sim) -> None:
    item = sim.generated(300)
    before = everything(item)
    first, second, third = (row["transaction_id"] for row in before[10:13])
    item.control("transactions", modify=[{"transaction_id": first, "amount": 1.25}], remove=[second], touch=[third])
    after = everything(item)
    assert [row["transaction_id"] for row in after] == [
        row["transaction_id"] for row in before if row["transaction_id"] != second
    ]
    assert by_id(after)[first]["amount"] == pytest.approx(1.25, abs=0)
    item.control("transactions", add=[{"amount": 2, "date": str(LONG_AGO + timedelta(days=1))}, {"amount": 3}])
    assert everything(item)[-1]["amount"] == 2
    assert by_id(everything(item)) == by_id(item.truth()["transactions"])


def test_a_refresh_posts_pending_transactions(sim: Sim) -> None:
    item = sim.link("user_transactions_dynamic", "any")
    pending = [row["transaction_id"] for row in everything(item) if row["pending"]]
    item.call("/transactions/refresh")
    after = by_id(everything(item))
    assert pending
    assert not set(pending) & set(after)
    assert set(pending) <= {row["pending_transaction_id"] for row in after.values()}


def test_a_row_without_a_valid_date_is_always_in_the_list(sim: Sim) -> None:
    item = sim.link()
    added = item.control("transactions", add=[{"amount": 5, "odd": {"date": None}}])["added"]
    assert ids(get(item, TODAY, TODAY))[0] == added[0]


def test_transactions_of_a_revoked_account_disappear(item: Linked) -> None:
    chosen = item.account_ids()[0]
    mine = get(item, account_ids=[chosen])["total_transactions"]
    item.control("accounts", revoke=[chosen])
    assert get(item)["total_transactions"] == 1234 - mine
    assert (
        refusal(item, start_date="2026-01-01", end_date="2026-01-02", options={"account_ids": [chosen]}).code
        == "INVALID_ACCOUNT_ID"
    )


def test_sync_is_not_armed_by_get(sim: Sim) -> None:
    item = sim.link()
    get(item)
    assert not sim.look(f"/items/{item.item_id}")["sync_called"]


def test_the_same_seed_gives_the_same_answers() -> None:
    answers = []
    for _ in range(2):
        with running_simulator(Settings(seed=7)) as sim:
            item = sim.link()
            activities = item.call("/item/activity/list")["activities"]
            answers.append((everything(item), item.call("/statements/list")["accounts"], activities))
    assert answers[0] == answers[1]


def test_plaid_python_reads_the_answer(api: Api, sim: Sim) -> None:
    for linked in (sim.link(), sim.link("user_custom", EVERYTHING), sim.link("user_transactions_dynamic", "x")):
        options = {"count": 500, "offset": 0, "include_original_description": True}
        answer = api.transactions_get(token(linked, start_date=LONG_AGO, end_date=TODAY, options=options))
        assert answer.total_transactions == len(answer.transactions) > 0
        assert answer.item.item_id == linked.item_id
        assert answer.accounts
