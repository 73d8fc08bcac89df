"""The types of request fields, and the validation of a request with its field table.

Sources: plaid.com/docs/errors/invalid-request (MISSING_FIELDS, UNKNOWN_FIELDS, INVALID_FIELD) and the recorded Sandbox
answers in the tests of plaid-ruby. Missing fields are reported first, then unknown ones, then the first invalid one.
A field that is null counts as absent, because Plaid's own sample applications send `"cursor": null` and
`"access_token": null`.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from emulators.plaid.errors import PlaidError


def invalid(message: str) -> PlaidError:
    return PlaidError("INVALID_FIELD", message)


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Any value.

    `required`: it must be present. `nullable`: null is a value of its own, which the handler receives.
    `refuses_null`: null is invalid. Otherwise null counts as absent.
    """

    required: bool = False
    nullable: bool = False
    refuses_null: bool = False

    def check(self, name: str, value: Any) -> None:
        if value is not None:
            self.check_value(name, value)
        elif not self.nullable:
            raise invalid(f"{name} must not be null")

    def check_value(self, name: str, value: Any) -> None:
        """Raises INVALID_FIELD if the value (never null) is not of this type."""

    def children(self, name: str, value: Any) -> Iterator[tuple[str, "Fields", Any]]:  # noqa: ARG002 - none here
        """The objects inside this value, with their own field tables."""
        yield from ()

    def without_nulls(self, value: Any) -> Any:
        """The value without the fields inside it that count as absent."""
        return value


@dataclass(frozen=True, kw_only=True)
class Text(Kind):
    least: int = 0
    most: int | None = None
    pattern: str | None = None

    def check_value(self, name: str, value: Any) -> None:
        if not isinstance(value, str):
            raise invalid(f"{name} must be a string")
        if len(value) < self.least:
            raise invalid(f"{name} must be a non-empty string")
        if self.most is not None and len(value) > self.most:
            raise invalid(f"{name} must be at most {self.most} characters long")
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise invalid(f"{name} is not in a valid format")


@dataclass(frozen=True, kw_only=True)
class Whole(Kind):
    least: int | None = None
    most: int | None = None

    def check_value(self, name: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or value != int(value):
            raise invalid(f"{name} must be an integer")
        if self.least is not None and value < self.least:
            raise invalid(f"{name} must be greater than or equal to {self.least}")
        if self.most is not None and value > self.most:
            raise invalid(f"{name} must be less than or equal to {self.most}")


@dataclass(frozen=True, kw_only=True)
class Number(Kind):
    def check_value(self, name: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise invalid(f"{name} must be a number")


@dataclass(frozen=True, kw_only=True)
class Flag(Kind):
    def check_value(self, name: str, value: Any) -> None:
        if not isinstance(value, bool):
            raise invalid(f"{name} must be a boolean")


@dataclass(frozen=True, kw_only=True)
class OneOf(Kind):
    values: Collection[str]

    def check_value(self, name: str, value: Any) -> None:
        if value not in self.values:
            raise invalid(f"{name} must be one of: {', '.join(self.values)}")


@dataclass(frozen=True, kw_only=True)
class Product(OneOf):
    """A product. Plaid answers an unknown one with INVALID_PRODUCT, as recorded in the tests of plaid-ruby."""

    def check_value(self, name: str, value: Any) -> None:
        if not isinstance(value, str):
            raise invalid(f"{name} must be a string")
        if value not in self.values:
            raise PlaidError("INVALID_PRODUCT", f'{name.partition("[")[0]} contains invalid products: ["{value}"]')


@dataclass(frozen=True, kw_only=True)
class Phone(Kind):
    """A phone number in any notation: Plaid's clients send `2025550165` as well as `+1 415 555 0123`.

    The number of digits must be plausible; E.164 allows 15.
    """

    def check_value(self, name: str, value: Any) -> None:
        if not isinstance(value, str) or not re.fullmatch(r"\+?(?:[ ().-]*\d){7,15}[ ().-]*", value):
            raise invalid(f"{name} must be a valid phone number")


@dataclass(frozen=True, kw_only=True)
class OwnUserId(Text):
    """The application's id of its user. An e-mail address or a phone number is personal data, which Plaid refuses.

    Bare digits are an ordinary id: the tests of Plaid's clients send the time.
    """

    def check_value(self, name: str, value: Any) -> None:
        super().check_value(name, value)
        if re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value) or _is_written_as_phone_number(value):
            raise invalid(f"{name} must not be personal data such as an e-mail address")


def _is_written_as_phone_number(text: str) -> bool:
    international = r"\+(?:[ ().-]*\d){8,15}"
    american = r"(?:1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}"
    return re.fullmatch(f"{international}|{american}", text) is not None


@dataclass(frozen=True, kw_only=True)
class Day(Kind):
    def check_value(self, name: str, value: Any) -> None:
        try:
            if not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
                raise ValueError(value)
            date.fromisoformat(value)
        except (TypeError, ValueError):
            raise invalid(f"{name} must be a string of the format 'YYYY-MM-DD'") from None


@dataclass(frozen=True, kw_only=True)
class Moment(Kind):
    def check_value(self, name: str, value: Any) -> None:
        try:
            if datetime.fromisoformat(value).tzinfo is None:
                raise ValueError(value)
        except (TypeError, ValueError):
            raise invalid(f"{name} must be an ISO 8601 date-time with a time zone") from None


@dataclass(frozen=True, kw_only=True)
class Url(Kind):
    def check_value(self, name: str, value: Any) -> None:
        try:
            parts = urlsplit(value) if isinstance(value, str) else None
            good = parts is not None and parts.scheme in {"http", "https"} and bool(parts.hostname)
        except ValueError:
            good = False
        if not good or " " in value:
            raise invalid(f"{name} must be a valid URL")


@dataclass(frozen=True, kw_only=True)
class ListOf(Kind):
    of: Kind = field(default_factory=Kind)
    least: int = 0
    most: int | None = None

    def check_value(self, name: str, value: Any) -> None:
        if not isinstance(value, list):
            raise invalid(f"{name} must be an array")
        if len(value) < self.least:
            raise invalid(f"{name} must contain at least {self.least} element{'s' * (self.least > 1)}")
        if self.most is not None and len(value) > self.most:
            raise invalid(f"{name} must contain at most {self.most} elements")
        for i, element in enumerate(value):
            self.of.check(f"{name}[{i}]", element)

    def children(self, name: str, value: Any) -> Iterator[tuple[str, "Fields", Any]]:
        if isinstance(value, list):
            for i, element in enumerate(value):
                yield from self.of.children(f"{name}[{i}]", element)

    def without_nulls(self, value: Any) -> Any:
        return [self.of.without_nulls(element) for element in value] if isinstance(value, list) else value


_UNKNOWN = Kind(nullable=True)


@dataclass(frozen=True, kw_only=True)
class Fields(Kind):
    """An object with a field table."""

    table: Mapping[str, Kind]

    def check_value(self, name: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise invalid(f"{name} must be an object")
        for key, inner in value.items():
            self.table[key].check(f"{name}.{key}" if name else key, inner)

    def children(self, name: str, value: Any) -> Iterator[tuple[str, "Fields", Any]]:
        if isinstance(value, dict):
            yield name, self, value
            for key, kind in self.table.items():
                if key in value:
                    yield from kind.children(f"{name}.{key}" if name else key, value[key])

    def without_nulls(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        known = {key: self.table.get(key, _UNKNOWN) for key in value}
        return {
            key: known[key].without_nulls(inner)
            for key, inner in value.items()
            if inner is not None or known[key].nullable or known[key].refuses_null
        }


@dataclass(frozen=True, kw_only=True)
class AccountIds(ListOf):
    """`account_ids`. The message is the Sandbox's, as recorded in the tests of plaid-ruby."""

    of: Kind = field(default_factory=lambda: Text(least=1))
    least: int = 1

    def check_value(self, name: str, value: Any) -> None:
        try:
            super().check_value(name, value)
        except PlaidError as error:
            raise invalid(f"{name} must be a non-empty array of valid account ids") from error


@dataclass(frozen=True, kw_only=True)
class Free(Kind):
    """An object of a product that the simulator does not implement: accepted without validation."""

    def check_value(self, name: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise invalid(f"{name} must be an object")


def hold_against(fields: Fields, body: dict[str, Any]) -> dict[str, Any]:
    """The validated body, without the fields that count as absent. Raises the error that Plaid would return, if any."""
    body = fields.without_nulls(body)
    missing: list[str] = []
    unknown: list[str] = []
    for name, inner, value in fields.children("", body):
        prefix = f"{name}." if name else ""
        missing += [prefix + key for key, kind in inner.table.items() if kind.required and key not in value]
        unknown += [prefix + key for key in value if key not in inner.table]
    if missing:
        raise PlaidError("MISSING_FIELDS", f"the following required fields are missing: {', '.join(missing)}")
    if unknown:
        names = ", ".join(unknown)
        raise PlaidError("UNKNOWN_FIELDS", f"the following fields are not recognized by this endpoint: {names}")
    fields.check("", body)
    return body
