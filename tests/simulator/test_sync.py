"""/transactions/sync: the change log as readers see it, page by page."""

from __future__ import annotations

import time
from typing import Any

import pytest

from .harness import Linked, Refused, Sim
from .people import CHECKING

MUTATION = "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"
Json = dict[str, Any]


def ids(rows: list[Json]) -> list[str]:
    return [row["transaction_id"] for row in rows]


def read_all(item: Linked, cursor: str = "", **more: Any) -> tuple[list[Json], str]:
    """The pages of one loop, and its last cursor."""
    pages = []
    while True:
        page = item.sync(cursor, **more)
        pages.append(page)
        cursor = page["next_cursor"]
        if not page["has_more"]:
            return pages, cursor


@pytest.fixture
def item(sim: Sim) -> Linked:
    return sim.generated(250)


def test_sync_before_data_is_ready_is_empty_and_reports_not_ready(sim: Sim) -> None:
    early = sim.generated(250, ready=False).sync()
    del early["request_id"]
    assert early == {
        "transactions_update_status": "NOT_READY",
        "accounts": [],
        "added": [],
        "modified": [],
        "removed": [],
        "next_cursor": "",
        "has_more": False,
    }


def test_thirty_days_come_first_and_the_rest_later(sim: Sim) -> None:
    item = sim.generated(400, ready=False)
    sim.advance(1.5)
    first, cursor = read_all(item, count=500)
    assert first[-1]["transactions_update_status"] == "INITIAL_UPDATE_COMPLETE"
    sim.advance(10)
    rest, _ = read_all(item, cursor, count=500)
    assert rest[-1]["transactions_update_status"] == "HISTORICAL_UPDATE_COMPLETE"
    recent, older = ids(first[0]["added"]), ids(rest[0]["added"])
    assert 0 < len(recent) < len(older)
    assert min(row["date"] for row in first[0]["added"]) >= max(row["date"] for row in rest[0]["added"])
    assert sorted(recent + older) == sorted(ids(item.truth()["transactions"]))


def test_history_is_complete_within_ten_seconds_of_wall_time(sim: Sim) -> None:
    history_after = sim.look("/settings")["history_after"]
    assert history_after < 10
    item = sim.generated(10, ready=False)
    sim.advance(float(history_after) - 0.2)
    while item.sync()["transactions_update_status"] != "HISTORICAL_UPDATE_COMPLETE":
        time.sleep(0.05)  # the rest of the time passes without a move of the clock
    assert len(item.sync()["added"]) == 10


def test_pages_hold_count_rows_and_a_hundred_by_default(item: Linked) -> None:
    assert [len(page["added"]) for page in read_all(item)[0]] == [100, 100, 50]
    assert [len(page["added"]) for page in read_all(item, count=125)[0]] == [125, 125]
    assert [len(page["added"]) for page in read_all(item, count=500)[0]] == [250]


@pytest.mark.parametrize("count", [0, 501, -1, 1.5, "5", True])
def test_a_count_outside_1_to_500_is_refused(item: Linked, count: Any) -> None:
    with pytest.raises(Refused) as refused:
        item.sync(count=count)
    assert refused.value.code == "INVALID_FIELD"


def test_replaying_a_cursor_gives_the_same_page(item: Linked) -> None:
    first = item.sync(count=40)
    again = [item.sync(first["next_cursor"], count=40) for _ in range(3)]
    for page in again:
        del page["request_id"]
    assert again[0] == again[1] == again[2]
    assert not set(ids(first["added"])) & set(ids(again[0]["added"]))


def test_a_final_cursor_stays_and_finds_what_comes_later(item: Linked) -> None:
    _, cursor = read_all(item)
    assert item.sync(cursor)["next_cursor"] == cursor
    added = item.control("transactions", add=[{"amount": 3.5, "name": "Later"}])["added"]
    assert ids(item.sync(cursor)["added"]) == added
    assert ids(item.sync(cursor)["added"]) == added


def test_cursors_are_opaque_and_at_most_256_characters(item: Linked) -> None:
    cursor = item.sync(count=1)["next_cursor"]
    assert 20 < len(cursor) <= 256
    assert item.item_id not in cursor


def test_a_cursor_of_another_item_is_refused(sim: Sim, item: Linked) -> None:
    foreign = sim.generated(5).sync()["next_cursor"]
    with pytest.raises(Refused, match="cursor not associated with access_token") as refused:
        item.sync(foreign)
    assert (refused.value.status, refused.value.body["error_type"], refused.value.code) == (
        400,
        "INVALID_REQUEST",
        "INVALID_FIELD",
    )


@pytest.mark.parametrize("cursor", ["nonsense", "AAAA", "é", "A" * 257])
def test_invalid_cursor_is_refused(item: Linked, cursor: str) -> None:
    with pytest.raises(Refused) as refused:
        item.sync(cursor)
    assert refused.value.code == "INVALID_FIELD"


def test_a_tampered_cursor_is_refused(item: Linked) -> None:
    cursor = item.sync(count=1)["next_cursor"]
    with pytest.raises(Refused):
        item.sync(("B" if cursor[20] != "B" else "C").join([cursor[:20], cursor[21:]]))


def test_account_filter_has_its_own_stream_and_cursor(item: Linked) -> None:
    rows = item.truth()["transactions"]
    account = rows[0]["account_id"]
    other = next(row["account_id"] for row in rows if row["account_id"] != account)
    pages, cursor = read_all(item, count=20, options={"account_id": account})
    assert ids([row for page in pages for row in page["added"]]) == ids(
        [row for row in rows if row["account_id"] == account]
    )
    assert [described["account_id"] for described in pages[0]["accounts"]] == [account]
    for options in ({}, {"account_id": other}):
        with pytest.raises(Refused, match="cursor not associated"):
            item.sync(cursor, options=options)


def test_an_unknown_account_in_the_filter_is_refused(item: Linked) -> None:
    with pytest.raises(Refused) as refused:
        item.sync(options={"account_id": "unknown"})
    assert refused.value.code == "INVALID_ACCOUNT_ID"


def test_now_skips_the_past(item: Linked) -> None:
    page = item.sync("now")
    assert (page["added"], page["has_more"]) == ([], False)
    row = item.truth()["transactions"][0]["transaction_id"]
    item.control("transactions", touch=[row])
    assert ids(item.sync(page["next_cursor"])["modified"]) == [row]


def test_a_change_between_pages_stops_the_loop_until_it_restarts_from_its_first_cursor(item: Linked) -> None:
    _, start = read_all(item)
    item.control("transactions", add=[{"amount": n} for n in range(1, 8)])
    page = item.sync(start, count=3)
    item.control("transactions", add=[{"amount": 9}])
    for _ in range(3):
        with pytest.raises(Refused) as refused:
            item.sync(page["next_cursor"], count=3)
        assert (refused.value.code, refused.value.body["error_type"]) == (MUTATION, "TRANSACTIONS_ERROR")
    pages, _ = read_all(item, start, count=3)
    assert sum(len(page["added"]) for page in pages) == 8


def test_history_arriving_between_pages_is_a_mutation_too(sim: Sim) -> None:
    item = sim.generated(600, ready=False)
    sim.advance(1.5)
    page = item.sync(count=5)
    assert page["has_more"]
    sim.advance(5)
    with pytest.raises(Refused) as refused:
        item.sync(page["next_cursor"], count=5)
    assert refused.value.code == MUTATION


def test_only_the_latest_version_of_a_row_is_sent(item: Linked) -> None:
    _, cursor = read_all(item)
    row = item.truth()["transactions"][3]["transaction_id"]
    for amount in (1, 2, 3):
        item.control("transactions", modify=[{"transaction_id": row, "amount": amount}])
    changed = item.sync(cursor)["modified"]
    assert [(change["transaction_id"], change["amount"]) for change in changed] == [(row, 3)]


def test_a_row_that_changed_before_it_was_read_is_added_with_its_latest_version(item: Linked) -> None:
    row = item.truth()["transactions"][3]["transaction_id"]
    item.control("transactions", modify=[{"transaction_id": row, "amount": 7}])
    pages, _ = read_all(item)
    added = [change for page in pages for change in page["added"]]
    assert len(added) == 250
    assert not any(page["modified"] for page in pages)
    assert [change["amount"] for change in added if change["transaction_id"] == row] == [7]


def test_row_is_sent_twice_in_one_change_set_when_switched_on(item: Linked) -> None:
    _, cursor = read_all(item)
    item.control("sync", repeat_rows=True)
    new = item.control("transactions", add=[{"amount": 1}])["added"][0]
    item.control("transactions", modify=[{"transaction_id": new, "amount": 2}])
    page = item.sync(cursor)
    assert [row["amount"] for row in page["added"]] == [1]
    assert [(row["transaction_id"], row["amount"]) for row in page["modified"]] == [(new, 2)]


@pytest.mark.parametrize("named", [False, True])
def test_row_added_and_removed_between_two_reads(item: Linked, named: bool) -> None:
    _, cursor = read_all(item)
    item.control("sync", name_unseen_removals=named)
    new = item.control("transactions", add=[{"amount": 1}])["added"]
    item.control("transactions", remove=new)
    page = item.sync(cursor)
    assert ids(page["added"]) == []
    assert ids(page["removed"]) == (new if named else [])


def test_a_removed_row_is_named_with_its_account_and_nothing_else(item: Linked) -> None:
    _, cursor = read_all(item)
    row = item.truth()["transactions"][0]
    item.control("transactions", remove=[row["transaction_id"]])
    assert item.sync(cursor)["removed"] == [{"transaction_id": row["transaction_id"], "account_id": row["account_id"]}]


def test_a_pending_row_is_posted_under_a_new_id_perhaps_on_another_page(item: Linked) -> None:
    _, cursor = read_all(item)
    pending = item.control("transactions", add=[{"amount": 10, "pending": True}])["added"][0]
    _, cursor = read_all(item, cursor)
    posted = item.control("transactions", post=[pending])["posted"][pending]
    first = item.sync(cursor, count=1)
    second = item.sync(first["next_cursor"], count=1)
    assert (ids(first["removed"]), first["has_more"]) == ([pending], True)
    [row] = second["added"]
    assert (row["transaction_id"], row["pending_transaction_id"], row["pending"]) == (posted, pending, False)


def test_a_modified_row_need_not_have_changed(item: Linked) -> None:
    pages, cursor = read_all(item)
    row = pages[0]["added"][0]
    item.control("transactions", touch=[row["transaction_id"]])
    assert item.sync(cursor)["modified"] == [row]


def test_amounts_keep_every_digit(sim: Sim) -> None:
    item = sim.link("user_custom", {"override_accounts": [CHECKING]})
    raw = sim.post("/transactions/sync", {"access_token": item.access_token}).text
    assert '"amount":12.3456789,' in raw
    assert '"amount":12.0,' in raw
    item.control("transactions", add=[{"name": "Fine"}])
    body = b'{"add": [{"amount": 0.1000000000000000055511151231257827, "name": "Exact"}]}'
    sim.http.post(f"{sim.url}/_sim/items/{item.item_id}/transactions", content=body)
    raw = sim.post("/transactions/sync", {"access_token": item.access_token}).text
    assert '"amount":0.1000000000000000055511151231257827,' in raw


def test_any_field_may_be_null_where_the_schema_allows_it(item: Linked) -> None:
    _, cursor = read_all(item)
    nothing: Json = {
        "personal_finance_category": None,
        "merchant_name": None,
        "authorized_date": None,
        "counterparties": [],
    }
    item.control(
        "transactions", add=[{"amount": 1, "iso_currency_code": None, "unofficial_currency_code": "DOGE", **nothing}]
    )
    [row] = item.sync(cursor)["added"]
    assert (row["iso_currency_code"], row["unofficial_currency_code"]) == (None, "DOGE")
    assert {key: row[key] for key in nothing} == nothing


def test_the_original_description_comes_when_it_is_asked_for(item: Linked) -> None:
    assert "original_description" not in item.sync()["added"][0]
    assert item.sync(options={"include_original_description": True})["added"][0]["original_description"]


def test_the_category_version_is_the_one_asked_for(item: Linked) -> None:
    for version in ("v1", "v2"):
        rows = item.sync(options={"personal_finance_category_version": version})["added"]
        assert {row["personal_finance_category"]["version"] for row in rows} == {version}


def test_accounts_are_those_with_transactions(sim: Sim) -> None:
    item = sim.link(days=730)
    assert sum(len(page["added"]) for page in read_all(item)[0]) == 388
    assert [account["mask"] for account in item.sync()["accounts"]] == ["0000", "1111", "2222", "3333", "4444"]


def test_an_item_with_investments_alone_is_complete_and_has_an_empty_cursor(sim: Sim) -> None:
    item = sim.link("user_custom", {"override_accounts": [{"type": "investment", "subtype": "ira"}]})
    page = item.sync()
    assert page["transactions_update_status"] == "HISTORICAL_UPDATE_COMPLETE"
    assert (page["next_cursor"], page["has_more"]) == ("", False)


def test_a_rotated_token_keeps_the_cursor(item: Linked) -> None:
    cursor = item.sync(count=10)["next_cursor"]
    item.access_token = item.call("/item/access_token/invalidate")["new_access_token"]
    assert item.sync(cursor)["added"]


def test_refresh_of_the_dynamic_user_makes_the_documented_changes(sim: Sim) -> None:
    item = sim.link("user_transactions_dynamic", "anything")
    before = {row["transaction_id"]: row for row in item.truth()["transactions"]}
    pending = {name for name, row in before.items() if row["pending"]}
    _, cursor = read_all(item)
    item.call("/transactions/refresh")
    page = item.sync(cursor)
    assert set(ids(page["removed"])) == pending
    assert {row["pending_transaction_id"] for row in page["added"] if not row["pending"]} == pending
    assert [row for row in page["added"] if row["pending"]]
    [dearer] = page["modified"]
    assert dearer["amount"] == before[dearer["transaction_id"]]["amount"] + 1


def test_a_refresh_of_user_good_changes_nothing(sim: Sim) -> None:
    item = sim.link()
    _, cursor = read_all(item)
    item.call("/transactions/refresh")
    assert item.sync(cursor)["next_cursor"] == cursor


def test_a_future_row_of_a_custom_user_is_pending_until_its_day(sim: Sim) -> None:
    item = sim.link("user_custom", {"override_accounts": [CHECKING]})
    pages, cursor = read_all(item)
    [pending] = [row for row in pages[0]["added"] if row["pending"]]
    assert (pending["name"], pending["date"]) == ("Not yet posted", "2099-04-04")
    item.call("/transactions/refresh")
    assert item.sync(cursor)["next_cursor"] == cursor


def test_sandbox_transactions_exist_when_the_call_returns(sim: Sim) -> None:
    item = sim.link("user_transactions_dynamic", "anything")
    _, cursor = read_all(item)
    today = sim.look("/clock")["now"][:10]
    row = {
        "date_transacted": today,
        "date_posted": today,
        "amount": 1.25,
        "description": "New",
        "iso_currency_code": "USD",
    }
    item.call("/sandbox/transactions/create", transactions=[row])
    [added] = item.sync(cursor)["added"]
    assert (added["name"], str(added["amount"]), added["date"]) == ("New", "1.25", today)
    accounts = {account["account_id"]: account["type"] for account in item.call("/accounts/get")["accounts"]}
    assert accounts[added["account_id"]] == "depository"


@pytest.mark.parametrize("day", ["2020-01-01", "2099-01-01"])
def test_sandbox_transactions_lie_within_two_weeks(sim: Sim, day: str) -> None:
    item = sim.link("user_transactions_dynamic", "anything")
    row = {"date_transacted": day, "date_posted": day, "amount": 1.25, "description": "New"}
    with pytest.raises(Refused) as refused:
        item.call("/sandbox/transactions/create", transactions=[row])
    assert refused.value.code == "INVALID_FIELD"


def test_sandbox_transactions_need_the_dynamic_user(sim: Sim) -> None:
    today = sim.look("/clock")["now"][:10]
    row = {"date_transacted": today, "date_posted": today, "amount": 1, "description": "New"}
    with pytest.raises(Refused):
        sim.link().call("/sandbox/transactions/create", transactions=[row])
