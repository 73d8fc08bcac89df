"""Converts any value of a provider to one that Firestore can store.

Firestore's limits: https://firebase.google.com/docs/firestore/quotas. A value that is out of range, of an
unsupported type, or nested too deeply becomes None; the values around it are kept. The hot path checks cheaply for
ordinary values and calls these functions only for others.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

MAX_ID_BYTES = 1_500
MAX_NAME_BYTES = 90  # of a nested field: Firestore limits the whole path to 1,500
MAX_DEPTH = 15  # of maps and lists below one field; Firestore allows 20 levels in all
MAX_ELEMENTS = 1_000  # of one list or map
MAX_BYTES = 900_000  # of a document of 1 MiB; the rest is for field names and the user's notes
_RESERVED = re.compile(r"__.*__", re.DOTALL)
_INT64 = range(-(2**63), 2**63)


def is_document_id(value: object) -> bool:
    """Whether a value is a valid document id and field name.

    An id with a replacement character is refused: it lost bytes when it was decoded, so two ids could have become one.
    """
    if not isinstance(value, str) or not value or value in (".", "..") or _RESERVED.fullmatch(value):
        return False
    return "/" not in value and "\0" not in value and "\ufffd" not in value and _bytes(value) <= MAX_ID_BYTES


def is_day(value: object) -> bool:
    """Whether a value is a calendar day as `YYYY-MM-DD`."""
    if not isinstance(value, str) or len(value) != 10 or not value[4] == value[7] == "-":
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def moment(value: object) -> datetime | None:
    """An ISO 8601 time as an aware datetime (UTC if it has no zone); None for anything else.

    Also None if the time in UTC is outside the years 1 to 9999, which neither Python nor Firestore supports.
    """
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        if at is None:
            return None
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        if not 1 < at.year < 9999:
            at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at


def text(value: object, *, limit: int = MAX_BYTES) -> str | None:
    """A string of at most `limit` bytes; None for anything else."""
    return value if isinstance(value, str) and _bytes(value) <= limit else None


def storable(value: Any) -> Any:
    """The value in storable form: unstorable values in it are None, or left out if their name is unstorable."""
    return make_storable(value)[0]


def make_storable(value: Any) -> tuple[Any, int]:
    """The value in storable form (None if it exceeds a document), and the number of values that were lost."""
    lost: list[None] = []
    held = _make_storable(value, lost, depth=0, in_list=False)
    return (held, len(lost)) if weight(held) <= MAX_BYTES else (None, len(lost) + 1)


def _make_storable(value: Any, lost: list[None], *, depth: int, in_list: bool) -> Any:
    held: Any = None
    match value:
        case None | bool():
            return value
        case str():
            held = text(value)
        case int():
            held = value if value in _INT64 else _double(value)
        case float() | Decimal():
            held = _double(value)
        case Mapping() if depth < MAX_DEPTH and len(value) <= MAX_ELEMENTS:
            named = {name: inner for name, inner in value.items() if _is_field_name(name)}
            lost.extend([None] * (len(value) - len(named)))
            return {name: _make_storable(inner, lost, depth=depth + 1, in_list=False) for name, inner in named.items()}
        case list() if depth < MAX_DEPTH and len(value) <= MAX_ELEMENTS and not in_list:  # no list directly in a list
            return [_make_storable(inner, lost, depth=depth + 1, in_list=True) for inner in value]
    if held is None:
        lost.append(None)
    return held


def weight(value: Any) -> int:
    """The size of a value in Firestore in bytes: https://firebase.google.com/docs/firestore/storage-size"""
    match value:
        case None | bool():
            return 1
        case str():
            return _bytes(value) + 1
        case Mapping():
            return 1 + sum(_bytes(name) + 1 + weight(inner) for name, inner in value.items())
        case list():
            return 1 + sum(map(weight, value))
        case _:
            return 8


def _double(number: int | float | Decimal) -> float | None:
    try:
        double = float(number)
    except (OverflowError, ValueError):
        return None
    return double if math.isfinite(double) else None


def _is_field_name(name: object) -> bool:
    return isinstance(name, str) and 0 < _bytes(name) <= MAX_NAME_BYTES and not _RESERVED.fullmatch(name)


def _bytes(value: str) -> int:
    """The length in UTF-8; above every limit if the text cannot be encoded (a lone surrogate)."""
    try:
        return len(value) if value.isascii() else len(value.encode())
    except UnicodeEncodeError:
        return MAX_BYTES + 1
