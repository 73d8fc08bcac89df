"""Reads and validates the fields of REST and callable requests."""

import re
from typing import Any, TypeVar

from flask import Request
from pydantic import BaseModel, ValidationError

from shared.domain.errors import InvalidArgument, MethodNotAllowed
from shared.serving.http import Route, path_not_found
from shared.serving.request_body import parse_object, read_body

MAX_REASONS = 5

_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")

Input = TypeVar("Input", bound=BaseModel)


def read_rest(request: Request, route: Route) -> dict[str, Any]:
    """The fields of a REST request: from the path, and from the body (POST) or the query (other methods).

    Raises:
        NotFound: The path does not match the route.
        MethodNotAllowed: The method does not match the route.
        InvalidArgument: The body is not a JSON object, or fields are in the wrong place or given twice.
        PayloadTooLarge: The body is too long.
    """
    in_path = route.match(request.path)
    if in_path is None:
        raise path_not_found()
    if request.method != route.method:
        raise MethodNotAllowed(allowed=route.method)
    in_query = {name: values if name in route.lists else _single(name, values) for name, values in request.args.lists()}
    given = _read_post(request, in_query) if route.method == "POST" else _read_query(request, in_query)
    if in_path.keys() & given.keys():
        raise InvalidArgument("send the fields of the path only in the path", code="invalid_input")
    return {**given, **in_path}


def _read_post(request: Request, in_query: dict[str, Any]) -> dict[str, Any]:
    if in_query:
        raise InvalidArgument("send fields in the body, not in the query", code="unexpected_query")
    raw = read_body(request)
    if raw.strip() and not request.is_json:
        raise InvalidArgument("the body must be application/json", code="body_not_json")
    return parse_object(raw)


def _read_query(request: Request, in_query: dict[str, Any]) -> dict[str, Any]:
    # The body of a GET has no meaning (https://www.rfc-editor.org/rfc/rfc9110#name-get), and Hosting drops it.
    if request.method != "GET" and parse_object(read_body(request)):
        raise InvalidArgument("this method takes no fields in the body", code="invalid_input")
    return in_query


def _single(name: str, values: list[str]) -> str:
    if len(values) != 1:
        raise InvalidArgument(f"send {_safe_name(name)} only once", code="invalid_input")
    return values[0]


def read_callable(request: Request) -> dict[str, Any]:
    """The fields of a callable request.

    Raises:
        MethodNotAllowed: The method is not POST.
        InvalidArgument: The body does not follow the callable protocol.
        PayloadTooLarge: The body is too long.
    """
    if request.method != "POST":
        raise MethodNotAllowed(allowed="POST")
    if not request.is_json:
        raise InvalidArgument("the body must be application/json", code="body_not_json")
    envelope = parse_object(read_body(request))
    if "data" not in envelope:
        raise InvalidArgument("the body must have a field `data`", code="invalid_input")
    data = envelope["data"]
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise InvalidArgument("`data` must be an object", code="invalid_input")
    return data


def validate(model: type[Input], fields: dict[str, Any], *, from_text: bool) -> Input:
    """Validates the fields with a model.

    Args:
        model: The model of the function's input.
        fields: The fields of the request.
        from_text: Whether the fields are text (from a path or a query) and must be converted.

    Raises:
        InvalidArgument: A field is invalid; the message has names and reasons, never values, which may be tokens.
    """
    try:
        return model.model_validate(fields, strict=False if from_text else None)
    except ValidationError as error:
        reasons = [f"{_location(detail)}: {_reason(detail)}" for detail in error.errors(include_input=False)]
        raise InvalidArgument("; ".join(reasons[:MAX_REASONS]), code="invalid_input") from None


def _location(detail: Any) -> str:
    return ".".join(map(_safe_name, detail["loc"])) or "input"


def _safe_name(name: str | int) -> str:
    """A field name from the request; hidden unless it looks like a field name, because it may be a token."""
    return str(name) if isinstance(name, int) or _FIELD_NAME.fullmatch(name) else "(a name)"


def _reason(detail: Any) -> str:
    """The reason without pydantic's prefixes."""
    if detail["type"] == "model_type":
        return "must be an object"
    return str(detail["msg"]).removeprefix("Value error, ")
