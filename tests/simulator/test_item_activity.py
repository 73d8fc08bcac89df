"""/item/import, /item/activity/list and /item/products/terminate."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from emulators.plaid.more_fields import TERMINATION_REASONS

from .harness import Json, Linked, Refused, Sim, running_simulator
from .test_every_state import STATES
from .test_requests import LINK
from .test_typed_models import Api, api, token

__all__ = ["api"]

GOOD = {"user_id": "user_good", "auth_token": "pass_good"}


def import_item(sim: Sim, **more: Any) -> Linked:
    made = sim.call("/item/import", **{"products": ["identity", "auth"], "user_auth": GOOD, **more})
    item = sim.call("/item/get", access_token=made["access_token"])["item"]
    return Linked(sim, item["item_id"], made["access_token"])


def kinds(item: Linked, **more: Any) -> list[str]:
    return [activity["activity"] for activity in item.call("/item/activity/list", **more)["activities"]]


def code_of(sim: Sim, path: str, **fields: Any) -> str:
    with pytest.raises(Refused) as caught:
        sim.call(path, **fields)
    return str(caught.value.code)


def test_an_imported_item_has_its_products_webhook_and_data(sim: Sim) -> None:
    item = import_item(sim, options={"webhook": "http://127.0.0.1:9/hook"})
    assert re.fullmatch(r"access-sandbox-[0-9a-f-]{36}", item.access_token)
    got = item.call("/item/get")["item"]
    assert (got["products"], got["webhook"]) == (["identity", "auth"], "http://127.0.0.1:9/hook")
    assert item.call("/auth/get")["numbers"]["ach"]
    assert item.call("/identity/get")["accounts"][0]["owners"]


def test_an_import_can_name_the_institution_and_the_test_user(sim: Sim) -> None:
    user = {"user_id": "user_generated", "auth_token": '{"transactions": 50}'}
    item = import_item(sim, institution_id="ins_127287", products=["transactions"], user_auth=user)
    assert item.call("/item/get")["item"]["institution_id"] == "ins_127287"
    sim.advance(10)
    assert len(item.sync(count=500)["added"]) == 50


def test_repeated_imports_of_a_user_return_the_same_item_until_it_is_removed(sim: Sim) -> None:
    first, again = import_item(sim), import_item(sim)
    assert (again.item_id, again.access_token) == (first.item_id, first.access_token)
    assert len(sim.look("/items")["items"]) == 1
    first.call("/item/remove")
    assert import_item(sim).item_id != first.item_id


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"products": []}, "INVALID_FIELD"),
        ({"products": ["gold"]}, "INVALID_PRODUCT"),
        ({"products": ["balance"]}, "INVALID_PRODUCT"),
        ({"user_auth": {}}, "MISSING_FIELDS"),
        ({"user_auth": {"user_id": "", "auth_token": "x"}}, "INVALID_FIELD"),
        ({"user_auth": {"user_id": "nobody", "auth_token": "x"}}, "INVALID_CREDENTIALS"),
        ({"user_auth": {"user_id": "user_good", "auth_token": "error_ITEM_LOCKED"}}, "ITEM_LOCKED"),
        ({"institution_id": "ins_0"}, "INVALID_INSTITUTION"),
        ({"institution_id": "ins_133402"}, "ITEM_NOT_SUPPORTED"),
        ({"institution_id": "ins_117650", "products": ["liabilities"]}, "PRODUCTS_NOT_SUPPORTED"),
        ({"options": {"webhook": "nonsense"}}, "INVALID_FIELD"),
    ],
)
def test_invalid_imports_are_refused_and_leave_no_item(sim: Sim, change: Json, code: str) -> None:
    fields = {"products": ["auth"], "user_auth": GOOD, **change}
    assert code_of(sim, "/item/import", **fields) == code
    assert sim.look("/items") == {"items": []}
    assert code_of(sim, "/item/import") == "MISSING_FIELDS"


def test_the_life_of_an_item_is_listed_newest_first(sim: Sim) -> None:
    item = sim.link()
    update = {key: value for key, value in LINK.items() if key != "products"}
    link = sim.call(
        "/link/token/create",
        **update,
        access_token=item.access_token,
        update={"account_selection_enabled": True},
    )
    sim.control(f"/link/{link['link_token']}/finish", account_ids=item.account_ids()[:2])
    assert kinds(item) == ["ITEM_UPDATE", "SCOPES_UPDATE", "ITEM_CREATE"]
    newest, *_, created = item.call("/item/activity/list")["activities"]
    assert len(newest["scopes"]["accounts"]) == 2
    assert len(created["scopes"]["accounts"]) == 14
    assert created["scopes"]["product_access"]["transactions"] is True
    assert (created["state"], created["authentication"]) == ("SUCCESS", "PLAID")
    assert created["initiated_date"] == sim.look("/clock")["now"][:10]


def test_items_of_import_and_of_oauth_banks_say_so(sim: Sim) -> None:
    assert kinds(import_item(sim)) == ["ITEM_IMPORT"]
    created = sim.link(institution_id="ins_127287").call("/item/activity/list")["activities"][0]
    assert created["authentication"] == "DATA_PARTNER"


def test_without_an_access_token_all_items_are_listed_also_removed_ones(sim: Sim) -> None:
    removed, revoked = sim.link(), sim.link()
    removed.call("/item/remove")
    revoked.control("state", state="revoked")
    found = [activity["activity"] for activity in sim.call("/item/activity/list")["activities"]]
    assert found == ["PORTAL_UNLINK", "ITEM_REMOVE", "ITEM_CREATE", "ITEM_CREATE"]


def test_activities_are_paged_and_new_ones_shift_nothing(sim: Sim) -> None:
    item = sim.link()
    for _ in range(6):
        item.control("state", state="healthy")
    whole = item.call("/item/activity/list")
    assert "cursor" not in whole
    seen: list[Json] = []
    page = item.call("/item/activity/list", count=3)
    while True:
        seen += page["activities"]
        if "cursor" not in page:
            break
        item.control("state", state="healthy")
        page = item.call("/item/activity/list", count=3, cursor=page["cursor"])
    assert seen == whole["activities"]
    assert len({activity["id"] for activity in seen}) == 7


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"count": 51}, "INVALID_FIELD"),
        ({"count": 0}, "INVALID_FIELD"),
        ({"cursor": "nonsense"}, "INVALID_FIELD"),
        ({"cursor": "YWN0aXZpdHk6OTk5"}, "INVALID_FIELD"),
        ({"cursor": "é"}, "INVALID_FIELD"),
        ({"access_token": "nonsense"}, "INVALID_ACCESS_TOKEN"),
        ({"offset": 1}, "UNKNOWN_FIELDS"),
    ],
)
def test_invalid_lists_are_refused(sim: Sim, fields: Json, code: str) -> None:
    sim.link()
    assert code_of(sim, "/item/activity/list", **fields) == code


def test_the_last_access_of_each_kind_of_data_is_listed(sim: Sim) -> None:
    item = sim.link()

    def times() -> Json:
        result: Json = item.call("/item/activity/list")["last_data_access_times"][0]
        return result

    before = times()
    assert {value for key, value in before.items() if key != "application_id"} == {None}
    item.sync()
    read = times()["transactions"]
    sim.advance(3600)
    item.call("/identity/get")
    with pytest.raises(Refused):
        item.call("/auth/get", options={"account_ids": ["unknown"]})
    after = times()
    assert after["transactions"] == read
    assert after["contact_info"] > read
    assert after["account_routing_number"] is None


@pytest.mark.parametrize("state", STATES)
def test_terminating_products_ends_an_item_in_any_state(sim: Sim, state: str) -> None:
    item = sim.link(ready=state not in {"not ready", "healthy"})
    STATES[state](item)
    if state == "removed":
        assert code_of(sim, "/item/products/terminate", access_token=item.access_token, reason_code="OTHER") == (
            "ITEM_NOT_FOUND"
        )
        return
    item.call("/item/products/terminate", reason_code="USER_OFFBOARDING", reason_note="left")
    for path in ("/item/get", "/accounts/get", "/item/remove"):
        assert code_of(sim, path, access_token=item.access_token) == "ITEM_NOT_FOUND"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "MISSING_FIELDS"),
        ({"reason_code": "BORED"}, "INVALID_FIELD"),
        ({"reason_code": "OTHER", "reason_note": "x" * 513}, "INVALID_FIELD"),
        ({"reason_code": "OTHER", "products": ["auth"]}, "UNKNOWN_FIELDS"),
    ],
)
def test_invalid_terminations_are_refused_and_change_nothing(sim: Sim, fields: Json, code: str) -> None:
    item = sim.link()
    assert code_of(sim, "/item/products/terminate", access_token=item.access_token, **fields) == code
    assert item.call("/accounts/get")["accounts"]


def test_activities_and_imports_survive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with running_simulator(state=file) as sim:
        item = import_item(sim, products=["transactions"])
        item.call("/accounts/get")
        before = item.call("/item/activity/list")
    with running_simulator(state=file) as sim:
        after = sim.call("/item/activity/list", access_token=item.access_token)
        assert {**after, "request_id": ""} == {**before, "request_id": ""}
        assert import_item(sim).item_id == item.item_id


def test_plaid_python_reads_activities_imports_and_terminations(api: Api, sim: Sim) -> None:
    for reason in TERMINATION_REASONS:
        made = api.item_import({"products": ["auth"], "user_auth": GOOD})
        answer = api.item_activity_list({"access_token": made.access_token, "count": 5})
        assert answer.activities[0].activity.value == "ITEM_IMPORT"
        assert answer.last_data_access_times[0].contact_info is None
        assert api.item_products_terminate({"access_token": made.access_token, "reason_code": reason}).request_id
    api.accounts_get(token(sim.link()))
    everything = api.item_activity_list({"count": 50})
    assert everything.activities[0].activity.value == "ITEM_CREATE"
    assert everything.last_data_access_times[0].account_balance_info
