"""Reads hand-written JSON leniently: a value of the wrong type counts as missing."""

from datetime import date
from decimal import Decimal
from typing import Any

from emulators.plaid import wire

Json = dict[str, Any]
_ADDRESS = ("city", "region", "postal_code", "country")
UNOFFICIAL_CURRENCIES = frozenset(
    wire.words(
        "ADA BAT BCH BNB BSV BTC BTG CNH DASH DOGE ETC ETH GBX LSK NEO OMG QTUM USDT XLM XMR XRP ZEC ZRX",
    )
)
"""Source: plaid.com/docs/api/accounts/#currency-code-schema."""


def mapping(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Json]:
    """The objects of a list; a single object counts as a list of one."""
    found = [value] if isinstance(value, dict) else value if isinstance(value, list) else []
    return [element for element in found if isinstance(element, dict)]


def text(value: Any) -> str | None:
    """A string, or the digits of a number; an empty string counts as missing."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def day(value: Any) -> str | None:
    """A date as YYYY-MM-DD, also from a date-time."""
    try:
        return date.fromisoformat(str(value)[:10]).isoformat()
    except ValueError:
        return None


def boolean(value: Any, otherwise: bool | None = None) -> bool | None:
    return value if isinstance(value, bool) else otherwise


def number(value: Any) -> Decimal | int | None:
    """A number with the digits it was written with, also from a string."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return value
    return wire.decimal(value)


def whole(value: Any) -> int | None:
    found = wire.decimal(value)
    return int(found) if found is not None and found == int(found) else None


def one_of(value: Any, allowed: tuple[str, ...], otherwise: str | None = None) -> str | None:
    return value if value in allowed else otherwise


def currencies(value: Any, otherwise: tuple[str | None, str | None]) -> tuple[str | None, str | None]:
    """`iso_currency_code` and `unofficial_currency_code` of a code, of which exactly one is null."""
    code = text(value)
    if code is None:
        return otherwise
    return (None, code) if code in UNOFFICIAL_CURRENCIES else (code, None)


def address(written: Any, no_street: str | None = None) -> Json:
    data = mapping(written)
    return {"street": text(data.get("street")) or no_street, **{key: text(data.get(key)) for key in _ADDRESS}}


def says_something(value: Any) -> bool:
    """Whether a value of a template was filled in: nulls, flags and empty strings alone say nothing."""
    if isinstance(value, dict):
        return any(says_something(inner) for inner in value.values())
    if isinstance(value, list):
        return any(says_something(inner) for inner in value)
    return value not in (None, "") and not isinstance(value, bool)
