"""Converts single values of Plaid's responses to storable ones.

Functions named `ordinary_…` are the fast path for almost all rows: they only check that a value needs no repair. For
other rows, functions named `storable_…` repair it. A `required_…` value makes its row unusable if it is malformed, an
`optional_…` one becomes None.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from math import isfinite
from typing import Any

from shared.domain import storable
from shared.domain.storable import MAX_ID_BYTES, is_day, is_document_id
from shared.domain.transaction import Category

Oddities = Counter[str]
"""The number of omitted values by field; it contains field names only, never values."""


class Unusable(ValueError):
    """A response or row lacks a required value; `field` names it."""

    def __init__(self, message: str, *, field: str = "row") -> None:
        super().__init__(message)
        self.field = field


MAX_DIGITS = 400  # of a written amount: a double has at most 309 before the decimal point
ACCOUNT_TEXT = 50_000  # bytes of each of an account's few texts

SHORT_TEXT = 1_500  # bytes of a word, a name or a URL
TEXT_KINDS = frozenset({str, type(None)})  # values of these types need no further check
_ORDINARY_COUNT = 20  # of counterparties
_PARTS = frozenset(
    {
        *("name", "type", "entity_id", "website", "logo_url", "confidence_level", "phone_number", "account_numbers"),
        *("address", "city", "region", "postal_code", "country", "lat", "lon", "store_number"),
    }
)


class Unordinary(Exception):
    """A value needs further checks, and perhaps repair."""


def optional_text(value: object, name: str, odd: Oddities, *, limit: int = ACCOUNT_TEXT) -> str | None:
    """A storable text, or None."""
    held = storable.text(value, limit=limit)
    odd[name] += held is None and value is not None
    return held


def required_id(value: Any, field: str) -> str:
    """A valid document id.

    Raises:
        Unusable: The value is not a valid document id.
    """
    if type(value) is str and value.isalnum() and value.isascii() and len(value) <= MAX_ID_BYTES:
        return value
    if not is_document_id(value):
        raise Unusable(f"{field} is not a valid id", field=field)
    return str(value)


def optional_id(value: Any, odd: Oddities) -> str | None:
    """The id of another row; None if it is not a valid id."""
    try:
        return required_id(value, "pending_transaction_id")
    except Unusable:
        odd["pending_transaction_id"] += bool(value)
        return None


def required_amount(given: Any, field: str = "amount") -> tuple[str, float]:
    """A number as sent, without an exponent, and its value as a double.

    Raises:
        Unusable: The value is not a number.
    """
    if type(given) is Decimal and len(text := str(given)) <= 30 and "E" not in text:
        return text, float(given)
    if (written := _number(given)) is None:
        raise Unusable(f"the row has no valid {field}", field=field)
    return written, float(given)


def optional_amount(given: Any, odd: Oddities, name: str = "balances") -> str | None:
    """An amount, such as that of a balance, as text; None if it is not a number."""
    written = None if given is None else _number(given)
    odd[name] += written is None and given is not None
    return written


def _number(given: Any) -> str | None:
    """A number as text; None if a double cannot approximate it, or if it needs more than MAX_DIGITS digits."""
    if isinstance(given, bool) or not isinstance(given, int | Decimal):
        return None
    try:
        if not isfinite(float(given)):
            return None
    except (OverflowError, ValueError):
        return None
    if isinstance(given, int):
        return str(given)
    places = given.as_tuple()
    if not isinstance(places.exponent, int) or max(len(places.digits), abs(places.exponent)) > MAX_DIGITS:
        return None
    return format(given, "f")


def required_date(given: Any, field: str = "date") -> str:
    """A calendar day.

    Raises:
        Unusable: The value is not a calendar day.
    """
    if not is_day(given):
        raise Unusable(f"the row has no valid {field}", field=field)
    return str(given)


def optional_date(given: Any, odd: Oddities, name: str = "authorized_date") -> str | None:
    """A calendar day; None if the value is not one."""
    if is_day(given):
        return str(given)
    odd[name] += 1
    return None


def optional_time(given: Any, name: str, odd: Oddities) -> datetime | None:
    """An aware time; None if the value is not a time, or cannot be stored."""
    at = storable.moment(given)
    if at is None:
        odd[name] += 1
    return at


def flag(given: Any, odd: Oddities) -> bool:
    """False, for a value that is not a boolean; counts it."""
    odd["pending"] += given is not None
    return False


def optional_category(given: Any, odd: Oddities) -> Category | None:
    """The personal finance category; None without a primary category."""
    if type(given) is not dict:
        odd["category"] += 1
        return None
    get = given.get
    primary, detailed, level, version = get("primary"), get("detailed"), get("confidence_level"), get("version")
    if not primary:
        return None
    texts = type(level) in TEXT_KINDS and type(version) in TEXT_KINDS
    if texts and type(primary) is str and type(detailed) is str:
        return {"primary": primary, "detailed": detailed or primary, "confidence_level": level, "version": version}
    held = [storable.text(value, limit=SHORT_TEXT) for value in (primary, detailed, level, version)]
    odd["category"] += 1
    if not held[0]:
        return None
    return {"primary": held[0], "detailed": held[1] or held[0], "confidence_level": held[2], "version": held[3]}


def ordinary_list(given: Any) -> list[dict[str, Any]]:
    """Ordinary counterparties.

    Raises:
        Unordinary: They need further checks.
    """
    if type(given) is not list or len(given) > _ORDINARY_COUNT:
        raise Unordinary
    return [ordinary_map(one) for one in given]


def ordinary_map(given: Any) -> dict[str, Any]:
    """An ordinary map, with doubles for decimals: except amounts, numbers are stored and compared as Firestore doubles.

    Raises:
        Unordinary: It needs further checks.
    """
    if type(given) is not dict or not given.keys() <= _PARTS:
        raise Unordinary
    if TEXT_KINDS.issuperset(map(type, given.values())):
        return given
    made = given.copy()
    for name, value in given.items():
        if type(value) is Decimal:
            made[name] = double = float(value)
            if not isfinite(double):
                raise Unordinary
        elif type(value) not in TEXT_KINDS:
            raise Unordinary
    return made


def storable_list(given: Any, odd: Oddities) -> list[dict[str, Any]]:
    """The counterparties that are maps, in storable form; all others are counted."""
    if not given:
        return []
    if not isinstance(given, list) or len(given) > storable.MAX_ELEMENTS:
        odd["counterparties"] += 1
        return []
    kept = [one for one in given if isinstance(one, Mapping)]
    odd["counterparties"] += len(given) - len(kept)
    return [storable_map(one, "counterparties", odd) for one in kept]


def storable_map(given: Any, name: str, odd: Oddities) -> Any:
    """A map in storable form; lost values are counted."""
    held, lost = storable.make_storable(given)
    odd[name] += lost
    return held
