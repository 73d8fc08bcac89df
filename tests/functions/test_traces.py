"""Every log line of a call names its trace, and all work that follows from the call keeps the trace."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import example, given
from hypothesis import strategies as st

from shared import trace
from shared.domain.sync_state import SyncState
from shared.log import JsonFormatter, log
from shared.serving import container
from shared.trace import Trace
from tests.functions.conftest import EXCHANGE, SIGNED_IN, body, client
from tests.usecases.conftest import World

ID = "0af7651916cd43dd8448eb211c80319c"
CALLED = {"traceparent": f"00-{ID}-b7ad6b7169203331-01"}


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """The log output."""
    printed: list[dict[str, Any]] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            printed.append(json.loads(self.format(record)))

    handler, logger = Kept(), logging.getLogger("bank")
    handler.setFormatter(JsonFormatter())
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield printed
    logger.removeHandler(handler)
    logger.setLevel(level)


def traces(lines: list[dict[str, Any]]) -> set[str]:
    assert lines
    return {line["logging.googleapis.com/trace"].rpartition("/")[2] for line in lines}


@pytest.mark.parametrize(
    ("header", "value", "span"),
    [
        ("traceparent", f"00-{ID}-b7ad6b7169203331-01", "b7ad6b7169203331"),
        ("traceparent", f"cc-{ID}-b7ad6b7169203331-01-what-will-come", "b7ad6b7169203331"),
        ("X-Cloud-Trace-Context", f"{ID}/255;o=1", "00000000000000ff"),
        ("X-Cloud-Trace-Context", ID.upper(), None),
    ],
)
def test_a_trace_is_taken_from_the_request(header: str, value: str, span: str | None) -> None:
    found = Trace.of({header: value})
    assert found.trace_id == ID
    assert span is None or found.span_id == span


@given(st.text(max_size=80))
@example(f"00-{'0' * 32}-b7ad6b7169203331-01")
@example(f"00-{ID}-{'0' * 16}-01")
@example(f"ff-{ID}-b7ad6b7169203331-01")
@example(f"00-{ID.upper()}-b7ad6b7169203331-01")
def test_unusable_trace_header_starts_a_new_trace(text: str) -> None:
    found = Trace.of({"traceparent": text, "X-Cloud-Trace-Context": text[:31]})
    assert Trace.parse(found.header()) == found
    assert found.trace_id != ID


def test_work_without_a_trace_changes_nothing() -> None:
    here = Trace.new()
    with trace.within(here):
        with trace.resumed(None), trace.resumed("nonsense"):
            assert trace.current() is here
        with trace.resumed(CALLED["traceparent"]):
            assert trace.carried() == CALLED["traceparent"]
        assert trace.current() is here
    assert trace.carried() is None


def test_an_answer_names_its_trace_and_so_does_every_line(
    exchange: FlaskClient, world: World, lines: list[dict[str, Any]]
) -> None:
    world.plaid.new_item()
    answer = exchange.post(EXCHANGE, json={"public_token": "public-1"}, headers=SIGNED_IN | CALLED)
    assert answer.status_code == 201
    assert traces(lines) == {answer.headers["X-Request-Id"]}
    assert {line["function"] for line in lines} == {"exchange_public_token"}
    events = [line["message"] for line in lines]
    assert events[-3:] == ["token.exchanged", "connection.created", "call.answered"]
    assert all(line["time"] for line in lines)


@pytest.mark.parametrize(
    "headers", [CALLED, {"X-Cloud-Trace-Context": f"{ID}/1;o=1"}, {"Traceparent": f"00-{ID}-{'1' * 16}-00"}]
)
@pytest.mark.parametrize("status", [201, 400, 401])
def test_callers_cannot_choose_the_trace_and_their_header_is_logged(
    exchange: FlaskClient, world: World, lines: list[dict[str, Any]], headers: dict[str, str], status: int
) -> None:
    world.plaid.new_item()
    signed_in = SIGNED_IN if status != 401 else {}
    answer = exchange.post(
        EXCHANGE, json={"public_token": "public-1"} if status == 201 else {}, headers={**headers, **signed_in}
    )
    assert answer.status_code == status
    assert answer.headers["X-Request-Id"] != ID
    assert traces(lines) == {answer.headers["X-Request-Id"]}
    assert [line.get("caller_trace") for line in lines if line["message"] == "call.answered"] == [ID]


def test_webhooks_cannot_choose_the_trace(world: World, lines: list[dict[str, Any]]) -> None:
    for hook in client("plaid_webhook"):
        assert hook.post("/api/v1/bank/webhook", json={}, headers=CALLED).headers["X-Request-Id"] != ID
    assert ID not in traces(lines)


def test_a_refusal_names_its_trace_too_and_browsers_may_read_it(exchange: FlaskClient, world: World) -> None:
    answer = exchange.post(EXCHANGE, json={}, headers={"Origin": "https://app.example"})
    assert answer.status_code == 401
    assert len(answer.headers["X-Request-Id"]) == 32
    assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]
    assert exchange.post(EXCHANGE, json={}).headers["X-Request-Id"] != answer.headers["X-Request-Id"]


def test_a_connection_keeps_the_trace_of_its_call_for_the_sync(exchange: FlaskClient, world: World) -> None:
    world.plaid.new_item()
    answer = exchange.post(EXCHANGE, json={"public_token": "public-1"}, headers=SIGNED_IN | CALLED)
    state = world.state(body(answer)["connection_id"])
    kept = Trace.parse(state.trace)
    assert kept is not None
    assert kept.trace_id == answer.headers["X-Request-Id"]
    assert state.source == body(answer)["institution_id"]


def test_run_belongs_to_the_trace_of_the_request_that_it_serves(world: World, lines: list[dict[str, Any]]) -> None:
    world.connected()
    state, version = world.store.states["1"].state, world.store.states["1"].version
    world.store.save(state.model_copy(update={"trace": CALLED["traceparent"]}), expected=version)
    world.sync()
    assert traces(lines) == {ID}
    assert [line["message"] for line in lines if line["message"].startswith("sync.")] == [
        "sync.started",
        "sync.page",
        "sync.ended",
    ]
    assert {line["connection_id"] for line in lines} == {"1"}


FIRST, SECOND, THIRD = (Trace.new().header() for _ in range(3))


@pytest.mark.parametrize("history_complete", [True, False])
def test_trace_continues_until_the_requested_data_arrived(history_complete: bool) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    asked = SyncState.new(connection_id="1", app_user_id="alice", now=now, trace=FIRST)
    waiting = asked.request(now=now, trace=SECOND)
    assert waiting.trace == FIRST, "a repeated request joins the first"
    running = waiting.claim(now=now, owner="a#1").request(now=now, trace=SECOND).request(now=now, trace=THIRD)
    paused = running.pause(now=now)
    assert paused.trace == FIRST
    assert paused.next_trace == SECOND
    again = paused.claim(now=now, owner="a#2")
    done = again.complete(now=now, cursor="c", history_complete=history_complete)
    assert (done.trace, done.next_trace) == (FIRST, None), "the second claim served all three"
    late = again.request(now=now, trace=THIRD).complete(now=now, cursor="c", history_complete=history_complete)
    assert (late.trace, late.next_trace) == (THIRD, None), "one more run follows, for the third"
    assert done.request(now=now, trace=THIRD).trace == THIRD


def test_poll_has_its_own_trace(world: World) -> None:
    world.connected()
    world.settle()
    before = world.state().trace
    world.clock.move(world.state().due_at - world.clock.at)  # type: ignore[operator]
    world.tick()
    world.tick()
    assert world.state().trace is not None
    assert world.state().trace != before


def test_task_lines_name_the_task(world: World, lines: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    world.connected()
    for name, fake in (("tasks", world.queue), ("status_events", world.status_events)):
        monkeypatch.setattr(container, name, lambda fake=fake: fake)
    headers = CALLED | {"X-Cloudtasks-Taskname": "t1", "X-Cloudtasks-Taskretrycount": "2"}
    for delivering in client("synctransactions"):
        answer = delivering.post("/", json={"data": {"connection_id": "1"}}, headers=headers)
        assert answer.status_code == 200
    last = lines[-1]
    assert (last["message"], last["function"], last["task"], last["retries"]) == (
        "task.ended",
        "synctransactions",
        "t1",
        2,
    )
    assert traces([last]) == {ID}


def test_fields_are_those_of_cloud_logging(monkeypatch: pytest.MonkeyPatch, lines: list[dict[str, Any]]) -> None:
    monkeypatch.setenv("GCLOUD_PROJECT", "demo-bank")
    with trace.resumed(CALLED["traceparent"]):
        log.info("sync.started", attempt=1)
    assert lines[0]["logging.googleapis.com/trace"] == f"projects/demo-bank/traces/{ID}"
    assert lines[0]["logging.googleapis.com/spanId"] == "b7ad6b7169203331"
    assert lines[0]["logging.googleapis.com/trace_sampled"] is True
