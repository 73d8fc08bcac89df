"""JSON on the wire: numbers keep their original digits.

Plaid's amounts may have any number of decimals. They are read as `Decimal` and written as the same digits, which
`json.dumps` cannot do. A `Raw` value is serialized JSON, such as a page of transactions.
"""

import json
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from json.encoder import encode_basestring_ascii
from typing import Any

_CANNOT = "cannot be written as JSON"


def words(text: str, separator: str | None = None) -> tuple[str, ...]:
    """Splits a list that is easier to read as text."""
    return tuple(text.split(separator))


class Raw(bytes):
    """JSON text that is written unchanged."""


def loads(text: str | bytes) -> Any:
    """Reads JSON; numbers with a point or an exponent become `Decimal`. Raises ValueError."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except (RecursionError, InvalidOperation) as error:
        raise ValueError(str(error)) from error


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def dumps(value: Any) -> bytes:
    """Writes JSON without spaces, ASCII only. Raises TypeError for what JSON does not have, and ValueError for NaN."""
    try:
        return _ENCODER.encode(value).encode("ascii")
    except _NeedsDigits:
        return _text(value).encode("ascii")


class _NeedsDigits(Exception):
    """A value that only `_text` can write."""


def _needs_digits(_: Any) -> None:
    raise _NeedsDigits


_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_needs_digits)


def _text(value: Any) -> str:
    match value:
        case None:
            return "null"
        case True:
            return "true"
        case False:
            return "false"
        case str():
            return encode_basestring_ascii(value)
        case dict():
            return "{" + ",".join(f"{encode_basestring_ascii(str(k))}:{_text(v)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(_text, value)) + "]"
        case int():
            return str(int(value))
        case Decimal():
            return number(value)
        case float():
            return json.dumps(value, allow_nan=False)
        case Raw():
            return value.decode("ascii")
        case _:
            raise TypeError(f"{type(value).__name__} {_CANNOT}")


def number(value: Decimal) -> str:
    """The digits of a decimal as a JSON number: `12.50` stays `12.50`, never `1.25E+1` for everyday sizes."""
    if not value.is_finite():
        raise TypeError(f"{value} {_CANNOT}")
    return format(value, "f") if -40 < value.adjusted() < 40 else str(value)


def array(parts: Iterable[bytes]) -> Raw:
    """A JSON array of serialized values."""
    return Raw(b"[" + b",".join(parts) + b"]")


def decimal(value: Any) -> Decimal | None:
    """A number in any hand-written form (12, 12.0, "12.50"), or None."""
    if value is None or isinstance(value, bool):
        return None
    try:
        result = Decimal(str(value).strip().replace(",", ""))
    except InvalidOperation:
        return None
    return result if result.is_finite() else None
