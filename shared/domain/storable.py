"""What the store can hold, whatever a provider sends.

Firestore's limits: https://firebase.google.com/docs/firestore/quotas. A value that is out of range, of a kind without
a counterpart, or too deep becomes None; everything around it stays. The functions here are for values that are not
ordinary already: the hot path checks that cheaply and comes here only with the others.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

MAX_ID_BYTES = 1_500
MAX_NAME_BYTES = 90  # of a field below another: Firestore counts the whole path, which may have 1,500
MAX_DEPTH = 15  # of maps and lists below one field; Firestore allows 20 levels in all
MAX_ELEMENTS = 1_000  # of one list or map
MAX_BYTES = 900_000  # of a document of 1 MiB: the rest is for field names and for what the user writes
_RESERVED = re.compile(r"__.*__", re.DOTALL)
_INT64 = range(-(2**63), 2**63)


def is_document_id(value: object) -> bool:
    """Whether a value can name a document, and a field: an id that is unique as it is, and refused by nothing.

    A replacement character stands for bytes that were lost when the text was read: two ids could have become one.
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
    """An ISO 8601 time, aware (UTC where it names no zone); None for anything else.

    Also None outside the years 1 to 9999 once converted to UTC: neither Python nor Firestore can hold it there.
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
    """A string of at most so many bytes; None for anything else."""
    return value if isinstance(value, str) and _bytes(value) <= limit else None


def storable(value: Any) -> Any:
    """The same value as the store can hold it: what cannot be held within it is None, or left out with its name."""
    return make_storable(value)[0]


def make_storable(value: Any) -> tuple[Any, int]:
    """The value as the store can hold it, None if it exceeds a document; and how many values within it were lost."""
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
    """The bytes that a value takes in the store: https://firebase.google.com/docs/firestore/storage-size"""
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
    """Its length in UTF-8; more than anything may have if it has none (half a character, alone)."""
    try:
        return len(value) if value.isascii() else len(value.encode())
    except UnicodeEncodeError:
        return MAX_BYTES + 1
