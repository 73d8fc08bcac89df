"""Liabilities, the readiness of products, slow first calls, cached balances, and accounts that are shared again."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from emulators.plaid.clock import iso, parse_iso

from .harness import Linked, Receiver, Refused, Sim, running_simulator
from .people import CHECKING, EVERYTHING
from .test_requests import LINK

Json = dict[str, Any]
PERIOD = {"start_date": "2020-01-01", "end_date": "2030-12-31"}
READS: dict[str, tuple[str, Json]] = {
    "holdings": ("/investments/holdings/get", {}),
    "investment_transactions": ("/investments/transactions/get", PERIOD),
    "liabilities": ("/liabilities/get", {}),
    "recurring": ("/transactions/recurring/get", {}),
}
CREDIT_UNION = "ins_109509"
CARD_BANK, BALANCE_BANK = "ins_128026", "ins_130016"


def code_of(item: Linked, path: str, **fields: Any) -> str:
    try:
        item.call(path, **fields)
    except Refused as refused:
        return str(refused.code)
    return "ok"


def credit(item: Linked) -> dict[str, Json]:
    answer = item.call("/liabilities/get")["liabilities"]["credit"] or []
    return {liability["account_id"]: liability for liability in answer}


def account_of(item: Linked, subtype: str) -> str:
    accounts = item.call("/accounts/get")["accounts"]
    return next(str(account["account_id"]) for account in accounts if account["subtype"] == subtype)


def test_liabilities_are_changed_added_and_removed(sim: Sim, receiver: Receiver) -> None:
    item = sim.link(products=["transactions", "liabilities"], webhook=receiver.url)
    receiver.wait_for(2)
    card = account_of(item, "credit card")
    item.control("liabilities", change=[{"account_id": card, "is_overdue": True, "past_due": "odd"}])
    assert (credit(item)[card]["is_overdue"], credit(item)[card]["past_due"]) == (True, "odd")
    receiver.wait_for(3)  # webhooks that are under way at the same time can arrive in any order
    item.control("liabilities", remove=[card])
    assert card not in credit(item)
    receiver.wait_for(4)
    item.control("liabilities", add=[{"account_id": card, "purchase_apr": 9.5, "minimum_payment_amount": 12}])
    assert (credit(item)[card]["minimum_payment_amount"], len(credit(item)[card]["aprs"])) == (12, 1)
    got = [received.body for received in receiver.wait_for(5)[2:]]
    assert {(body["webhook_type"], body["webhook_code"]) for body in got} == {("LIABILITIES", "DEFAULT_UPDATE")}
    changes = [(body["account_ids_with_new_liabilities"], body["account_ids_with_updated_liabilities"]) for body in got]
    assert changes == [([], {card: ["is_overdue", "past_due"]}), ([], {card: []}), ([card], {})]


def test_liabilities_that_cannot_be_are_refused(sim: Sim) -> None:
    item = sim.link()
    card, checking = account_of(item, "credit card"), account_of(item, "checking")
    url = f"{sim.url}/_sim/items/{item.item_id}/liabilities"
    for body, status in (
        ({"add": [{"account_id": card}]}, 409),
        ({"add": [{"account_id": checking}]}, 400),
        ({"change": [{"account_id": "unknown"}]}, 404),
    ):
        assert sim.http.post(url, json=body).status_code == status


def test_hollow_liabilities_and_streams(sim: Sim) -> None:
    item = sim.link()
    item.control("products", hollow=["liabilities", "recurring"])
    answer = item.call("/liabilities/get")
    assert answer["liabilities"] == {"credit": None, "mortgage": None, "student": None}
    assert len(answer["accounts"]) == 14
    streams = item.call("/transactions/recurring/get")
    assert (streams["inflow_streams"], streams["outflow_streams"]) == ([], [])
    item.control("products", hollow=[])
    assert credit(item)
    assert item.call("/transactions/recurring/get")["outflow_streams"]


def test_accounts_without_a_liability_have_an_empty_answer(sim: Sim) -> None:
    item = sim.link()
    checking = account_of(item, "checking")
    answer = item.call("/liabilities/get", options={"account_ids": [checking]})
    assert [account["account_id"] for account in answer["accounts"]] == [checking]
    assert answer["liabilities"] == {"credit": None, "mortgage": None, "student": None}
    depository = sim.link("user_custom", {"override_accounts": [CHECKING]})
    assert code_of(depository, "/liabilities/get") == "NO_LIABILITY_ACCOUNTS"


@pytest.mark.parametrize("kind", READS)
def test_a_product_is_not_ready_on_request(sim: Sim, kind: str) -> None:
    item = sim.link()
    path, fields = READS[kind]
    item.control("products", not_ready={kind: 30})
    assert code_of(item, path, **fields) == "PRODUCT_NOT_READY"
    others = [code_of(item, *[read[0]], **read[1]) for other, read in READS.items() if other != kind]
    assert others == ["ok"] * 3
    sim.advance(31)
    assert code_of(item, path, **fields) == "ok"


def test_a_product_stays_not_ready_until_the_test_ends_it(sim: Sim) -> None:
    item = sim.link()
    item.control("products", not_ready={"liabilities": None})
    sim.advance(86400)
    assert code_of(item, "/liabilities/get") == "PRODUCT_NOT_READY"
    item.control("products", not_ready={})
    assert code_of(item, "/liabilities/get") == "ok"


def test_slow_first_call_waits_on_the_clock_and_only_once(sim: Sim) -> None:
    item = sim.link()
    item.control("products", slow_first_call={"holdings": 90})
    done = threading.Event()

    def call() -> None:
        mine = Sim(sim.url)
        Linked(mine, item.item_id, item.access_token).call("/investments/holdings/get")
        mine.http.close()
        done.set()

    thread = threading.Thread(target=call)
    thread.start()
    while sim.look(f"/items/{item.item_id}/products")["slow_first_call"]:
        pass
    assert credit(item)  # other products answer meanwhile
    assert not done.is_set()
    sim.advance(91)
    assert done.wait(30)
    thread.join(30)
    assert item.call("/investments/holdings/get")["holdings"]  # and the second call does not wait


def test_cached_balance_older_than_asked_for_is_refused_with_its_time(sim: Sim) -> None:
    item = sim.link(institution_id=CARD_BANK)
    item.control("products", balances_age=3 * 86400)
    age = parse_iso(sim.look(f"/items/{item.item_id}/products")["balances_updated"])
    options = {"min_last_updated_datetime": iso(age + timedelta(seconds=1))}
    with pytest.raises(Refused) as refused:
        item.call("/accounts/balance/get", options=options)
    body = refused.value.body
    assert (body["error_type"], body["error_code"]) == ("INVALID_RESULT", "LAST_UPDATED_DATETIME_OUT_OF_RANGE")
    assert body["error_message"].endswith(f"most recently updated balance {iso(age)}")
    options = {"min_last_updated_datetime": iso(age - timedelta(seconds=1))}
    accounts = item.call("/accounts/balance/get", options=options)["accounts"]
    updated = {account["type"]: account["balances"]["last_updated_datetime"] for account in accounts}
    assert updated["credit"] == iso(age)
    assert updated["depository"] > iso(age + timedelta(days=2))


def test_depository_accounts_of_capital_one_are_live(sim: Sim) -> None:
    item = sim.link(institution_id=CARD_BANK)
    item.control("products", balances_age=3 * 86400)
    checking = account_of(item, "checking")
    with pytest.raises(Refused, match="min_last_updated_datetime is required"):
        item.call("/accounts/balance/get", options={"account_ids": [checking]})
    now = sim.look("/clock")["now"]
    options = {"account_ids": [checking], "min_last_updated_datetime": now}
    assert len(item.call("/accounts/balance/get", options=options)["accounts"]) == 1


@pytest.mark.parametrize(
    ("institution_id", "seconds_ago", "code"),
    [
        (BALANCE_BANK, 2 * 86400, "ok"),
        (BALANCE_BANK, 0, "LAST_UPDATED_DATETIME_OUT_OF_RANGE"),
        (CREDIT_UNION, 0, "ok"),
    ],
)
def test_age_of_balances_by_bank(sim: Sim, institution_id: str, seconds_ago: int, code: str) -> None:
    item = sim.link(institution_id=institution_id)
    when = parse_iso(sim.look("/clock")["now"]) - timedelta(seconds=seconds_ago)
    options = {"min_last_updated_datetime": iso(when)}
    assert code_of(item, "/accounts/balance/get", options=options) == code
    first = item.call("/accounts/balance/get")["accounts"][0]
    assert ("last_updated_datetime" in first["balances"]) == (institution_id == BALANCE_BANK)


def test_usual_balances_are_at_most_a_day_old(sim: Sim) -> None:
    item = sim.link(institution_id=BALANCE_BANK)
    for _ in range(3):
        sim.advance(20 * 3600)
        then = parse_iso(sim.look("/clock")["now"]) - timedelta(days=1)
        assert code_of(item, "/accounts/balance/get", options={"min_last_updated_datetime": iso(then)}) == "ok"


def update_mode(item: Linked, account_ids: list[str] | None = None) -> None:
    """Selects accounts in update mode; all if none are given."""
    asked = {key: value for key, value in LINK.items() if key != "products"}
    update = {"account_selection_enabled": True}
    token = item.sim.call("/link/token/create", **asked, access_token=item.access_token, update=update)["link_token"]
    item.sim.control(f"/link/{token}/finish", **({} if account_ids is None else {"account_ids": account_ids}))


def everything(item: Linked) -> Json:
    """What a client reads of all products."""
    return {kind: code_of(item, path, **fields) for kind, (path, fields) in READS.items()} | {
        "data": {
            kind: item.sim.look(f"/items/{item.item_id}/products")[kind]
            for kind in ("holdings", "investment_transactions", "liabilities", "recurring")
        }
    }


def test_deselected_account_that_is_shared_again_has_its_product_data_again(sim: Sim, receiver: Receiver) -> None:
    item = sim.link(products=["transactions", "investments", "liabilities"], days=400, webhook=receiver.url)
    before, all_accounts = everything(item), item.account_ids()
    checking = account_of(item, "checking")
    update_mode(item, [checking])
    alone = everything(item)
    assert alone["holdings"] == alone["investment_transactions"] == "NO_INVESTMENT_ACCOUNTS"
    assert alone["liabilities"] == "NO_LIABILITY_ACCOUNTS"
    assert {stream["account_id"] for stream in alone["data"]["recurring"]} == {checking}
    seen = len(receiver.received)
    update_mode(item, all_accounts)
    again = everything(item)
    assert sorted(map(str, again["data"]["recurring"])) == sorted(map(str, before["data"]["recurring"]))
    assert {**again, "data": {**again["data"], "recurring": None}} == {
        **before,
        "data": {**before["data"], "recurring": None},
    }
    item.control("webhook", webhook_type="TEST", webhook_code="LAST")
    until_last = next(count for count in range(seen, 1000) if "TEST/LAST" in codes_of(receiver, count))
    announced = set(codes_of(receiver, until_last)[seen:])
    assert announced >= {
        "HOLDINGS/DEFAULT_UPDATE",
        "INVESTMENTS_TRANSACTIONS/DEFAULT_UPDATE",
        "LIABILITIES/DEFAULT_UPDATE",
        "TRANSACTIONS/RECURRING_TRANSACTIONS_UPDATE",
    }


def codes_of(receiver: Receiver, count: int) -> list[str]:
    receiver.wait_for(count)
    return receiver.codes()[:count]


def linked_with(sim: Sim, account_names: list[str]) -> tuple[Linked, list[str]]:
    """An Item whose user chose only some accounts in Link, and the ids of all accounts."""
    consent = {"additional_consented_products": ["investments", "liabilities"]}
    token = sim.call("/link/token/create", **LINK, **consent)["link_token"]
    session = sim.control(f"/link/{token}/begin")["link_session_id"]
    login = {"username": "user_good", "password": "pass_good"}
    offered = sim.control(f"/link/{token}/log_in", link_session_id=session, **login)["accounts"]
    chosen = [account["account_id"] for account in offered if account["name"] in account_names]
    done = sim.control(f"/link/{token}/agree", link_session_id=session, account_ids=chosen)
    made = sim.call("/item/public_token/exchange", public_token=done["public_token"])
    sim.advance(10)
    item = Linked(sim, made["item_id"], made["access_token"])
    return item, [account["account_id"] for account in offered]


def test_account_deselected_in_link_can_be_shared_later_with_all_its_data(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    with running_simulator(state=file) as sim:
        whole, _ = linked_with(sim, [account["name"] for account in sim.link().call("/accounts/get")["accounts"]])
        rows, data = len(whole.truth()["transactions"]), everything(whole)["data"]
        item, all_accounts = linked_with(sim, ["Plaid Checking"])
        assert len(item.account_ids()) == 1
        assert code_of(item, "/liabilities/get") == "NO_LIABILITY_ACCOUNTS"
        cursor = item.sync(count=500)["next_cursor"]
    with running_simulator(state=file) as sim:
        item = Linked(sim, item.item_id, item.access_token)
        update_mode(item, all_accounts)
        assert sorted(item.account_ids()) == sorted(all_accounts)
        assert len(item.truth()["transactions"]) == rows
        page = item.sync(cursor, count=500)
        assert (len(page["added"]), page["removed"]) == (rows - len_of(item, all_accounts[0]), [])
        mine = everything(item)["data"]
        assert {kind: len(mine[kind]) for kind in mine} == {kind: len(data[kind]) for kind in data}
        update_mode(item, all_accounts[:1])
        update_mode(item, all_accounts)
        assert len(item.truth()["transactions"]) == rows


def len_of(item: Linked, account_id: str) -> int:
    return sum(row["account_id"] == account_id for row in item.truth()["transactions"])


def test_changes_of_a_deselected_account_are_seen_when_it_is_shared_again(sim: Sim) -> None:
    item = sim.link("user_custom", EVERYTHING)
    all_accounts = item.account_ids()
    card = account_of(item, "credit card")
    update_mode(item, [account_id for account_id in all_accounts if account_id != card])
    item.control("liabilities", change=[{"account_id": card, "minimum_payment_amount": 77}])
    assert card not in credit(item)
    update_mode(item, all_accounts)
    assert credit(item)[card]["minimum_payment_amount"] == 77


def test_all_balances_have_a_time_in_the_past(sim: Sim) -> None:
    accounts = sim.link(institution_id=BALANCE_BANK).call("/accounts/balance/get")["accounts"]
    now = datetime.now(UTC) + timedelta(seconds=float(sim.look("/clock")["ahead_seconds"]))
    assert all(parse_iso(account["balances"]["last_updated_datetime"]) <= now for account in accounts)
