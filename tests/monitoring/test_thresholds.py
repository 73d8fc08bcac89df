"""One recorded log just below each alert's threshold, and one just above it.

A log is a list of lines as the functions write them, each with the number of times that it was logged within the
alert's windows.
"""

from __future__ import annotations

from typing import Any

import pytest

from deploy.monitoring_setup import metrics, policies
from shared.contract.log_events import KEY_EVENTS
from tests.monitoring.evaluate import Line, fires
from tests.monitoring.test_definitions import logged

METRICS, POLICIES = metrics(), policies()
Log = list[tuple[int, Line]]


def line(message: str, /, severity: str = "INFO", **fields: Any) -> Line:
    return {"severity": severity, "message": message, "logger": "bank", **fields}


def sync(status: str = "completed", lag: float | None = 4.2, **fields: Any) -> Line:
    known: dict[str, Any] = {"status": status, "retryable": status == "failed", "source": "ins_109508", "first": False}
    return line("sync.ended", **known, lag_seconds=lag, seconds=1.3, **fields)


def call(outcome: str = "ok", seconds: float = 0.4) -> Line:
    return line("plaid.called", endpoint="transactions_sync", outcome=outcome, seconds=seconds)


def task(**fields: Any) -> Line:
    return line("task.ended", **{"function": "synctransactions", "outcome": "done", "retries": 0, **fields})


def health(**figures: float) -> Line:
    all_figures: dict[str, Any] = {"stale": 0, "longest_overdue_seconds": 0, **figures}
    return line("connections.health", **all_figures)


def handled(lag: float) -> Line:
    return line("webhook.handled", type="ITEM", code="ERROR", lag_seconds=lag)


FAILED, LATE, DOWN = sync("failed", None), sync(lag=300.5), call("TRANSPORT")
ENQUEUING, IDLE = line("schedule.done", enqueued=1, held=0), line("schedule.done", enqueued=0, held=0)
BROKEN = line("connection.status_changed", "WARNING", after="bad", error_code="ITEM_LOGIN_REQUIRED")
REFUSED = line("call.refused", "WARNING", function="plaid_webhook", code="webhook_not_verified")
LOST = line("exchange.lost", "CRITICAL")
LIMITED = call("RATE_LIMIT_EXCEEDED")
KEYS = "sync.provider_error"

SUSPECTED = line("institution.suspected", institution_id="ins_1")
REFUSED_PAUSE = line("institution.pause_refused", "ERROR", institution_id="ins_1")
BANK_DOWN = line("institution.down", "WARNING", institution_id="ins_1")

RECORDED: dict[str, list[tuple[Log, Log]]] = {
    "auto-pause-refused": [([(9, SUSPECTED)], [(1, REFUSED_PAUSE)])],
    "broken-connections": [([(10, BROKEN)], [(11, BROKEN)])],
    "errors": [([(9, line("sync.bug", "WARNING"))], [(1, line("sync.bug", "ERROR"))])],
    "institution-down": [([(9, SUSPECTED)], [(1, BANK_DOWN)])],
    "misconfigured": [([(9, line(KEYS, fault="transient"))], [(1, line(KEYS, fault="configuration"))])],
    "overdue-syncs": [
        ([(2, health(longest_overdue_seconds=2700))], [(2, health(longest_overdue_seconds=2700.5))]),
        ([(2, health(longest_overdue_seconds=2220))], [(2, health(longest_overdue_seconds=2701))]),
        ([(1, health(longest_overdue_seconds=9000)), (1, health())], [(2, health(longest_overdue_seconds=9000))]),
    ],
    "plaid-down": [
        ([(20, DOWN), (80, call())], [(21, DOWN), (79, call())]),
        ([(10, DOWN)], [(11, DOWN)]),
    ],
    "plaid-rate-limits": [
        ([(15, LIMITED), (285, call())], [(16, LIMITED), (284, call())]),
        ([(10, LIMITED)], [(11, LIMITED)]),
    ],
    "plaid-slow": [
        ([(15, call(seconds=6.1)), (285, call())], [(16, call(seconds=6.1)), (284, call())]),
        ([(300, call(seconds=5.9))], [(300, call(seconds=6.1))]),
        ([(10, call(seconds=30))], [(11, call(seconds=30))]),
    ],
    "queue-stuck": [
        ([(2, ENQUEUING), (2, IDLE)], [(3, ENQUEUING), (1, IDLE)]),
        ([(1, ENQUEUING)], [(2, ENQUEUING)]),
        ([(4, ENQUEUING), (1, task())], [(4, ENQUEUING)]),
    ],
    "queue-wait": [
        ([(15, task(waited_seconds=61)), (285, task(waited_seconds=2))],
         [(16, task(waited_seconds=61)), (284, task(waited_seconds=2))]),
        ([(99, task(waited_seconds=59))], [(99, task(waited_seconds=61))]),
        ([(10, task(waited_seconds=90))], [(11, task(waited_seconds=90))]),
    ],
    "schedule-silent": [([(1, IDLE)], [(9, health())])],
    "stale-connections": [
        ([(4, health(stale=0))], [(4, health(stale=1))]),
        ([(1, health(stale=7)), (3, health())], [(2, health(stale=7)), (2, health())]),
    ],
    "sync-failures-fast": [
        ([(144, FAILED), (856, sync())], [(145, FAILED), (855, sync())]),
        ([(5, FAILED)], [(6, FAILED)]),
    ],
    "sync-failures-slow": [
        ([(6, FAILED), (94, sync())], [(7, FAILED), (93, sync())]),
        ([(5, FAILED)], [(6, FAILED)]),
    ],
    "sync-lag-fast": [
        ([(72, LATE), (28, sync())], [(73, LATE), (27, sync())]),
        ([(9, sync(lag=300))], [(9, LATE)]),
        ([(5, LATE)], [(6, LATE)]),
    ],
    "sync-lag-slow": [
        ([(30, LATE), (70, sync())], [(31, LATE), (69, sync())]),
        ([(5, LATE)], [(6, LATE)]),
    ],
    "task-retries": [
        ([(60, task(retries=1)), (60, task())], [(61, task(retries=1)), (60, task())]),
        ([(50, task(retries=1))], [(51, task(retries=1))]),
    ],
    "tokens-lost": [([(9, line("connection.created"))], [(1, LOST)])],
    "webhook-lag": [
        ([(6, handled(121)), (114, handled(3))], [(7, handled(121)), (113, handled(3))]),
        ([(99, handled(119))], [(99, handled(121))]),
        ([(5, handled(500))], [(6, handled(500))]),
    ],
    "webhooks-missing": [([(3, line("webhook.missing"))], [(4, line("webhook.missing"))])],
    "webhooks-refused": [([(20, REFUSED)], [(21, REFUSED)])],
}  # fmt: skip
CASES = [(name, below, above) for name, pairs in RECORDED.items() for below, above in pairs]


def lines(log: Log) -> list[Line]:
    return [one for times, one in log for _ in range(times)]


@pytest.mark.parametrize(("name", "below", "above"), CASES, ids=[name for name, *_ in CASES])
def test_alert_fires_just_above_its_threshold_and_not_just_below(name: str, below: Log, above: Log) -> None:
    assert not fires(POLICIES[name], METRICS, lines(below))
    assert fires(POLICIES[name], METRICS, lines(above))


def test_every_alert_has_a_recorded_log() -> None:
    assert RECORDED.keys() == POLICIES.keys()


def test_recorded_lines_are_events_that_the_code_logs() -> None:
    known = dict(logged())
    recorded = {str(one["message"]) for _, below, above in CASES for _, one in (*below, *above)}
    assert recorded <= known.keys() | KEY_EVENTS.keys()
