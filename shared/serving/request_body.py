"""Reads the body of a request: how many bytes a caller may send, and what counts as a JSON object."""

import json
from typing import Any

from flask import Request

from shared.domain.errors import InvalidArgument, PayloadTooLarge

MAX_BODY_BYTES = 256 * 1024  # ten items with all their accounts are a tenth of it


def read_body(request: Request) -> bytes:
    """The raw body.

    The framework reads a body to its end whatever the answer is, so reading less saves nothing; the platform accepts
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
    """A JSON object; an empty body is an empty object.

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
