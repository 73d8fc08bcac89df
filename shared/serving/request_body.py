"""Reads request bodies: limits their size, and parses JSON objects."""

import json
from typing import Any

from flask import Request

from shared.domain.errors import InvalidArgument, PayloadTooLarge

MAX_BODY_BYTES = 256 * 1024  # ten items with all their accounts need a tenth of it


def read_body(request: Request) -> bytes:
    """The raw body.

    The framework always reads a body to its end, so reading less saves nothing; the platform accepts at most 32 MiB:
    https://cloud.google.com/functions/quotas

    Raises:
        PayloadTooLarge: The body exceeds MAX_BODY_BYTES.
    """
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise PayloadTooLarge("the body must not exceed 256 KiB", code="body_too_large")
    raw = request.get_data(cache=True)
    if len(raw) > MAX_BODY_BYTES:
        raise PayloadTooLarge("the body must not exceed 256 KiB", code="body_too_large")
    return raw


def parse_object(raw: bytes) -> dict[str, Any]:
    """Parses a JSON object; an empty body counts as an empty object.

    Raises:
        InvalidArgument: The body is not a JSON object.
    """
    if not raw.strip():
        return {}
    try:
        parsed = json.loads(raw)
    except (ValueError, RecursionError):
        raise InvalidArgument("the body is not valid JSON", code="body_not_json") from None
    if not isinstance(parsed, dict):
        raise InvalidArgument("the body must be a JSON object", code="body_not_an_object")
    return parsed
