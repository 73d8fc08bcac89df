"""What the store should contain for the bank's data, derived from the contract and Plaid's documentation alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tests.firestore_rest import Json

_CATEGORY = ("primary", "detailed", "confidence_level", "version")


class Number(str):
    """A JSON number as its text, digit for digit."""

    __slots__ = ()


def transaction_document(given: Json) -> Json:
    """Plaid's transaction as the contract's document. Amounts are positive for money out, in both."""
    category = given.get("personal_finance_category")
    return {
        **{name: given[name] for name in ("transaction_id", "account_id", "date", "name", "pending")},
        **{
            name: given.get(name)
            for name in (
                *("authorized_date", "iso_currency_code", "unofficial_currency_code", "merchant_name"),
                *("pending_transaction_id", "payment_channel", "logo_url", "website"),
            )
        },
        "datetime": _moment(given.get("datetime")),
        "amount": plain(given["amount"]),
        "amount_value": float(given["amount"]),
        "category": category and {name: category.get(name) for name in _CATEGORY},
        "counterparties": _numbers(given.get("counterparties") or []),
        "location": _numbers(given.get("location")),
    }


def account_document(given: Json) -> Json:
    """Plaid's account as the contract's document."""
    balances = given["balances"]
    money = {name: balances[name] and plain(balances[name]) for name in ("current", "available", "limit")}
    currencies = {name: balances[name] for name in ("iso_currency_code", "unofficial_currency_code")}
    names = ("account_id", "name", "official_name", "mask", "type", "subtype")
    return {**{name: given[name] for name in names}, "balances": money | currencies}


def plain(number: str) -> str:
    """A number's text as a decimal: digit for digit, but without an exponent."""
    if "e" not in number.lower():
        return str(number)
    digits, _, power = number.lower().partition("e")
    whole, _, fraction = digits.lstrip("-").partition(".")
    places = len(fraction) - int(power)
    padded = (whole + fraction).rjust(places + 1, "0") if places > 0 else whole + fraction + "0" * -places
    text = f"{padded[:-places]}.{padded[-places:]}" if places > 0 else padded
    return f"-{text}" if digits.startswith("-") else text


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _numbers(value: Any) -> Any:
    """The value with `Number`s converted to numbers, for data that is stored as Plaid sent it."""
    match value:
        case Number():
            return float(value)
        case dict():
            return {name: _numbers(inner) for name, inner in value.items()}
        case list():
            return [_numbers(inner) for inner in value]
        case _:
            return value


def compared(kind: str, expected: list[Json], stored: dict[str, Json], key: str) -> Iterator[str]:
    wanted = {document[key]: document for document in expected}
    assert len(wanted) == len(expected), f"the bank names a {kind} twice"
    for missing in sorted(wanted.keys() - stored.keys()):
        yield f"{kind} {missing} is missing"
    for extra in sorted(stored.keys() - wanted.keys()):
        yield f"{kind} {extra} is not at the bank"
    for name in sorted(wanted.keys() & stored.keys()):
        for field, value in wanted[name].items():
            yield from unequal(f"{kind} {name}.{field}", value, stored[name].get(field))


def unequal(where: str, wanted: object, stored: object) -> Iterator[str]:
    """Whether two values differ. Absent equals null for clients; 1 and 1.0 are different amounts, so types count."""
    if wanted != stored or (wanted is not None and type(wanted) is not type(stored)):
        yield f"{where}: {stored!r} instead of {wanted!r}"
