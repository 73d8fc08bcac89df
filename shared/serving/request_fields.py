"""Reads the fields of a request, by REST or by the callable protocol, and validates them."""

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
    """The fields of a REST call: of the path, and of the body (POST) or the query (other methods).

    Raises:
        NotFound: The path is not the route's.
        MethodNotAllowed: The method is not the route's.
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
        raise InvalidArgument("a field of the path was given twice", code="invalid_input")
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
        raise InvalidArgument("no fields are taken in the body", code="invalid_input")
    return in_query


def _single(name: str, values: list[str]) -> str:
    if len(values) != 1:
        raise InvalidArgument(f"{_safe_name(name)} was given more than once", code="invalid_input")
    return values[0]


def read_callable(request: Request) -> dict[str, Any]:
    """The fields of a call by the callable protocol.

    Raises:
        MethodNotAllowed: It is not a POST.
        InvalidArgument: The body is not the protocol's.
        PayloadTooLarge: The body is too long.
    """
    if request.method != "POST":
        raise MethodNotAllowed(allowed="POST")
    if not request.is_json:
        raise InvalidArgument("the body must be application/json", code="body_not_json")
    envelope = parse_object(read_body(request))
    if "data" not in envelope:
        raise InvalidArgument("the body has no field data", code="invalid_input")
    data = envelope["data"]
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise InvalidArgument("data is not an object", code="invalid_input")
    return data


def validate(model: type[Input], fields: dict[str, Any], *, from_text: bool) -> Input:
    """The fields as a model.

    Args:
        model: The model of the function's input.
        fields: What the request holds.
        from_text: The fields came as text (in a path or a query), so text is converted.

    Raises:
        InvalidArgument: They do not fit; the message names the fields and reasons, never values, which may be tokens.
    """
    try:
        return model.model_validate(fields, strict=False if from_text else None)
    except ValidationError as error:
        reasons = [f"{_location(detail)}: {_reason(detail)}" for detail in error.errors(include_input=False)]
        raise InvalidArgument("; ".join(reasons[:MAX_REASONS]), code="invalid_input") from None


def _location(detail: Any) -> str:
    return ".".join(map(_safe_name, detail["loc"])) or "input"


def _safe_name(name: str | int) -> str:
    """A name that the caller chose, repeated only if it looks like a field's: it may be a token."""
    return str(name) if isinstance(name, int) or _FIELD_NAME.fullmatch(name) else "(a name)"


def _reason(detail: Any) -> str:
    """The reason without pydantic's own words."""
    if detail["type"] == "model_type":
        return "must be an object"
    return str(detail["msg"]).removeprefix("Value error, ")
