"""The types of request fields, and the validation of a request with its field table.

Sources: plaid.com/docs/errors/invalid-request (MISSING_FIELDS, UNKNOWN_FIELDS, INVALID_FIELD). Missing fields are
reported first, then unknown ones, then the first invalid one.
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
    """Any value. `required`: it must be present; `nullable`: it may be null."""

    required: bool = False
    nullable: bool = False

    def check(self, name: str, value: Any) -> None:
        if value is None:
            if not self.nullable:
                raise invalid(f"{name} must not be null")
            return
        self.check_value(name, value)

    def check_value(self, name: str, value: Any) -> None:
        """Raises INVALID_FIELD if the value (never null) is not of this type."""

    def children(self, name: str, value: Any) -> Iterator[tuple[str, "Fields", Any]]:  # noqa: ARG002 - none here
        """The objects inside this value, with their own field tables."""
        yield from ()


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
class Day(Kind):
    def check_value(self, name: str, value: Any) -> None:
        try:
            if not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
                raise ValueError(value)
            date.fromisoformat(value)
        except (TypeError, ValueError):
            raise invalid(f"{name} must be a date in the form YYYY-MM-DD") from None


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
        if not good or " " in value or len(value) > 2048:
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


@dataclass(frozen=True, kw_only=True)
class Free(Kind):
    """An object of a product that the simulator does not implement: accepted without validation."""

    def check_value(self, name: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise invalid(f"{name} must be an object")


def hold_against(fields: Fields, body: dict[str, Any]) -> None:
    """Raises the error that Plaid would return for this request body, if any."""
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
