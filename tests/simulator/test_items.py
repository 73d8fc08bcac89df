"""The life cycle of tokens and items."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from .harness import BANK, Linked, Refused, Sim, running_simulator
from .test_products import update_mode
from .test_requests import LINK

UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
DATA = [
    "/accounts/get",
    "/accounts/balance/get",
    "/auth/get",
    "/identity/get",
    "/liabilities/get",
    "/investments/holdings/get",
    "/transactions/sync",
    "/transactions/refresh",
    "/transactions/recurring/get",
]
ALWAYS = ("/item/get", "/item/webhook/update", "/item/access_token/invalidate", "/item/remove")
SOMETHING = {"date_posted": "2026-02-01", "amount": 5, "description": "In the new account"}
Json = dict[str, Any]


def code(call: Any, *args: Any, **fields: Any) -> str:
    """The error code of a call, or `ok`."""
    try:
        call(*args, **fields)
    except Refused as refused:
        return str(refused.code)
    return "ok"


@pytest.fixture
def item(sim: Sim) -> Linked:
    return sim.link()


def test_tokens_and_ids_have_plaids_shapes(sim: Sim, item: Linked) -> None:
    made = sim.call("/sandbox/public_token/create", institution_id=BANK, initial_products=["transactions"])
    link = sim.call("/link/token/create", **LINK)
    assert re.fullmatch(f"public-sandbox-{UUID}", made["public_token"])
    assert re.fullmatch(f"access-sandbox-{UUID}", item.access_token)
    assert re.fullmatch(f"link-sandbox-{UUID}", link["link_token"])
    row = item.truth()["transactions"][0]
    for identifier in (item.item_id, row["transaction_id"], row["account_id"]):
        assert re.fullmatch("[A-Za-z0-9]{37}", identifier)


def test_an_exchange_answers_exactly_three_keys(sim: Sim) -> None:
    made = sim.call("/sandbox/public_token/create", institution_id=BANK, initial_products=["transactions"])
    done = sim.call("/item/public_token/exchange", public_token=made["public_token"])
    assert set(done) == {"access_token", "item_id", "request_id"}


def test_a_public_token_works_once(sim: Sim) -> None:
    made = sim.call("/sandbox/public_token/create", institution_id=BANK, initial_products=["transactions"])
    exchange = (sim.call, "/item/public_token/exchange")
    assert code(*exchange, public_token=made["public_token"]) == "ok"
    assert code(*exchange, public_token=made["public_token"]) == "INVALID_PUBLIC_TOKEN"


@pytest.mark.parametrize(("minutes", "expected"), [(29, "ok"), (31, "INVALID_PUBLIC_TOKEN")])
def test_a_public_token_lives_thirty_minutes(sim: Sim, minutes: int, expected: str) -> None:
    made = sim.call("/sandbox/public_token/create", institution_id=BANK, initial_products=["transactions"])
    sim.advance(minutes * 60)
    assert code(sim.call, "/item/public_token/exchange", public_token=made["public_token"]) == expected


@pytest.mark.parametrize("kind", ["access", "public"])
def test_malformed_token_and_unknown_token_have_different_errors(sim: Sim, kind: str) -> None:
    path = "/item/get" if kind == "access" else "/item/public_token/exchange"
    for token, message in (
        ("nonsense", f"{kind}-<environment>-<identifier>"),
        (f"{kind}-production-00000000-0000-4000-8000-000000000000", "invalid format"),
        (f"{kind}-sandbox-00000000-0000-4000-8000-000000000000", f"could not find matching {kind} token"),
    ):
        with pytest.raises(Refused, match=message):
            sim.call(path, **{f"{kind}_token": token})


@pytest.mark.parametrize("path", DATA)
def test_data_endpoints_answer_the_error_of_an_item_that_must_log_in(item: Linked, path: str) -> None:
    item.call("/sandbox/item/reset_login")
    with pytest.raises(Refused) as refused:
        item.call(path)
    assert (refused.value.status, refused.value.body["error_type"], refused.value.code) == (
        400,
        "ITEM_ERROR",
        "ITEM_LOGIN_REQUIRED",
    )
    assert refused.value.body["display_message"]


def test_repair_and_removal_work_while_a_login_is_required(sim: Sim, item: Linked) -> None:
    item.call("/sandbox/item/reset_login")
    assert item.call("/item/get")["item"]["error"]["error_code"] == "ITEM_LOGIN_REQUIRED"
    update = {key: value for key, value in LINK.items() if key != "products"}
    assert code(item.call, "/link/token/create", **update) == "ok"
    for path in ALWAYS[:2]:
        assert code(item.call, path) == "ok"
    item.access_token = item.call("/item/access_token/invalidate")["new_access_token"]
    assert code(item.call, "/item/remove") == "ok"


@pytest.mark.parametrize("username", ["user_good", "user_generated"])
def test_update_mode_repairs_the_item_and_keeps_token_and_cursor(sim: Sim, username: str) -> None:
    item = sim.link() if username == "user_good" else sim.generated(20)
    cursor = item.sync()["next_cursor"]
    item.call("/sandbox/item/reset_login")
    update = {key: value for key, value in LINK.items() if key != "products"}
    token = item.call("/link/token/create", **update)["link_token"]
    sim.control(f"/link/{token}/finish")
    assert item.call("/item/get")["item"]["error"] is None
    assert item.sync(cursor)["added"] == []


def test_a_public_token_of_update_mode_changes_no_access_token(sim: Sim, item: Linked) -> None:
    fields = {key: value for key, value in LINK.items() if key != "products"}
    token = item.call("/link/token/create", **fields)["link_token"]
    public_token = sim.control(f"/link/{token}/finish")["public_token"]
    exchanged = sim.call("/item/public_token/exchange", public_token=public_token)
    assert (exchanged["item_id"], exchanged["access_token"]) == (item.item_id, item.access_token)
    assert item.call("/accounts/get")["accounts"]


def test_item_repaired_before_its_history_was_loaded_loads_it_then(sim: Sim) -> None:
    item = sim.generated(10, ready=False)
    item.control("state", state="login_required")
    sim.advance(60)
    item.control("state", state="healthy")
    assert item.sync()["transactions_update_status"] == "NOT_READY"
    sim.advance(10)
    assert len(item.sync()["added"]) == 10


def test_after_thirty_days_the_login_is_required_again(sim: Sim, item: Linked) -> None:
    sim.advance(29.9 * 86400)
    assert code(item.call, "/accounts/get") == "ok"
    sim.advance(0.2 * 86400)
    assert code(item.call, "/accounts/get") == "ITEM_LOGIN_REQUIRED"
    item.control("state", state="healthy")
    sim.advance(29 * 86400)
    assert code(item.call, "/accounts/get") == "ok"


def test_repair_restarts_the_thirty_days(sim: Sim, item: Linked) -> None:
    sim.advance(20 * 86400)
    item.control("state", state="healthy")
    sim.advance(29 * 86400)
    assert code(item.call, "/accounts/get") == "ok"
    sim.advance(2 * 86400)
    assert code(item.call, "/accounts/get") == "ITEM_LOGIN_REQUIRED"


def test_consent_that_was_renewed_does_not_expire_on_its_old_day(sim: Sim, item: Linked) -> None:
    item.control("state", state="expiring", in_seconds=8 * 86400)
    item.control("state", state="expiring", in_seconds=20 * 86400)
    sim.advance(10 * 86400)
    assert code(item.call, "/accounts/get") == "ok"
    sim.advance(11 * 86400)
    assert code(item.call, "/accounts/get") == "ITEM_LOGIN_REQUIRED"


def test_consent_that_expires_requires_a_login_and_says_why(sim: Sim, item: Linked) -> None:
    item.control("state", state="expiring", in_seconds=10 * 86400)
    assert item.call("/item/get")["item"]["consent_expiration_time"]
    sim.advance(11 * 86400)
    assert item.call("/item/get")["item"]["error"]["error_code_reason"] == "OAUTH_CONSENT_EXPIRED"


def test_any_item_error_can_be_ordered(item: Linked) -> None:
    item.control("state", state="error", code="ITEM_LOCKED")
    assert code(item.call, "/transactions/sync") == "ITEM_LOCKED"


def test_missing_consent_is_given_in_update_mode_if_it_is_requested(sim: Sim, item: Linked) -> None:
    item.control("state", state="consent_missing")
    assert code(item.call, "/transactions/sync") == "ADDITIONAL_CONSENT_REQUIRED"
    assert code(item.call, "/accounts/get") == "ok"
    assert item.call("/item/get")["item"]["error"] is None
    update = {**LINK, "products": None, "access_token": item.access_token}
    for requested, answer in (
        (None, "ADDITIONAL_CONSENT_REQUIRED"),
        (["auth"], "ADDITIONAL_CONSENT_REQUIRED"),
        (["auth", "transactions"], "ok"),
    ):
        fields = {**update, "additional_consented_products": requested}
        made = sim.call("/link/token/create", **{name: value for name, value in fields.items() if value is not None})
        sim.control(f"/link/{made['link_token']}/finish")
        assert code(item.call, "/transactions/sync") == answer


def test_an_oauth_return_continues_with_its_own_link_token_only(sim: Sim) -> None:
    first, second = (sim.call("/link/token/create", **LINK)["link_token"] for _ in range(2))
    state = sim.control(f"/link/{first}/begin")["link_session_id"]
    assert sim.control(f"/link/{first}/begin", oauth_state_id=state)["link_session_id"] == state
    refused = sim.post(f"/_sim/link/{second}/begin", {"oauth_state_id": state})
    assert (refused.status_code, refused.json()["error_code"]) == (400, "INVALID_LINK_TOKEN")


def test_a_removed_item_is_not_found(item: Linked) -> None:
    assert set(item.call("/item/remove", reason_code="OTHER")) == {"request_id"}
    for path in (*DATA, *ALWAYS):
        with pytest.raises(Refused) as refused:
            item.call(path)
        assert (refused.value.body["error_type"], refused.value.code) == ("ITEM_ERROR", "ITEM_NOT_FOUND")


def test_a_revoked_item_can_only_be_removed(item: Linked) -> None:
    item.control("state", state="revoked")
    for path in (*DATA, *ALWAYS[:3]):
        assert code(item.call, path) == "USER_PERMISSION_REVOKED"
    assert code(item.call, "/item/remove") == "ok"


def test_rotation_ends_the_old_token_at_once(sim: Sim, item: Linked) -> None:
    old = item.access_token
    new = item.call("/item/access_token/invalidate")["new_access_token"]
    assert code(sim.call, "/item/get", access_token=old) == "INVALID_ACCESS_TOKEN"
    assert sim.call("/item/get", access_token=new)["item"]["item_id"] == item.item_id


def test_available_and_billed_products_are_disjoint(item: Linked) -> None:
    got = item.call("/item/get")["item"]
    assert got["billed_products"] == ["transactions"]
    assert not set(got["billed_products"]) & set(got["available_products"])
    item.call("/auth/get")
    assert "auth" in item.call("/item/get")["item"]["billed_products"]


def test_a_product_the_bank_does_not_have_is_refused(sim: Sim) -> None:
    assert code(sim.link(institution_id="ins_117650").call, "/liabilities/get") == "PRODUCTS_NOT_SUPPORTED"


def test_items_without_such_accounts_return_an_error(sim: Sim) -> None:
    card = sim.link("user_custom", {"override_accounts": [{"type": "credit"}]})
    assert code(card.call, "/auth/get") == "NO_AUTH_ACCOUNTS"
    assert code(card.call, "/investments/holdings/get") == "NO_INVESTMENT_ACCOUNTS"
    purse = sim.link("user_custom", {"override_accounts": [{"type": "depository"}]})
    assert code(purse.call, "/liabilities/get") == "NO_LIABILITY_ACCOUNTS"


def test_account_ids_select_accounts(item: Linked) -> None:
    some = item.account_ids()[3:5]
    accounts = item.call("/accounts/get", options={"account_ids": some})["accounts"]
    assert [account["account_id"] for account in accounts] == some


def test_resetting_a_users_logins_reaches_all_of_them_or_those_named(sim: Sim) -> None:
    user = "usr_9nSp2KuZ2x4JDw"
    first, second, stranger = sim.link(user_id=user), sim.link(user_id=user), sim.link()
    sim.call("/sandbox/user/reset_login", user_id=user, item_ids=[first.item_id])
    assert [code(one.call, "/accounts/get") for one in (first, second)] == ["ITEM_LOGIN_REQUIRED", "ok"]
    sim.call("/sandbox/user/reset_login", user_id=user)
    assert code(second.call, "/accounts/get") == "ITEM_LOGIN_REQUIRED"
    assert code(stranger.call, "/accounts/get") == "ok"
    assert code(sim.call, "/sandbox/user/reset_login", user_id=user, item_ids=["x"]) == "INVALID_FIELD"


def test_a_revoked_account_vanishes_with_its_transactions(item: Linked) -> None:
    first = item.sync(count=500)
    gone = first["added"][0]["account_id"]
    item.control("accounts", revoke=[gone])
    assert gone not in item.account_ids()
    removed = item.sync(first["next_cursor"], count=500)["removed"]
    assert {row["account_id"] for row in removed} == {gone}
    assert len(removed) == sum(row["account_id"] == gone for row in first["added"])


def test_a_new_account_waits_for_account_selection_in_update_mode(item: Linked) -> None:
    before = item.account_ids()
    item.control("accounts", offer=[{"type": "depository", "meta": {"name": "New"}, "transactions": [SOMETHING]}])
    assert item.account_ids() == before
    cursor = item.sync(count=500)["next_cursor"]
    update_mode(item)
    assert len(item.account_ids()) == len(before) + 1
    assert [row["name"] for row in item.sync(cursor)["added"]] == ["In the new account"]


def test_an_account_that_was_deselected_can_be_shared_again(item: Linked) -> None:
    first = item.sync(count=500)
    away = first["added"][0]["account_id"]
    theirs = {row["transaction_id"] for row in first["added"] if row["account_id"] == away}
    before, cursor = item.account_ids(), first["next_cursor"]
    for _ in range(2):
        update_mode(item, [one for one in before if one != away])
        page = item.sync(cursor, count=500)
        assert {row["transaction_id"] for row in page["removed"]} == theirs
        update_mode(item, before)
        again = item.sync(page["next_cursor"], count=500)
        assert {row["transaction_id"] for row in again["added"]} == theirs
        assert sorted(item.account_ids()) == sorted(before)
        cursor = again["next_cursor"]


def test_history_that_comes_late_has_no_rows_of_an_account_that_is_not_shared_any_more(sim: Sim) -> None:
    item = sim.link(ready=False)
    item.control("sync", history_stops_at="INITIAL_UPDATE_COMPLETE")
    sim.advance(10)
    before = item.account_ids()
    away = item.sync(count=500)["added"][0]["account_id"]
    item.control("accounts", revoke=[away])
    item.control("sync", history_stops_at=None)
    sim.advance(10)
    whole = item.sync(count=500)
    assert whole["transactions_update_status"] == "HISTORICAL_UPDATE_COMPLETE"
    assert away not in {row["account_id"] for row in whole["added"]}
    update_mode(item, before)
    again = item.sync(whole["next_cursor"], count=500)["added"]
    assert {row["account_id"] for row in again} == {away}
    assert len(again) + len(whole["added"]) == len(sim.link().sync(count=500)["added"])


def test_rows_of_an_account_that_is_shared_again_may_return_only_from_the_beginning(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with running_simulator(state=file) as sim:
        item = sim.link()
        item.control("sync", silent_shares=True)
        first, before = item.sync(count=500), item.account_ids()
        item.control("accounts", revoke=[before[0]])
        gone = item.sync(first["next_cursor"], count=500)
        update_mode(item)
        item.control("accounts", offer=[{"type": "depository", "transactions": [SOMETHING]}])
        update_mode(item)
    with running_simulator(state=file) as sim:
        item = Linked(sim, item.item_id, item.access_token)
        assert {*before} < {*item.account_ids()}
        news = item.sync(gone["next_cursor"], count=500)
        assert [row["name"] for row in news["added"]] == ["In the new account"]
        whole = item.sync(count=500)["added"]
        assert len(whole) == len(first["added"]) + 1
        assert len(item.truth()["transactions"]) == len(whole)


def test_a_transaction_can_have_any_odd_values(item: Linked) -> None:
    cursor = item.sync(count=500)["next_cursor"]
    odd: dict[str, Any] = {"amount": None, "transaction_id": "a/b", "location": [[1]], "authorized_datetime": "0001"}
    (made,) = item.control("transactions", add=[{"name": "Odd", "odd": odd}])["added"]
    page = item.sync(cursor)
    assert {name: page["added"][0][name] for name in odd} == odd
    item.control("transactions", modify=[{"transaction_id": made, "odd": {"date": 5}}])
    assert item.sync(page["next_cursor"])["modified"][0]["date"] == 5
    item.control("transactions", modify=[{"transaction_id": made, "amount": 5, "date": "2026-01-01"}])
    assert item.sync(page["next_cursor"])["modified"][0]["transaction_id"] == made


def test_a_link_token_is_read_back_and_expires(sim: Sim) -> None:
    made = sim.call("/link/token/create", **LINK, webhook="http://127.0.0.1:9/w")
    got = sim.call("/link/token/get", link_token=made["link_token"])
    assert got["expiration"] == made["expiration"]
    assert got["metadata"] == {
        "initial_products": ["transactions"],
        "webhook": "http://127.0.0.1:9/w",
        "country_codes": ["US"],
        "language": "en",
        "account_filters": {},
        "redirect_uri": None,
        "client_name": "An app",
    }
    assert "link_sessions" not in got
    sim.advance(4 * 3600 + 1)
    assert code(sim.call, "/link/token/get", link_token=made["link_token"]) == "INVALID_LINK_TOKEN"


def test_an_update_link_token_lives_thirty_minutes(sim: Sim, item: Linked) -> None:
    fields = {key: value for key, value in LINK.items() if key != "products"}
    token = item.call("/link/token/create", **fields)["link_token"]
    sim.advance(31 * 60)
    assert code(sim.call, "/link/token/get", link_token=token) == "INVALID_LINK_TOKEN"


def test_a_finished_link_session_shows_its_public_token(sim: Sim) -> None:
    token = sim.call("/link/token/create", **LINK)["link_token"]
    done = sim.control(f"/link/{token}/finish", username="user_good")
    [session] = sim.call("/link/token/get", link_token=token)["link_sessions"]
    assert session["results"]["item_add_results"][0]["public_token"] == done["public_token"]
    assert session["on_success"]["metadata"]["institution"]["institution_id"] == BANK
    exchanged = sim.call("/item/public_token/exchange", public_token=done["public_token"])
    accounts = sim.call("/accounts/get", access_token=exchanged["access_token"])["accounts"]
    assert [account["account_id"] for account in accounts] == [
        account["id"] for account in done["metadata"]["accounts"]
    ]


def test_only_the_accounts_that_were_chosen_are_shared(sim: Sim) -> None:
    token = sim.call("/link/token/create", **LINK)["link_token"]
    session = sim.control(f"/link/{token}/begin")["link_session_id"]
    accounts = sim.control(f"/link/{token}/log_in", link_session_id=session)["accounts"]
    some = [account["account_id"] for account in accounts if account["mask"] in {"0000", "1111"}]
    done = sim.control(f"/link/{token}/agree", link_session_id=session, account_ids=some)
    exchanged = sim.call("/item/public_token/exchange", public_token=done["public_token"])
    item = Linked(sim, exchanged["item_id"], exchanged["access_token"])
    item.sync()
    sim.advance(1.5)
    assert len(item.sync()["added"]) == 8
    sim.advance(10)
    assert item.account_ids() == some
    assert {row["account_id"] for row in item.sync()["added"]} == set(some)


def test_account_filters_narrow_the_choice(sim: Sim) -> None:
    filters = {"depository": {"account_subtypes": ["savings"]}}
    token = sim.call("/link/token/create", **LINK, account_filters=filters)["link_token"]
    done = sim.control(f"/link/{token}/finish")
    assert [account["subtype"] for account in done["metadata"]["accounts"]] == ["savings"]


def test_requested_products_are_granted_if_the_bank_supports_them(sim: Sim) -> None:
    wishes = {"required_if_supported_products": ["liabilities", "auth"], "optional_products": ["identity"]}
    token = sim.call("/link/token/create", **LINK | {"country_codes": ["GB"]}, **wishes)["link_token"]
    done = sim.control(f"/link/{token}/finish", institution_id="ins_117650")
    exchanged = sim.call("/item/public_token/exchange", public_token=done["public_token"])
    products = sim.call("/item/get", access_token=exchanged["access_token"])["item"]["products"]
    assert products == ["transactions", "auth", "identity"]


def test_a_user_may_leave_link_with_an_error(sim: Sim) -> None:
    token = sim.call("/link/token/create", **LINK)["link_token"]
    session = sim.control(f"/link/{token}/begin")["link_session_id"]
    left = sim.control(f"/link/{token}/leave", link_session_id=session, error_code="INVALID_CREDENTIALS")
    assert left["error"]["error_code"] == "INVALID_CREDENTIALS"
    [finished] = sim.call("/link/token/get", link_token=token)["link_sessions"]
    assert finished["exit"]["error"]["error_code"] == "INVALID_CREDENTIALS"


def test_another_user_in_update_mode_is_refused(sim: Sim, item: Linked) -> None:
    fields = {key: value for key, value in LINK.items() if key != "products"}
    token = item.call("/link/token/create", **fields)["link_token"]
    answer = sim.http.post(f"{sim.url}/_sim/link/{token}/finish", json={"username": "user_transactions_dynamic"})
    assert answer.json()["error_code"] == "INVALID_UPDATED_USERNAME"


def test_persistent_account_ids_survive_linking_again(sim: Sim) -> None:
    first, second = (sim.link(institution_id="ins_56").call("/accounts/get")["accounts"] for _ in range(2))
    assert [account["persistent_account_id"] for account in first] == [
        account["persistent_account_id"] for account in second
    ]
    assert not {account["account_id"] for account in first} & {account["account_id"] for account in second}
