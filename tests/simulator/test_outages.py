"""Outages of institutions, with their ground truth."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from .harness import BANK, Linked, Receiver, Refused, Sim
from .test_institution_health import status

Json = dict[str, Any]
ROW = {"amount": 1, "name": "Coffee"}


def order(sim: Sim, **outage: Any) -> Json:
    return sim.control(f"/institutions/{BANK}/health", **outage)


def intervals(sim: Sim) -> list[Json]:
    return list(sim.look(f"/institutions/{BANK}/health/truth")["intervals"])


def code(item: Linked, path: str) -> str:
    try:
        item.call(path)
    except Refused as refused:
        return str(refused.code)
    return "ok"


def failed_update(item: Linked) -> Any:
    return item.call("/item/get")["status"]["transactions"]["last_failed_update"]


def test_plaids_status_follows_the_truth_after_the_lag_at_the_start_and_at_the_end(sim: Sim) -> None:
    order(sim, success=0.05, refresh_interval="STOPPED", lag_seconds=600)
    assert status(sim)["transactions_updates"]["status"] == "HEALTHY"
    sim.advance(599)
    assert status(sim)["transactions_updates"]["status"] == "HEALTHY"
    sim.advance(2)
    assert {status(sim)[part]["status"] for part in ("transactions_updates", "item_logins", "auth")} == {"DOWN"}
    order(sim, success=0.99, lag_seconds=300)
    assert status(sim)["transactions_updates"]["status"] == "DOWN"
    sim.advance(301)
    assert status(sim)["transactions_updates"]["status"] == "HEALTHY"


def test_lag_is_between_5_and_60_minutes_unless_it_is_given(sim: Sim) -> None:
    for _ in range(20):
        order(sim, success=0)
        assert 300 <= intervals(sim)[-1]["lag_seconds"] <= 3600


def test_a_later_order_replaces_the_earlier_one_and_its_pending_status(sim: Sim) -> None:
    order(sim, success=0.05, lag_seconds=600)
    sim.advance(60)
    order(sim, success=0.99, lag_seconds=600)
    sim.advance(3600)
    assert status(sim)["item_logins"]["status"] == "HEALTHY"
    assert len(intervals(sim)) == 1


def test_truth_lists_the_intervals_with_their_scope_and_share(sim: Sim) -> None:
    order(sim, success=0.4, scope="live", connections=0.6)
    sim.advance(120)
    order(sim, scope=["data", "login"], connections=0.5)
    sim.advance(60)
    order(sim, success=1)
    first, second = intervals(sim)
    assert (first["scope"], float(first["connections"])) == (["live"], 0.6)
    assert first["end"] == second["start"] > first["start"]
    assert (second["scope"], float(second["success"])) == (["login", "data"], 0.5)
    assert second["end"] > second["start"]


def test_an_outage_ends_at_its_until(sim: Sim) -> None:
    item = sim.link()
    until = datetime.fromisoformat(sim.look("/clock")["now"]) + timedelta(hours=2)
    order(sim, success=0, lag_seconds=0, until=until.isoformat())
    assert code(item, "/transactions/refresh") == "INSTITUTION_DOWN"
    sim.advance(3 * 3600)
    assert code(item, "/transactions/refresh") == "ok"
    assert status(sim)["item_logins"]["status"] == "HEALTHY"
    assert intervals(sim)[0]["end"] is not None


def test_live_calls_fail_while_stored_data_can_be_read(sim: Sim) -> None:
    item = sim.link()
    order(sim, success=0, scope="live")
    assert {code(item, path) for path in ("/transactions/refresh", "/accounts/balance/get")} == {"INSTITUTION_DOWN"}
    assert code(item, "/liabilities/get") == "INSTITUTION_DOWN"  # the first call of a product asks the bank
    assert {code(item, path) for path in ("/transactions/sync", "/accounts/get", "/item/get")} == {"ok"}
    with pytest.raises(Refused, match="INSTITUTION_DOWN"):
        sim.link()
    order(sim, success=1)
    assert {code(item, path) for path in ("/transactions/refresh", "/liabilities/get")} == {"ok"}


def test_failures_of_plaid_itself_are_no_failures_of_the_bank(sim: Sim) -> None:
    item = sim.link()
    order(sim, success=0, error_plaid=1)
    assert code(item, "/transactions/refresh") == "INTERNAL_SERVER_ERROR"


def test_data_stops_silently_and_the_failed_update_moves(sim: Sim, receiver: Receiver) -> None:
    item = sim.link(webhook=receiver.url)
    item.sync()
    order(sim, success=0, scope="data")
    first = failed_update(item)
    assert first is not None
    sent = len(sim.look("/webhooks")["webhooks"])
    item.control("transactions", add=[ROW])
    sim.advance(2 * 3600)
    assert len(sim.look("/webhooks")["webhooks"]) == sent
    assert failed_update(item) > first
    assert code(item, "/transactions/refresh") == "ok"
    sim.advance(1)
    order(sim, success=1)
    codes = [webhook["webhook_code"] for webhook in sim.look("/webhooks")["webhooks"][sent:]]
    assert codes == ["SYNC_UPDATES_AVAILABLE"]
    found = item.call("/item/get")["status"]["transactions"]
    assert found["last_successful_update"] > found["last_failed_update"]


def test_a_first_history_waits_for_the_end(sim: Sim) -> None:
    order(sim, success=0, scope="data")
    item = sim.link()
    assert item.sync()["transactions_update_status"] == "NOT_READY"
    order(sim, success=1)
    sim.advance(10)
    assert item.sync()["transactions_update_status"] == "HISTORICAL_UPDATE_COMPLETE"


def test_a_share_of_the_items_is_hit_and_always_the_same_ones(sim: Sim) -> None:
    items = [sim.link(ready=False) for _ in range(30)]
    order(sim, connections=0.5, scope="live")
    first = [code(item, "/accounts/balance/get") for item in items]
    assert 3 < first.count("INSTITUTION_DOWN") < 27
    assert [code(item, "/accounts/balance/get") for item in items] == first


def test_a_login_storm_breaks_logins_and_heals_only_those(sim: Sim, receiver: Receiver) -> None:
    stormy, broken = sim.link(webhook=receiver.url), sim.link()
    broken.control("state", state="error", code="ITEM_LOCKED")
    order(sim, success=0.1, scope="login")
    assert (code(stormy, "/accounts/get"), code(broken, "/accounts/get")) == ("ITEM_LOGIN_REQUIRED", "ITEM_LOCKED")
    order(sim, success=1)
    assert (code(stormy, "/accounts/get"), code(broken, "/accounts/get")) == ("ok", "ITEM_LOCKED")
    codes = [webhook["webhook_code"] for webhook in sim.look("/webhooks")["webhooks"]]
    assert codes[-2:] == ["ERROR", "LOGIN_REPAIRED"]


def test_other_institutions_are_not_hit(sim: Sim) -> None:
    item = sim.link(institution_id="ins_109509")
    order(sim, success=0)
    assert code(item, "/transactions/refresh") == "ok"
    assert failed_update(item) is None


def test_status_alert_has_plaids_fields(sim: Sim, receiver: Receiver) -> None:
    order(sim, success=0.2, lag_seconds=0)
    sim.control(f"/institutions/{BANK}/alert", url=receiver.url)
    body = sim.look("/webhooks")["webhooks"][-1]["body"]
    assert body["webhook_type"] == "DASHBOARD_CONFIGURED_ALERT"
    assert body["webhook_code"] == "INSTITUTION_STATUS_ALERT_TRIGGERED"
    assert (body["institution_id"], float(body["institution_overall_success_rate"])) == (BANK, 0.2)


def test_reset_ends_outages(sim: Sim) -> None:
    order(sim, success=0, lag_seconds=60)
    sim.control("/reset")
    item = sim.link()
    sim.advance(7200)
    assert code(item, "/transactions/refresh") == "ok"
    assert intervals(sim) == []
    assert status(sim)["item_logins"]["status"] == "HEALTHY"
