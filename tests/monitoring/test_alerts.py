"""Each alert's condition, produced on the running stack and observed in its metric.

The functions' log goes through the filters, extractors and thresholds of deploy/monitoring. Where a threshold requires
problems of many users, one user's log is counted that many times.
"""

from __future__ import annotations

import json
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.domain.institution_health.evidence import HealthState, Verdict
from shared.log import JsonFormatter
from shared.usecases.institution_health.report_verdict import report_refused_pause, report_verdict
from tests.e2e.bank import wait_until
from tests.e2e.test_rotation import done
from tests.monitoring.evaluate import Line, fires
from tests.monitoring.ground import METRICS, POLICIES, Ground, firing

pytestmark = pytest.mark.timeout(240)
SYNC, FAILING = "/transactions/sync", {"sync-failures-fast", "sync-failures-slow"}


def ago(**span: float) -> datetime:
    return datetime.now(UTC) - timedelta(**span)


def test_while_all_is_well_nothing_fires(ground: Ground) -> None:
    mark = ground.mark()
    ground.works_again()
    ground.bank.run_schedule()
    log = ground.log(mark, "connections.health")
    fired = firing(log, users=20)
    assert not fired - {"stale-connections", "overdue-syncs", "queue-stuck"}  # of other tests' connections
    assert not fires(POLICIES["schedule-silent"], METRICS, log)


def test_keys_that_plaid_refuses(ground: Ground) -> None:
    mark = ground.mark()
    with ground.fault(SYNC, error_code="INVALID_API_KEYS"):
        ground.webhook("SYNC_UPDATES_AVAILABLE")
        log = ground.log(mark, "sync.ended", status="failed")
    assert {"misconfigured", "errors"} <= firing(log)
    assert FAILING & firing(log) == set()
    assert firing(log, users=6) >= FAILING | {"misconfigured"}
    assert "tokens-lost" not in firing(log, users=6)
    ground.works_again()


def test_plaid_is_down(ground: Ground) -> None:
    mark = ground.mark()
    with ground.fault(SYNC, error_code="INTERNAL_SERVER_ERROR"):
        ground.webhook("SYNC_UPDATES_AVAILABLE")
        begun = ground.log(mark, "task.ended", function="synctransactions", outcome="again")
        [task] = {line["task"] for line in begun if line["message"] == "task.ended" and line["outcome"] == "again"}
        retry = {"X-Cloudtasks-Taskname": task, "X-Cloudtasks-Taskretrycount": "1"}
        while ground.document("bank_sync_state")["status"] != "failed":
            ground.deliver("synctransactions", headers=retry)  # sooner than the queue's retry
        log = ground.log(mark, "sync.ended", status="failed")
    fired = firing(log, users=30)
    assert fired >= FAILING | {"plaid-down", "task-retries"}
    assert not fired & {"misconfigured", "plaid-rate-limits"}
    ground.works_again()


def test_plaid_is_asked_too_often_and_answers_slowly(ground: Ground) -> None:
    mark = ground.mark()
    with (
        ground.fault("/item/get", kind="latency", seconds=6.5, times=1),
        ground.fault(SYNC, kind="rate_limit", times=1, retry_after=1),
        ThreadPoolExecutor(1) as pool,
    ):
        slow = pool.submit(ground.deliver, "checkitem")
        ground.webhook("SYNC_UPDATES_AVAILABLE")
        log = ground.log(mark, "plaid.called", outcome="RATE_LIMIT_EXCEEDED")
        assert "plaid-rate-limits" in firing(log, users=11)
        slow.result()
        log = ground.log(mark, "plaid.called", endpoint="item_get")
    assert "plaid-slow" not in firing(log)
    assert "plaid-slow" in firing(log, users=11)
    assert "plaid-down" not in firing(log, users=20)
    ground.works_again()


def test_a_webhook_that_is_not_plaid_s(ground: Ground) -> None:
    mark = ground.mark()
    ground.bank.control(
        "POST", "webhooks/faults", mode="wrong_signature", item_id=ground.item_id, webhook_code="DEFAULT_UPDATE"
    )
    ground.webhook("DEFAULT_UPDATE")
    log = ground.log(mark, "call.refused", code="webhook_not_verified")
    assert "webhooks-refused" not in firing(log)
    assert "webhooks-refused" in firing(log, users=21)


def test_a_webhook_takes_effect_late(ground: Ground) -> None:
    mark = ground.mark()
    with ground.fault("/item/get", error_code="INSTITUTION_DOWN"):
        ground.webhook("NEW_ACCOUNTS_AVAILABLE", "ITEM")
        delivery = ground.waiting_webhook()
        ground.bank.backend.update(f"bank_webhook_inbox/{delivery}", {"received_at": ago(minutes=5)}).raise_for_status()
        ground.wait_for_deliveries()  # one that has read the earlier time must fail, too
    ground.deliver("handlewebhook", delivery_id=delivery)  # sooner than the queue's redelivery
    log = ground.log(mark, "webhook.handled", connection_id=ground.connection_id)
    assert "webhook-lag" not in firing(log)
    assert "webhook-lag" in firing(log, users=6)


def test_webhooks_that_never_come(ground: Ground) -> None:
    mark = ground.mark()
    ground.change("bank_connections", last_sync=ago(hours=2))
    ground.deliver("checkitem")
    log = ground.log(mark, "webhook.missing", connection_id=ground.connection_id)
    assert "webhooks-missing" not in firing(log)
    assert "webhooks-missing" in firing(log, users=4)
    ground.works_again()


def test_sync_with_a_lost_task_is_late(ground: Ground) -> None:
    mark = ground.mark()
    state = ground.document("bank_sync_state")
    wanted = {"requested": state["requested"] + 1, "wanted_since": ago(minutes=10), "due_at": ago(minutes=9)}
    ground.change("bank_sync_state", status="pending", **wanted)
    ground.bank.run_schedule()
    log = ground.log(mark, "sync.ended", connection_id=ground.connection_id, status="completed")
    assert firing(log, users=6) >= {"sync-lag-fast", "sync-lag-slow"}
    assert not firing(log, users=6) & FAILING


def test_overdue_work_and_a_stale_connection_raise_alerts(ground: Ground) -> None:
    mark = ground.mark()
    done(ground.bank, "pause", "--all")
    try:
        ground.change("bank_sync_state", due_at=ago(hours=1))
        ground.change("bank_connections", last_sync=ago(days=2))
        ground.bank.run_schedule()
        log = ground.log(mark, "connections.health")
    finally:
        done(ground.bank, "resume", "--all")
    assert firing(log, users=2) >= {"overdue-syncs", "stale-connections"}  # two scheduler runs
    assert not fires(POLICIES["schedule-silent"], METRICS, log)  # the function runs, but is refused with a retry
    ground.works_again()


def test_many_logins_break(ground: Ground) -> None:
    mark = ground.mark()
    ground.bank.control("POST", f"items/{ground.item_id}/state", state="login_required")
    log = ground.log(mark, "connection.status_changed", connection_id=ground.connection_id, after="bad")
    assert "broken-connections" not in firing(log)
    assert "broken-connections" in firing(log, users=11)
    ground.bank.control("POST", f"items/{ground.item_id}/state", state="healthy", announce=True)
    wait_until("the repair", lambda: ground.document("bank_connections")["status"] == "good")
    ground.works_again()


def test_task_waits_long_in_its_queue(ground: Ground) -> None:
    mark = ground.mark()
    due = datetime.now(UTC) - timedelta(seconds=90)
    ground.deliver("synctransactions", headers={"X-Cloudtasks-Tasketa": f"{due.timestamp():.6f}"})
    log = ground.log(mark, "task.ended", function="synctransactions")
    by_hand = [line for line in log if line["message"] == "task.ended" and not line.get("task")]
    assert "queue-wait" in firing(by_hand[-1:], users=11)


def test_an_access_token_is_lost(ground: Ground) -> None:
    bank, mark = ground.bank, ground.mark()
    order = {"kind": "half_body", "endpoint": "/item/public_token/exchange", "after": True, "times": 1}
    public_token = bank.public_token(webhook=False)
    bank.control("POST", "faults", **order)
    assert bank.exchange(ground.user, public_token).status_code == 503
    assert bank.exchange(ground.user, public_token).status_code == 400
    bank.run_schedule()
    log = ground.log(mark, "exchange.lost")
    assert {"tokens-lost", "errors"} <= firing(log)


def test_the_schedule_is_silent(ground: Ground) -> None:
    mark = ground.mark()
    ground.works_again()
    log = ground.log(mark, "sync.ended")
    assert fires(POLICIES["schedule-silent"], METRICS, log)


def test_enqueued_tasks_are_not_delivered(ground: Ground) -> None:
    mark = ground.mark()
    ground.change("bank_sync_state", due_at=ago(minutes=1))
    ground.bank.run_schedule()
    log = ground.log(mark, "task.ended", function="synctransactions")
    before = [line for line in log if line["message"] != "task.ended"]  # as long as none has succeeded
    assert "queue-stuck" not in firing(before)
    assert "queue-stuck" in firing(before, users=2)  # two scheduler runs
    assert "queue-stuck" not in firing(log)


def logged(caplog: pytest.LogCaptureFixture) -> list[Line]:
    """The lines as the functions write them."""
    lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    caplog.clear()
    return lines


def test_a_bank_goes_down(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    healthy, suspected, down = (
        Verdict(state, None, ago()) for state in (HealthState.HEALTHY, HealthState.SUSPECTED, HealthState.DOWN)
    )
    report_verdict("ins_1", healthy, suspected)
    report_verdict("ins_1", down, down)
    report_verdict("ins_1", down, healthy)
    assert "institution-down" not in firing(logged(caplog))
    report_verdict("ins_1", suspected, down)
    assert {"institution-down", "auto-pause-refused"} & firing(logged(caplog)) == {"institution-down"}


def test_a_pause_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    report_refused_pause("ins_1", Verdict(HealthState.DOWN, None, ago()), why="many_institutions")
    assert "auto-pause-refused" in firing(logged(caplog))


def test_every_alert_is_tested() -> None:
    shown = set(re.findall(r"\"([a-z]+(?:-[a-z]+)+)\"", Path(__file__).read_text(encoding="utf-8")))
    assert POLICIES.keys() - shown - {"errors", "misconfigured"} == set()
