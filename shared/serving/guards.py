"""The guards: each trigger is wrapped by one of them.

    authenticated_endpoint   HTTP functions for signed-in users, by REST and by the callable protocol
    public_endpoint          other HTTP functions
    event_handler            events and schedules
    task_handler             task queues

They bind the log lines to the trigger and its trace, and translate errors: no exception's text leaves the backend.
"""

import functools
import itertools
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from firebase_functions import https_fn
from flask import Request, Response
from pydantic import BaseModel

from shared import trace
from shared.domain.errors import BankError, ErrorClass, InvalidArgument, NotStorable, ServiceError, Unavailable
from shared.log import age, configure, log
from shared.serving import container
from shared.serving.authentication import authenticate, require_tasks_account
from shared.serving.cors import add_cors_headers, preflight_response
from shared.serving.http import REQUEST_ID, Reply, Route, error_response, json_response
from shared.serving.rate_limits import count_if_refused
from shared.serving.request_fields import read_callable, read_rest, validate

HEALTH_PATH = "/__/health"

Input = TypeVar("Input", bound=BaseModel)
Event = TypeVar("Event")
Task = https_fn.CallableRequest[dict[str, object]]
Handler = Callable[[str, Input], Reply]

_requests = itertools.count()


def authenticated_endpoint(
    route: Route, model: type[Input]
) -> Callable[[Handler[Input]], Callable[[Request], Response]]:
    """Wraps a handler `(uid, input) -> Reply` as an HTTP function for signed-in users.

    Args:
        route: Its REST route.
        model: The model of its input.
    """

    def decorate(handler: Handler[Input]) -> Callable[[Request], Response]:
        @functools.wraps(handler)
        def endpoint(request: Request) -> Response:
            if request.path == HEALTH_PATH:
                return Response("ok")
            if request.method == "OPTIONS":
                return preflight_response(request)

            def respond() -> Response:
                is_rest = request.path.startswith("/api/")
                fields = read_rest(request, route) if is_rest else read_callable(request)
                uid = authenticate(request)
                with count_if_refused(uid):
                    reply = handler(uid, validate(model, fields, from_text=is_rest and route.method != "POST"))
                return json_response(reply.body, reply.status) if is_rest else json_response({"result": reply.body})

            return add_cors_headers(request, _answer(handler.__name__, request, respond))

        return endpoint

    return decorate


def public_endpoint(handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Wraps an HTTP function that is not for signed-in users; its errors are returned in the contract's form."""

    @functools.wraps(handler)
    def endpoint(request: Request) -> Response:
        if request.path == HEALTH_PATH:
            return Response("ok")
        return _answer(handler.__name__, request, lambda: handler(request))

    return endpoint


def event_handler(handler: Callable[[Event], None]) -> Callable[[Event], None]:
    """Wraps a trigger or a scheduled function. It is not retried, so an escaping exception is logged as a bug."""

    @functools.wraps(handler)
    def handle(event: Event) -> None:
        with request_scope(handler.__name__, dict[str, str]()) as scope:
            try:
                handler(event)
            except Exception as error:  # noqa: BLE001 (the SDK would log its text, which may contain secrets)
                if (code := outage_code(error)) is not None:
                    log.warning("event.postponed", code=code)
                else:
                    log.exception("event.failed")
            else:
                log.info("event.done", ms=scope.elapsed_ms())

    return handle


def run_steps(*steps: Callable[[], object]) -> None:
    """Runs all steps of a scheduled function; a failed step is logged and does not stop the next ones."""
    for step in steps:
        try:
            step()
        except Exception as error:  # noqa: BLE001 (as in event_handler)
            if (code := outage_code(error)) is not None:
                log.warning("step.postponed", step=step.__name__, code=code)
            else:
                log.exception("step.failed", step=step.__name__)


def outage_code(error: Exception) -> str | None:
    """The code of an error that is no fault of the backend: an outage, or a refusal that the user must resolve.

    None for a bug, and for wrong keys or requests (class CONFIGURATION), which an operator must fix.
    """
    if isinstance(error, ServiceError):
        return None if error.error_class is ErrorClass.CONFIGURATION else error.error_code
    return error.code if isinstance(error, Unavailable) else None


def task_handler(handler: Callable[[Task], None]) -> Callable[[Task], None]:
    """Wraps a task function; an escaping exception makes Cloud Tasks deliver the task again."""

    @functools.wraps(handler)
    def handle(task: Task) -> None:
        headers = task.raw_request.headers
        with request_scope(handler.__name__, headers, task=headers.get("X-Cloudtasks-Taskname", "")) as scope:
            require_tasks_account(headers, settings=container.settings())
            outcome = "again"
            try:
                handler(task)
                outcome = "done"
            except https_fn.HttpsError:
                raise
            except Exception as error:  # noqa: BLE001 (as in event_handler)
                if (code := outage_code(error)) is not None:
                    log.warning("task.postponed", code=code)
                else:
                    outcome = "failed"
                    log.exception("task.failed")
                raise https_fn.HttpsError(https_fn.FunctionsErrorCode.UNAVAILABLE, "deliver again") from None
            finally:
                log.info("task.ended", outcome=outcome, ms=scope.elapsed_ms(), **queue_delay(headers))

    return handle


def queue_delay(headers: trace.Headers) -> dict[str, Any]:
    """The number of earlier deliveries of a task and, at the first delivery, its wait in the queue.

    Headers: https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler
    """
    text = headers.get("X-Cloudtasks-Taskretrycount", "0")
    retries = int(text) if text.isdecimal() else 0
    try:
        due = float(headers.get("X-Cloudtasks-Tasketa", ""))
    except ValueError:
        due = math.nan
    counts = retries == 0 and math.isfinite(due)
    waited = max(0.0, round(container.clock().now().timestamp() - due, 3)) if counts else None
    return {"retries": retries, "waited_seconds": waited}


@dataclass(frozen=True, slots=True)
class RequestScope:
    """The trace and start time of one call, event or delivery."""

    trace_id: str
    began: float

    def elapsed_ms(self) -> int:
        """Milliseconds since the start."""
        return round((time.monotonic() - self.began) * 1000)


@contextmanager
def request_scope(function: str, headers: trace.Headers, **fields: Any) -> Iterator[RequestScope]:
    """Binds every log line of the block to the function, to the fields, and to the trace that the headers name."""
    current, is_first = trace.Trace.of(headers), next(_requests) == 0
    configure()
    with trace.within(current), log.bound(function=function, **fields):
        if is_first:
            log.info("instance.started", seconds=age())
        yield RequestScope(current.trace_id, time.monotonic())


def _answer(function: str, request: Request, respond: Callable[[], Response]) -> Response:
    # Callers must not choose the trace, or they could mix their log lines with those of another call. Google's front
    # end passes on the caller's headers, so the trace that they name is only logged.
    named = trace.Trace.named(request.headers)
    with request_scope(function, dict[str, str]()) as scope:
        response = handle_errors(respond)
        fields = {"caller_trace": named.trace_id} if named is not None else {}
        log.info("call.answered", http=response.status_code, ms=scope.elapsed_ms(), **fields)
    response.headers[REQUEST_ID] = scope.trace_id
    return response


def handle_errors(respond: Callable[[], Response]) -> Response:
    """The response, or the raised error in the contract's form."""
    try:
        return respond()
    except BankError as error:
        log.info("call.refused", status=error.status, code=error.code)
        return error_response(error)
    except Exception:  # noqa: BLE001 (the last guard: callers must never see a stack trace)
        return error_response(internal_error())


def internal_error() -> BankError:
    """Logs the unexpected exception that is being handled, and returns the error for the caller.

    A value that Firestore refuses came with the request and passed our validation: that is an invalid argument, not a
    bug.
    """
    if isinstance(sys.exception(), NotStorable):
        log.info("call.refused", status=InvalidArgument.status, code="not_storable")
        return InvalidArgument("a value of the request cannot be stored", code="not_storable")
    log.exception("call.failed")
    return BankError("internal error; it has been logged", code="internal")
