"""How the guards handle exceptions and headers; tests/functions tests them through the framework."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from firebase_functions.https_fn import HttpsError
from flask import Response

from shared.domain.errors import ErrorClass, MethodNotAllowed, NotFound, NotStorable, ResourceExhausted, Unavailable
from shared.serving import container
from shared.serving.guards import event_handler, handle_errors, queue_delay, request_scope, run_steps, task_handler
from shared.serving.http import error_response
from shared.serving.rate_limits import check_refused_calls, count_if_refused, limited
from shared.serving.refused_calls import RefusedCalls
from shared.settings import Settings
from tests.fakes import problem

SECRET = "access-sandbox-11111111-2222-3333-4444-555555555555"


def raising(error: Exception) -> Response:
    raise error


@pytest.fixture
def logged() -> Iterator[list[tuple[str, str]]]:
    """Level and event of each log line: the guards replace all handlers of the root logger, including pytest's."""
    lines: list[tuple[str, str]] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() != "instance.started":
                lines.append((record.levelname, record.getMessage()))

    handler, logger = Kept(), logging.getLogger("bank")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_declared_error_is_answered_without_an_alert(logged: list[tuple[str, str]]) -> None:
    answer = handle_errors(lambda: raising(NotFound("no such connection", code="connection_not_found")))
    assert answer.status_code == 404
    assert answer.get_json()["error"]["details"] == {"code": "connection_not_found"}
    assert logged == [("INFO", "call.refused")]


def test_a_value_that_the_store_refuses_is_an_invalid_argument(logged: list[tuple[str, str]]) -> None:
    answer = handle_errors(lambda: raising(NotStorable()))
    assert (answer.status_code, answer.get_json()["error"]["details"]["code"]) == (400, "not_storable")
    assert logged == [("INFO", "call.refused")]


def test_a_bug_is_logged_and_answered_without_its_text(logged: list[tuple[str, str]]) -> None:
    answer = handle_errors(lambda: raising(RuntimeError(SECRET)))
    assert (answer.status_code, answer.get_json()["error"]["details"]["code"]) == (500, "internal")
    assert SECRET not in answer.get_data(as_text=True)
    assert logged == [("ERROR", "call.failed")]


def test_headers_say_which_method_is_allowed_and_when_to_retry() -> None:
    assert error_response(MethodNotAllowed(allowed="GET")).headers["Allow"] == "GET"
    later = error_response(Unavailable("busy", code="connection_busy", retry_after_seconds=3))
    assert later.headers["Retry-After"] == "3"
    assert later.headers["Cache-Control"] == "no-store"


def test_an_event_that_fails_does_not_raise(logged: list[tuple[str, str]]) -> None:
    @event_handler
    def handler(event: str) -> None:
        if event == "bad":
            raise RuntimeError(SECRET)

    handler("bad")
    handler("good")
    assert logged == [("ERROR", "event.failed"), ("INFO", "event.done")]


def test_a_step_that_fails_does_not_stop_the_next_ones(logged: list[tuple[str, str]]) -> None:
    taken: list[str] = []

    def broken() -> None:
        raise RuntimeError(SECRET)

    run_steps(lambda: taken.append("first"), broken, lambda: taken.append("last"))
    assert taken == ["first", "last"]
    assert logged == [("ERROR", "step.failed")]


OUTAGES = [
    Unavailable("the store did not answer", code="store_unavailable"),
    problem(ErrorClass.TRANSIENT, "INSTITUTION_DOWN"),
    problem(ErrorClass.USER, "ITEM_LOGIN_REQUIRED"),
]


@pytest.mark.parametrize("error", OUTAGES)
def test_an_outage_is_logged_as_a_warning_not_as_a_bug(
    logged: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(container, "settings", lambda: Settings(project="demo-bank"))

    @event_handler
    def event(_: str) -> None:
        raise error

    @task_handler
    def task(_: object) -> None:
        raise error

    def step() -> None:
        raise error

    event("any")
    run_steps(step)
    with pytest.raises(HttpsError):
        task(SimpleNamespace(raw_request=SimpleNamespace(headers={})))  # type: ignore[arg-type]
    assert [line for line in logged if line[0] != "INFO"] == [
        ("WARNING", "event.postponed"),
        ("WARNING", "step.postponed"),
        ("WARNING", "task.postponed"),
    ]


def test_wrong_keys_are_logged_as_an_error(logged: list[tuple[str, str]]) -> None:
    def step() -> None:
        raise problem(ErrorClass.CONFIGURATION, "INVALID_API_KEYS")

    run_steps(step)
    assert logged == [("ERROR", "step.failed")]


@pytest.mark.parametrize(
    ("headers", "retries", "waits"),
    [
        ({}, 0, False),
        ({"X-Cloudtasks-Tasketa": "soon"}, 0, False),
        ({"X-Cloudtasks-Tasketa": "nan"}, 0, False),
        ({"X-Cloudtasks-Tasketa": "1.5", "X-Cloudtasks-Taskretrycount": "2"}, 2, False),
        ({"X-Cloudtasks-Tasketa": "1.5", "X-Cloudtasks-Taskretrycount": "-1"}, 0, True),
        ({"X-Cloudtasks-Tasketa": "1.5"}, 0, True),
    ],
)
def test_only_a_first_delivery_logs_its_queue_delay(headers: dict[str, str], retries: int, waits: bool) -> None:
    delay = queue_delay(headers)
    assert delay["retries"] == retries
    assert (delay["waited_seconds"] is not None) is waits


def test_a_task_that_is_delivered_early_has_waited_for_nothing() -> None:
    assert queue_delay({"X-Cloudtasks-Tasketa": str(time.time() + 60)})["waited_seconds"] == 0.0


def test_a_scope_has_a_trace_and_measures_time() -> None:
    with request_scope("a_function", dict[str, str]()) as scope:
        assert len(scope.trace_id) == 32
        assert scope.elapsed_ms() >= 0


class Clock:
    def now(self) -> datetime:
        return datetime(2026, 3, 1, tzinfo=UTC)


class Spent:
    def spend(self, *_: object, **__: object) -> int:
        return 17


def test_a_spent_limit_says_when_to_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "limits", Spent)
    monkeypatch.setattr(container, "clock", Clock)
    with pytest.raises(ResourceExhausted) as raised:
        limited("alice", "sync", 5)
    assert (raised.value.code, raised.value.retry_after_seconds) == ("rate_limited", 17)


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (NotFound("no", code="connection_not_found"), True),
        (NotStorable(), True),
        (Unavailable("no", code="store_unavailable"), False),
        (RuntimeError("a bug"), False),
    ],
)
def test_only_refusals_of_the_caller_count(monkeypatch: pytest.MonkeyPatch, error: Exception, counts: bool) -> None:
    refused = RefusedCalls(per_minute=1)
    monkeypatch.setattr(container, "refused_calls", lambda: refused)
    monkeypatch.setattr(container, "clock", Clock)
    with pytest.raises(type(error)), count_if_refused("alice"):
        raise error
    if counts:
        with pytest.raises(ResourceExhausted):
            check_refused_calls("token", "alice")
    else:
        check_refused_calls("token", "alice")
