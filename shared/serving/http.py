"""The guard that every trigger wears: who calls, is the call well formed, and what becomes of an error.

An HTTP function answers two ways from one handler: REST, on its path under `/api/v1/` (through Hosting), and the
callable protocol of the Firebase client SDKs (https://firebase.google.com/docs/functions/callable-reference) on its
own URL.
"""

import functools
import itertools
import json
import math
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from firebase_functions import https_fn
from flask import Request, Response, current_app, has_app_context, has_request_context
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from shared import request_context, trace
from shared.domain.errors import (
    BankError,
    InvalidArgument,
    MethodNotAllowed,
    NotFound,
    NotStorable,
    PayloadTooLarge,
    ResourceExhausted,
    Unauthenticated,
)
from shared.log import age, configure, log
from shared.serving import container
from shared.serving.emulators_only import check_emulators
from shared.serving.task_caller import require_tasks_account

MAX_BODY_BYTES = 256 * 1024  # ten items with every account of theirs are a tenth of it
HEALTH_PATH = "/__/health"
TURN_SECONDS = 0.0005
APP_CHECK = "X-Firebase-AppCheck"  # where the Firebase SDKs put the token of App Check
REQUEST_ID = "X-Request-Id"  # of every answer: with it, `make trace` tells the whole story

_HEADERS = "authorization, content-type, x-firebase-appcheck"
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_HEADER_NAMES = re.compile(r"[A-Za-z0-9-]+(?: ?, ?[A-Za-z0-9-]+){0,30}")

Input = TypeVar("Input", bound=BaseModel)
Event = TypeVar("Event")
Task = https_fn.CallableRequest[dict[str, object]]


class StrictInput(BaseModel):
    """What a function takes: nothing unknown, nothing converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, given: Any) -> Any:
        """The SDKs send what is undefined as null."""
        if not isinstance(given, dict):
            return given
        return {name: value for name, value in given.items() if value is not None or name not in cls.model_fields}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: the body, and the REST status (the callable protocol knows only 200)."""

    body: dict[str, Any]
    status: int = 200


Handler = Callable[[str, Input], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """Where REST finds a function. A `{name}` in the path becomes a field of the input."""

    method: str
    path: str
    lists: frozenset[str] = field(default_factory=frozenset)  # query fields that may be repeated

    def match(self, path: str) -> dict[str, str] | None:
        """The path's fields, or None if it is another path."""
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.path))
        found = re.fullmatch(pattern, path)
        return found.groupdict() if found else None


def http_function(route: Route, takes: type[Input]) -> Callable[[Handler[Input]], Callable[[Request], Response]]:
    """Wraps a handler `(uid, input) -> Reply` as an HTTP function for signed-in users.

    Args:
        route: Its REST route.
        takes: The model of its input.
    """

    def decorate(handler: Handler[Input]) -> Callable[[Request], Response]:
        @functools.wraps(handler)
        def guarded(request: Request) -> Response:
            if request.path == HEALTH_PATH:
                return Response("ok")
            if request.method == "OPTIONS":
                return _with_cors(request, Response(status=204))

            def answer() -> Response:
                is_rest = request.path.startswith("/api/")
                fields, from_text = _read_rest(request, route) if is_rest else _read_callable(request)
                uid = _caller(request)
                with _counted_if_refused(uid):
                    reply = handler(uid, _validated(takes, fields, from_text=from_text))
                return json_response(reply.body, reply.status) if is_rest else json_response({"result": reply.body})

            return _with_cors(request, _told(handler.__name__, request, answer))

        return guarded

    return decorate


_requests = itertools.count()


def take_turns() -> None:
    """Threads of a process take turns ten times as often as Python has them.

    A run waits for the answer to a commit while its other thread reads the next page, and gets Python's lock back only
    when that one's turn is over: after 5 ms, some times a page. It costs no CPU that could be measured.
    """
    sys.setswitchinterval(TURN_SECONDS)


def prepare_for_requests() -> None:
    """What has to be ours before a request comes: the log, and the framework's own answers.

    The SDK speaks of what it refuses before a function is called. And a path that the framework does not route (one
    with a line break) never comes to a function: its 404 is in the contract's form, too.

    The framework loads main.py within its application, before any request; discovery, which serves nothing of ours,
    without one or while it answers its own.
    """
    if has_app_context() and not has_request_context():
        check_emulators(os.environ)  # here, so that a worker does not even start
        configure()
        take_turns()
        current_app.register_error_handler(404, lambda _: error_response(_no_path()))


def _no_path() -> NotFound:
    return NotFound("no such path", code="path_not_found")


def guarded_request(handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """The guard of HTTP functions that are not for signed-in users: errors in the contract's form, no stack."""

    @functools.wraps(handler)
    def guarded(request: Request) -> Response:
        if request.path == HEALTH_PATH:
            return Response("ok")
        return _told(handler.__name__, request, lambda: handler(request))

    return guarded


def open_to_apps(handler: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """Lets browser apps read the answers of an HTTP function that is no route of theirs."""

    @functools.wraps(handler)
    def opened(request: Request) -> Response:
        preflight = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        return _with_cors(request, Response(status=204) if preflight else handler(request))

    return opened


def guarded_event(handler: Callable[[Event], None]) -> Callable[[Event], None]:
    """The guard of events and schedules: nobody delivers them again, so what escapes is a bug, and recorded as one."""

    @functools.wraps(handler)
    def guarded(event: Event) -> None:
        with _story(handler.__name__, dict[str, str]()) as story:
            try:
                handler(event)
            except Exception:  # noqa: BLE001 (the SDK would log the exception's text, and that may hold anything)
                log.exception("event.failed")
            else:
                log.info("event.done", ms=story.ms())

    return guarded


def each_by_itself(*steps: Callable[[], object]) -> None:
    """Takes all steps of a schedule: one that fails is recorded, and does not stop the others."""
    for step in steps:
        try:
            step()
        except Exception:  # noqa: BLE001 (as above)
            log.exception("step.failed", step=step.__name__)


def guarded_task(handler: Callable[[Task], None]) -> Callable[[Task], None]:
    """The guard of task queues: whatever escapes makes the queue deliver the task again."""

    @functools.wraps(handler)
    def guarded(task: Task) -> None:
        headers = task.raw_request.headers
        with _story(handler.__name__, headers, task=headers.get("X-Cloudtasks-Taskname", "")) as story:
            require_tasks_account(headers, settings=container.settings())
            outcome = "again"
            try:
                handler(task)
                outcome = "done"
            except https_fn.HttpsError:
                raise
            except Exception:  # noqa: BLE001 (as above)
                outcome = "failed"
                log.exception("task.failed")
                raise https_fn.HttpsError(https_fn.FunctionsErrorCode.UNAVAILABLE, "deliver again") from None
            finally:
                log.info("task.ended", outcome=outcome, ms=story.ms(), **_waited(headers))

    return guarded


def _waited(headers: trace.Headers) -> dict[str, Any]:
    """How often the queue had delivered a task before, and, of a first delivery, how long it had waited.

    Headers: https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler
    """
    text = headers.get("X-Cloudtasks-Taskretrycount", "0")
    retries = int(text) if text.isdecimal() else 0
    try:
        due = float(headers.get("X-Cloudtasks-Tasketa", ""))
    except ValueError:
        due = math.nan
    waited = max(0.0, round(time.time() - due, 3)) if retries == 0 and math.isfinite(due) else None
    return {"retries": retries, "waited_seconds": waited}


def error_response(error: BankError) -> Response:
    """An error in the contract's form, which is the callable protocol's too."""
    response = json_response({"error": error.form()}, error.http)
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = error.allowed
    if error.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def json_response(body: dict[str, Any], status: int = 200) -> Response:
    """JSON that nobody caches: many answers hold tokens or a user's data."""
    response = Response(json.dumps(body), status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def read_body(request: Request) -> bytes:
    """The raw body.

    The framework reads a body to its end whatever is answered, so nothing is gained by reading less; the platform takes
    32 MiB at most: https://cloud.google.com/functions/quotas

    Raises:
        PayloadTooLarge: It is longer than MAX_BODY_BYTES.
    """
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise PayloadTooLarge("the body is too large", code="body_too_large")
    raw = request.get_data(cache=True)
    if len(raw) > MAX_BODY_BYTES:
        raise PayloadTooLarge("the body is too large", code="body_too_large")
    return raw


def parse_object(raw: bytes) -> dict[str, Any]:
    """A JSON object; nothing at all is an empty one.

    Raises:
        InvalidArgument: It is something else.
    """
    if not raw.strip():
        return {}
    try:
        parsed = json.loads(raw)
    except (ValueError, RecursionError):
        raise InvalidArgument("the body is not JSON", code="body_not_json") from None
    if not isinstance(parsed, dict):
        raise InvalidArgument("the body is not a JSON object", code="body_not_an_object")
    return parsed


@dataclass(frozen=True, slots=True)
class _Story:
    """The lines of one call, event or delivery."""

    trace_id: str
    began: float

    def ms(self) -> int:
        return round((time.monotonic() - self.began) * 1000)


@contextmanager
def _story(function: str, headers: trace.Headers, **about: Any) -> Iterator[_Story]:
    """Every line within says which function it is of, and belongs to the trace that the headers name."""
    told, first = trace.Trace.of(headers), next(_requests) == 0
    configure()
    with trace.within(told), log.bound(function=function, **about):
        if first:
            log.info("instance.started", seconds=age())
        yield _Story(told.trace_id, time.monotonic())


def _told(function: str, request: Request, answer: Callable[[], Response]) -> Response:
    # Callers choose no trace: one who sent another call's would mix that call's log lines with their own. Google's
    # front end passes a caller's on, so its headers are a caller's, too; what they name is noted, to find the call by.
    named = trace.Trace.named(request.headers)
    with _story(function, dict[str, str]()) as story:
        response = _translated(answer)
        noted = {"caller_trace": named.trace_id} if named is not None else {}
        log.info("call.answered", http=response.status_code, ms=story.ms(), **noted)
    response.headers[REQUEST_ID] = story.trace_id
    return response


def _translated(answer: Callable[[], Response]) -> Response:
    try:
        return answer()
    except BankError as error:
        log.info("call.refused", status=error.status, code=error.code)
        return error_response(error)
    except Exception:  # noqa: BLE001 (the last guard: a bug must not show its stack to a caller)
        return error_response(recorded_bug())


def recorded_bug() -> BankError:
    """What a caller is told of an exception that nobody foresaw; called while it is being handled.

    What Firestore refuses for what it is came with the call, though no rule of ours refused it: that is no bug.
    """
    if isinstance(sys.exception(), NotStorable):
        log.info("call.refused", status=InvalidArgument.status, code="not_storable")
        return InvalidArgument("a value of this call cannot be stored", code="not_storable")
    log.exception("call.failed")
    return BankError("an error of ours; it has been recorded", code="internal")


def _read_rest(request: Request, route: Route) -> tuple[dict[str, Any], bool]:
    """The fields of a REST call, and whether they came as text (in a query) rather than as JSON."""
    in_path = route.match(request.path)
    if in_path is None:
        raise _no_path()
    if request.method != route.method:
        raise MethodNotAllowed(allowed=route.method)
    in_query = {name: values if name in route.lists else _single(name, values) for name, values in request.args.lists()}
    if route.method != "POST":
        # The body of a GET means nothing (https://www.rfc-editor.org/rfc/rfc9110#name-get), and Hosting drops it.
        if route.method != "GET" and parse_object(read_body(request)):
            raise InvalidArgument("no fields are taken in the body", code="invalid_input")
        given: dict[str, Any] = in_query
    else:
        if in_query:
            raise InvalidArgument("fields belong into the body", code="unexpected_query")
        raw = read_body(request)
        if raw.strip() and not request.is_json:
            raise InvalidArgument("the body must be application/json", code="body_not_json")
        given = parse_object(raw)
    if in_path.keys() & given.keys():
        raise InvalidArgument("a field of the path was given twice", code="invalid_input")
    return {**given, **in_path}, route.method != "POST"


def _single(name: str, values: list[str]) -> str:
    if len(values) != 1:
        raise InvalidArgument(f"{_part(name)} was given more than once", code="invalid_input")
    return values[0]


def _read_callable(request: Request) -> tuple[dict[str, Any], bool]:
    """The fields of a call by the callable protocol."""
    if request.method != "POST":
        raise MethodNotAllowed(allowed="POST")
    if not request.is_json:
        raise InvalidArgument("the body must be application/json", code="body_not_json")
    envelope = parse_object(read_body(request))
    if "data" not in envelope:
        raise InvalidArgument("the body has no field data", code="invalid_input")
    data = envelope["data"]
    if data is None:
        return {}, False
    if not isinstance(data, dict):
        raise InvalidArgument("data is not an object", code="invalid_input")
    return data, False


def _caller(request: Request) -> str:
    scheme, _, id_token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not id_token.strip():
        raise Unauthenticated("sign in first: no ID token was sent", code="id_token_missing")
    app_token = request.headers.get(APP_CHECK, "")
    enforced = container.settings().app_check
    if enforced and not app_token:
        raise Unauthenticated("this app is not attested: no App Check token was sent", code="app_check_missing")
    _refuse_often_refused(id_token.strip())
    user = container.callers().verify(id_token.strip())
    _refuse_often_refused(id_token.strip(), user.uid)
    request_context.user.set(user)
    # After the user: nobody who is not signed in makes us fetch keys.
    request_context.app.set(container.callers().verify_app(app_token) if enforced else None)
    return user.uid


def _refuse_often_refused(id_token: str, uid: str | None = None) -> None:
    wait = container.refused_calls().wait(id_token, uid, now=container.clock().now())
    if wait is not None:
        raise ResourceExhausted("too many refused calls", code="rate_limited", retry_after_seconds=wait)


@contextmanager
def _counted_if_refused(uid: str) -> Iterator[None]:
    try:
        yield
    except (BankError, NotStorable) as error:
        if not isinstance(error, BankError) or error.http < 500:
            container.refused_calls().add(uid, now=container.clock().now())
        raise


def _validated(takes: type[Input], fields: dict[str, Any], *, from_text: bool) -> Input:
    try:
        return takes.model_validate(fields, strict=False if from_text else None)
    except ValidationError as error:
        # Places and reasons only: the values may be tokens.
        reasons = [f"{_place(e)}: {_reason(e)}" for e in error.errors(include_input=False)]
        raise InvalidArgument("; ".join(reasons[:5]), code="invalid_input") from None


def _place(error: Any) -> str:
    """Where the fault is; of names that are none of ours only those that look like a field's."""
    return ".".join(map(_part, error["loc"])) or "input"


def _part(name: str | int) -> str:
    return str(name) if isinstance(name, int) or _FIELD.fullmatch(name) else "(a name)"


def _reason(error: Any) -> str:
    """Why an input was refused, without the words of the library that refused it."""
    if error["type"] == "model_type":
        return "must be an object"
    return str(error["msg"]).removeprefix("Value error, ")


def _with_cors(request: Request, response: Response) -> Response:
    """Lets browser apps of allowed origins read the answer. No cookies are involved: the ID token is the only key."""
    origin = request.headers.get("Origin")
    allowed = container.settings().cors_origins
    response.headers.add("Vary", "Origin")
    if origin and ("*" in allowed or origin in allowed):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = f"{REQUEST_ID}, Retry-After"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE, OPTIONS"
            asked = request.headers.get("Access-Control-Request-Headers", "")
            response.headers["Access-Control-Allow-Headers"] = asked if _HEADER_NAMES.fullmatch(asked) else _HEADERS
            response.headers["Access-Control-Max-Age"] = "3600"
    return response


def limited(uid: str, action: str, per_minute: int) -> None:
    """Counts a call against the user's limit.

    Raises:
        ResourceExhausted: Too many; the refused call is not counted.
    """
    wait = container.limits().spend(uid, action, per_minute=per_minute, now=container.clock().now())
    if wait is not None:
        raise ResourceExhausted("too many calls", code="rate_limited", retry_after_seconds=wait)
